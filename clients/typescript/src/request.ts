/**
 * A call's arguments become a request on the wire, or are refused with the argument's name before any I/O.
 */
import type { CallOptions, OperationInfo, PathArguments, QueryValue } from "./call.js";
import { type Config, checkHeaders } from "./config.js";
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
  if (body === null || (operation.body === "required" && body === undefined)) {
    throw new ConfigError(`${operation.id}: the body is ${String(body)}`, { operationId: operation.id });
  }
  return {
    baseUrl: config.baseUrl,
    method: operation.method,
    path: operation.path,
    pathParams: Object.fromEntries(
      Object.entries(path).map(([name, value]) => [name, encodeSegment(operation.id, name, value)]),
    ),
    query: buildQuery(operation, options),
    headers: {
      ...ownHeaders(operation),
      ...(config.apiKey === undefined ? {} : { authorization: `Bearer ${config.apiKey}` }),
      ...config.headers,
      ...headerOptions(operation, options),
      ...checkHeaders(`${operation.id}: `, options.headers ?? {}),
    },
    body: body === undefined ? undefined : encodeBody(operation.id, body),
  };
}

/** The headers that say what the client is and takes, for either server; no key among them. */
export function ownHeaders(operation: OperationInfo): Record<string, string | null> {
  return {
    accept: operation.result === "text" ? "*/*" : "application/json",
    "user-agent": userAgent(),
  };
}

function refuseUnknownOptions(operation: OperationInfo, options: CallOptions): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new ConfigError(`${operation.id}: options must be an object, found ${describe(options)}`, {
      operationId: operation.id,
    });
  }
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
  const query: Record<string, QueryValue> = { ...operation.fixedQuery };
  const given = options as Readonly<Record<string, QueryValue | undefined>>;
  for (const [option, wire] of Object.entries(operation.query ?? {})) {
    const value = given[option];
    if (value !== undefined) query[wire] = checkQueryValue(operation.id, option, value);
  }
  for (const [wire, value] of Object.entries(options.extraQuery ?? {})) {
    if (value !== undefined) query[wire] = checkQueryValue(operation.id, wire, value);
  }
  return query;
}

/** Only what has one spelling in a query string; null and objects have none. */
function checkQueryValue(operationId: string, name: string, value: unknown): QueryValue {
  const bad = (Array.isArray(value) ? (value as unknown[]) : [value]).find((item) => !isQueryScalar(item));
  if (bad === undefined && !(Array.isArray(value) && value.includes(undefined))) return value as QueryValue;
  throw new ConfigError(
    `${operationId}: ${name} must be a string, a finite number, a boolean, or a list of them, found ${describe(bad)}`,
    { operationId },
  );
}

function isQueryScalar(value: unknown): boolean {
  return (
    typeof value === "string" ||
    typeof value === "boolean" ||
    typeof value === "bigint" ||
    Number.isFinite(value)
  );
}

function headerOptions(operation: OperationInfo, options: CallOptions): Record<string, string | null> {
  const headers: Record<string, string> = {};
  const given = options as Readonly<Record<string, QueryValue | undefined>>;
  for (const [option, wire] of Object.entries(operation.headers ?? {})) {
    const value = given[option];
    if (value !== undefined) headers[wire] = String(checkQueryValue(operation.id, option, value));
  }
  return checkHeaders(`${operation.id}: `, headers);
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
  if (typeof value === "number" || value === null) return String(value);
  const tag = Object.prototype.toString.call(value).slice("[object ".length, -1);
  return typeof value !== "object" || tag === "Object" ? typeof value : `a ${tag}`;
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
