/**
 * A call's arguments become a request on the wire, or are refused with the argument's name before any I/O.
 */
import type { CallOptions, OperationInfo, PathArguments, QueryValue } from "./call.js";
import type { Config } from "./config.js";
import { ConfigError } from "./errors.js";
import { encodeJson, UnencodableError } from "./json.js";
import type { WireRequest } from "./transport.js";
import { VERSION } from "./version.js";

/** Options that every call takes; an operation's own query and header options come on top. */
const CALL_OPTIONS: ReadonlySet<string> = new Set([
  "signal",
  "timeout",
  "totalTimeout",
  "maxRetries",
  "headers",
  "extraQuery",
  "withPerf",
] satisfies (keyof CallOptions)[]);

/** @throws ConfigError for an argument or option that has no form on the wire, or that the operation does not know */
export function buildRequest(
  config: Config,
  operation: OperationInfo,
  path: PathArguments,
  body: unknown,
  options: CallOptions,
): WireRequest {
  refuseUnknownOptions(operation, options);
  return {
    baseUrl: config.baseUrl,
    method: operation.method,
    path: operation.path,
    pathParams: Object.fromEntries(
      Object.entries(path).map(([name, value]) => [name, encodeSegment(operation.id, name, value)]),
    ),
    query: buildQuery(operation, options),
    headers: {
      accept: operation.result === "text" ? "*/*" : "application/json",
      "user-agent": userAgent(),
      ...config.headers,
      ...(config.apiKey === undefined ? {} : { authorization: `Bearer ${config.apiKey}` }),
      ...headerOptions(operation, options),
      ...lowerCaseNames(options.headers ?? {}),
    },
    body: body === undefined ? undefined : encodeBody(operation.id, body),
  };
}

function refuseUnknownOptions(operation: OperationInfo, options: CallOptions): void {
  for (const name of Object.keys(options)) {
    if (
      CALL_OPTIONS.has(name) ||
      operation.query?.[name] !== undefined ||
      operation.headers?.[name] !== undefined
    )
      continue;
    throw new ConfigError(`${operation.id}: unknown option ${name}`, { operationId: operation.id });
  }
}

/** A path segment that is empty or a dot segment would reach another route: URLs resolve it away. */
function encodeSegment(operationId: string, name: string, value: unknown): string {
  const text =
    typeof value === "string" || typeof value === "number" || typeof value === "bigint"
      ? String(value)
      : undefined;
  const refuse = (rule: string): never => {
    throw new ConfigError(`${operationId}: ${name} ${rule}`, { operationId });
  };
  if (text === undefined) return refuse(`must be a string, found ${value === null ? "null" : typeof value}`);
  if (text === "" || text === "." || text === "..") return refuse(`must not be ${JSON.stringify(text)}`);
  try {
    return encodeURIComponent(text);
  } catch {
    return refuse("must be well-formed text, found half of a surrogate pair");
  }
}

function buildQuery(operation: OperationInfo, options: CallOptions): Record<string, QueryValue> {
  const query: Record<string, QueryValue> = {};
  const given = options as Readonly<Record<string, QueryValue | undefined>>;
  for (const [option, wire] of Object.entries(operation.query ?? {})) {
    const value = given[option];
    if (value !== undefined) query[wire] = value;
  }
  for (const [wire, value] of Object.entries(options.extraQuery ?? {})) {
    if (value !== undefined) query[wire] = value;
  }
  return query;
}

function headerOptions(operation: OperationInfo, options: CallOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  const given = options as Readonly<Record<string, QueryValue | undefined>>;
  for (const [option, wire] of Object.entries(operation.headers ?? {})) {
    const value = given[option];
    if (value !== undefined) headers[wire] = Array.isArray(value) ? value.join(",") : String(value);
  }
  return headers;
}

function lowerCaseNames(headers: Readonly<Record<string, string | null>>): Record<string, string | null> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** Encodes a request body as UTF-8 JSON. */
export function encodeBody(operationId: string, body: unknown): Uint8Array {
  try {
    return new TextEncoder().encode(encodeJson(body));
  } catch (error) {
    if (!(error instanceof UnencodableError)) throw error;
    const row = error.rowId === undefined ? "" : ` (id ${JSON.stringify(String(error.rowId))})`;
    throw new ConfigError(
      `${operationId}: ${error.path || "body"}${row}: ${error.message}, found ${describe(error.value)}`,
      {
        operationId,
      },
    );
  }
}

function describe(value: unknown): string {
  return typeof value === "number" ? String(value) : typeof value;
}

interface Globals {
  process?: { versions?: { node?: string; bun?: string } };
  Deno?: { version: { deno: string } };
  navigator?: unknown;
}

/** `hevlayer-typescript/0.1.0 (node/20.20.2)`; null in browsers, where the header is not ours to set. */
function userAgent(): string | null {
  const { process, Deno } = globalThis as Globals;
  const runtime = Deno
    ? `deno/${Deno.version.deno}`
    : process?.versions?.bun
      ? `bun/${process.versions.bun}`
      : process?.versions?.node
        ? `node/${process.versions.node}`
        : undefined;
  return runtime === undefined ? null : `hevlayer-typescript/${VERSION} (${runtime})`;
}
