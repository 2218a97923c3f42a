/**
 * The control driver: raw HTTP from `openapi.yaml` alone.
 *
 * It shares no code with any client. What it cannot do a client may still do (retry, time out, fall through), so the
 * scenarios about those have no cell for it. node:http rather than fetch, because fetch rewrites targets.
 */
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import { createInterface } from "node:readline";
import { gunzipSync, gzipSync } from "node:zlib";
import { loadSpec, type SpecOperation } from "../../src/spec.js";
import {
  fromTagged,
  isObject,
  parseJson,
  printJson,
  toTagged,
  type Value,
  type ValueObject,
} from "../../src/values.js";

interface Call {
  id: number;
  op: string;
  client: { base_url: string; api_key?: string };
  path: Value[];
  query: ValueObject;
  body?: Value;
  options?: { headers?: Record<string, string> };
  iterate?: boolean;
}

interface Exchange {
  status: number;
  headers: Record<string, string>;
  text: string;
}

interface Walk {
  call: Call;
  operation: SpecOperation;
  items: Value[];
  cursor: string | undefined;
  ended: boolean;
}

const TIMEOUT_MS = 25_000;

const CLASSES = new Map([
  [400, "BadRequest"],
  [401, "Authentication"],
  [403, "PermissionDenied"],
  [404, "NotFound"],
  [409, "Conflict"],
  [413, "TooLarge"],
  [422, "Unprocessable"],
  [429, "RateLimit"],
]);

class StatusError extends Error {
  override readonly name = "StatusError";
  constructor(readonly exchange: Exchange) {
    super(`status ${exchange.status}`);
  }
}

const specPath = process.argv[2];
if (specPath === undefined) throw new Error("usage: driver.ts <openapi.yaml>");
const spec = loadSpec(specPath);
const walks = new Map<number, Walk>();

send({
  type: "hello",
  protocol: 1,
  driver: "http",
  runtime: `node ${process.version}`,
  client_version: "none",
});
createInterface({ input: process.stdin }).on("line", (line) => {
  const message = fromTagged(JSON.parse(line) as unknown);
  if (isObject(message)) void dispatch(message);
});

async function dispatch(message: ValueObject): Promise<void> {
  if (message.type === "bye") {
    send({ type: "bye" });
    process.exit(0);
  }
  const id = Number(message.id);
  try {
    if (message.type === "call") send(await call(message as unknown as Call));
    if (message.type === "next") send(await next(id));
    if (message.type === "close") {
      walks.delete(id);
      send({ type: "result", id, done: true });
    }
  } catch (cause) {
    send(errorOf(id, cause));
  }
}

async function call(message: Call): Promise<ValueObject> {
  const started = performance.now();
  if (message.op === "$request") return resultOf(message.id, await raw(message), started, []);
  const operation = spec.get(message.op);
  if (operation === undefined) throw new Error(`the spec has no operation ${message.op}`);
  if (message.iterate === true) {
    walks.set(message.id, { call: message, operation, items: [], cursor: undefined, ended: false });
    return { type: "result", id: message.id, iterator: true };
  }
  return resultOf(message.id, await operate(message, operation, {}), started, operation.meta);
}

/** One page after another, as `x-hev-page` says. */
async function next(id: number): Promise<ValueObject> {
  const walk = walks.get(id);
  const page = walk?.operation.page;
  if (walk === undefined || page === undefined) throw new Error(`no listing is open under id ${id}`);
  while (walk.items.length === 0 && !walk.ended) {
    const more = walk.cursor === undefined ? {} : { [page.cursor]: walk.cursor };
    const body = parseJson((await operate(walk.call, walk.operation, more)).text);
    const items = isObject(body) ? body[page.items] : undefined;
    const cursor = isObject(body) ? body[page.nextField] : undefined;
    walk.items = Array.isArray(items) ? items : [];
    walk.cursor = typeof cursor === "string" && cursor !== "" ? cursor : undefined;
    walk.ended = walk.cursor === undefined;
  }
  const item = walk.items.shift();
  if (item !== undefined) return { type: "result", id, value: item, done: false };
  walks.delete(id);
  return { type: "result", id, done: true };
}

function operate(message: Call, operation: SpecOperation, extra: ValueObject): Promise<Exchange> {
  let target = operation.path;
  operation.pathParams.forEach((name, index) => {
    target = target.replace(`{${name}}`, encodeURIComponent(textOf(message.path[index] ?? "")));
  });
  const query = Object.entries({ ...operation.fixedQuery, ...message.query, ...extra })
    .filter(([, value]) => !isOmitted(value))
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(textOf(value))}`)
    .join("&");
  const body = message.body === undefined ? undefined : Buffer.from(printJson(withoutOmitted(message.body)));
  return exchange(message, operation.method, query === "" ? target : `${target}?${query}`, body, {
    ...(body === undefined ? {} : { "content-type": "application/json" }),
    ...message.options?.headers,
  });
}

function raw(message: Call): Promise<Exchange> {
  const { method, target, headers, json, text, gzip } = message.body as ValueObject;
  const plain = json === undefined ? (text as string | undefined) : printJson(json);
  let body = plain === undefined ? undefined : Buffer.from(plain);
  if (body !== undefined && gzip === true) body = gzipSync(body);
  return exchange(message, String(method), String(target), body, {
    ...(body === undefined ? {} : { "content-type": "application/json" }),
    ...(gzip === true ? { "content-encoding": "gzip" } : {}),
    ...(headers as Record<string, string> | undefined),
  });
}

async function exchange(
  message: Call,
  method: string,
  target: string,
  body: Buffer | undefined,
  headers: Record<string, string>,
): Promise<Exchange> {
  const { base_url: base, api_key: key = "" } = message.client;
  const url = new URL(base);
  const answer = await new Promise<Exchange>((resolve, reject) => {
    const request = (url.protocol === "https:" ? httpsRequest : httpRequest)(
      {
        hostname: url.hostname,
        port: url.port,
        path: url.pathname.replace(/\/+$/, "") + target,
        method,
        headers: {
          accept: "application/json",
          ...(key === "" ? {} : { authorization: `Bearer ${key}` }),
          ...(body === undefined ? {} : { "content-length": body.length }),
          ...headers,
        },
        timeout: TIMEOUT_MS,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () =>
          resolve(read(response.statusCode ?? 0, response.headers, Buffer.concat(chunks))),
        );
      },
    );
    request.on("timeout", () => request.destroy(new Error(`no answer in ${TIMEOUT_MS} ms`)));
    request.on("error", reject);
    request.end(body);
  });
  if (answer.status < 200 || answer.status > 299) throw new StatusError(answer);
  return answer;
}

function read(status: number, headers: IncomingHttpHeaders, bytes: Buffer): Exchange {
  const decoded = headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes;
  const flat = Object.entries(headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(", ") : (value ?? ""),
  ]);
  return {
    status,
    headers: Object.fromEntries(flat) as Record<string, string>,
    text: decoded.toString("utf8"),
  };
}

function resultOf(id: number, answer: Exchange, started: number, meta: SpecOperation["meta"]): ValueObject {
  const { status, headers, text } = answer;
  const value = text === "" ? null : bodyOf(answer);
  for (const { header, field, integer } of isObject(value) ? meta : []) {
    const lifted = headers[header];
    (value as ValueObject)[field] = lifted === undefined ? null : integer ? Number(lifted) : lifted;
  }
  const cache = headers["x-layer-cache"] ?? null;
  const latency = performance.now() - started;
  return {
    type: "result",
    id,
    value,
    meta: { status, headers, cache_status: cache, latency_ms: latency, fallback: null },
  };
}

function errorOf(id: number, cause: unknown): ValueObject {
  if (!(cause instanceof StatusError)) {
    const { name, message } = cause instanceof Error ? cause : { name: "unknown", message: String(cause) };
    return { type: "error", id, class: "APIConnection", native: name, fields: { message, text: message } };
  }
  const { status, headers, text } = cause.exchange;
  const body = bodyOf(cause.exchange);
  const own: ValueObject = isObject(body) ? body : {};
  const unsupported = own.error === "UnsupportedByStore";
  const name = unsupported ? "Unsupported" : (CLASSES.get(status) ?? (status >= 500 ? "Server" : "APIError"));
  // Turbopuffer's own bodies have their text where the gateway's have a code.
  const code = own.message === undefined ? null : (own.error ?? null);
  const fields = { status, headers, body, text, code, message: own.message ?? own.error ?? text };
  return { type: "error", id, class: name, native: `status ${status}`, fields };
}

function bodyOf({ headers, text }: Exchange): Value {
  return (headers["content-type"] ?? "").includes("json") ? parseJson(text) : text;
}

/** How a value stands in a path or query: lists join with commas. */
function textOf(value: Value): string {
  if (Array.isArray(value)) return value.map(textOf).join(",");
  return typeof value === "string" ? value : printJson(value);
}

function isOmitted(value: Value): boolean {
  return isObject(value) && value.$omit === true;
}

/** Drops what a client would leave out, and prints typed arrays as the lists they are in JSON. */
function withoutOmitted(value: Value): Value {
  if (Array.isArray(value)) return value.map(withoutOmitted);
  if (!isObject(value)) return value;
  if (Array.isArray(value.$f32)) return value.$f32;
  const kept = Object.entries(value).filter(([, item]) => !isOmitted(item));
  return Object.fromEntries(kept.map(([key, item]) => [key, withoutOmitted(item)]));
}

function send(message: ValueObject): void {
  process.stdout.write(`${JSON.stringify(toTagged(message))}\n`);
}
