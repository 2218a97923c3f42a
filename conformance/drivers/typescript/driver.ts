/**
 * Drives the TypeScript client over the protocol of PROTOCOL.md.
 *
 * Methods are found by operationId, so there is no code for a single operation here. The client is imported as a user
 * would import it: by its package name, as built.
 */
import { createInterface } from "node:readline";
import { inspect } from "node:util";
import { Hevlayer, HevlayerError, type HevlayerOptions, VERSION } from "hevlayer";

type Json = Record<string, unknown>;

interface Call {
  id: number;
  op: string;
  client: Json;
  path: unknown[];
  query: Json;
  body?: unknown;
  takes: { body: boolean };
  lifts: string[];
  options: { timeout_ms?: number; max_retries?: number; headers?: Record<string, string> };
  perf?: boolean;
  iterate?: boolean;
}

interface Perf {
  latencyMs: number;
  cacheStatus: string | null;
  fallback: string | null;
  status: number;
  headers: Record<string, string>;
  attempts: number;
}

/** Names of construction options, where they are not the neutral name in camel case. */
const CLIENT_OPTIONS: Readonly<Record<string, string>> = { timeout_ms: "timeout" };

const clients = new Map<string, Hevlayer>();
const running = new Map<number, AbortController>();
const walks = new Map<number, AsyncIterator<unknown>>();

send({
  type: "hello",
  protocol: 1,
  driver: "typescript",
  runtime: `node ${process.version}`,
  client_version: VERSION,
});
createInterface({ input: process.stdin }).on("line", (line) => {
  void dispatch(JSON.parse(line) as Json);
});

async function dispatch(message: Json): Promise<void> {
  if (message.type === "bye") {
    send({ type: "bye" });
    process.exit(0);
  }
  const id = Number(message.id);
  if (message.type === "cancel") {
    running.get(id)?.abort(new Error("cancelled by the runner"));
    return;
  }
  try {
    if (message.type === "call") send(await call(message as unknown as Call));
    if (message.type === "next") send(await next(id));
    if (message.type === "close") {
      await walks.get(id)?.return?.();
      walks.delete(id);
      send({ type: "result", id, done: true });
    }
  } catch (thrown) {
    send(errorOf(id, thrown));
  }
}

async function call(message: Call): Promise<Json> {
  const { id } = message;
  const controller = new AbortController();
  running.set(id, controller);
  const path = message.path.map(fromTagged);
  const body = message.takes.body ? [fromTagged(message.body)] : [];
  const options = optionsOf(message, controller.signal);
  const name = message.iterate === true ? message.op.replace(/^[a-z]+/, "iter") : message.op;
  const client = clientOf(message.client) as unknown as Record<string, (...args: unknown[]) => unknown>;
  const method = client[name];
  if (typeof method !== "function") throw new TypeError(`the client has no method ${name}`);
  const returned = method.call(client, ...path, ...body, options);
  if (message.iterate === true) {
    walks.set(id, (returned as AsyncIterable<unknown>)[Symbol.asyncIterator]());
    return { type: "result", id, iterator: true };
  }
  const value = await returned;
  running.delete(id);
  if (message.perf !== true) return { type: "result", id, value: toTagged(value) };
  const { data, perf } = value as { data: unknown; perf: Perf };
  return { type: "result", id, value: toTagged(data), meta: metaOf(perf) };
}

async function next(id: number): Promise<Json> {
  const walk = walks.get(id);
  if (walk === undefined) throw new Error(`no listing is open under id ${id}`);
  const step = await walk.next();
  if (step.done !== true) return { type: "result", id, value: toTagged(step.value), done: false };
  walks.delete(id);
  return { type: "result", id, done: true };
}

function clientOf(config: Json): Hevlayer {
  const key = JSON.stringify(config);
  const known = clients.get(key);
  if (known !== undefined) return known;
  const options = Object.fromEntries(
    Object.entries(config).map(([name, value]) => [CLIENT_OPTIONS[name] ?? camel(name), value]),
  );
  const made = new Hevlayer(options as HevlayerOptions);
  clients.set(key, made);
  return made;
}

function optionsOf(message: Call, signal: AbortSignal): Json {
  const { timeout_ms: timeout, max_retries: maxRetries, headers } = message.options;
  return {
    ...Object.fromEntries(
      Object.entries(message.query).map(([name, value]) => [camel(name), fromTagged(value)]),
    ),
    ...(timeout === undefined ? {} : { timeout }),
    ...(maxRetries === undefined ? {} : { maxRetries }),
    ...(headers === undefined ? {} : { headers }),
    ...(message.perf === true ? { withPerf: true } : {}),
    signal,
  };
}

function metaOf(perf: Perf): Json {
  return {
    status: perf.status,
    headers: perf.headers,
    cache_status: perf.cacheStatus,
    fallback: perf.fallback,
    latency_ms: perf.latencyMs,
    attempts: perf.attempts,
  };
}

function errorOf(id: number, thrown: unknown): Json {
  const native = thrown instanceof Error ? thrown.name : typeof thrown;
  if (!(thrown instanceof HevlayerError)) {
    const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    return { type: "error", id, class: "Other", native, fields: { message: text, text } };
  }
  const fields = {
    status: thrown.statusCode ?? null,
    code: thrown.kind ?? null,
    message: thrown.message,
    body: toTagged(thrown.body ?? null),
    feature: (thrown as { feature?: string }).feature ?? null,
    request_id: thrown.requestId ?? null,
    retry_after_ms: thrown.retryAfter ?? null,
    attempts: thrown.attempts,
    operation_id: thrown.operationId ?? null,
    method: thrown.method ?? null,
    route: thrown.route ?? null,
    text: `${inspect(thrown, { depth: 6, showHidden: true })}\n${JSON.stringify(thrown)}`,
  };
  return {
    type: "error",
    id,
    class: native === "APIError" ? native : native.replace(/Error$/, ""),
    native,
    fields,
  };
}

function fromTagged(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromTagged);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value);
  const [tag, content] = entries.length === 1 && entries[0] !== undefined ? entries[0] : ["", undefined];
  if (tag === "$int") return BigInt(content as string);
  if (tag === "$b64") return new Uint8Array(Buffer.from(content as string, "base64"));
  if (tag === "$omit") return undefined;
  if (tag === "$f32") return Float32Array.from(content as number[]);
  return Object.fromEntries(entries.map(([key, item]) => [key, fromTagged(item)]));
}

function toTagged(value: unknown): unknown {
  if (typeof value === "bigint") return { $int: value.toString() };
  if (value instanceof Uint8Array) return { $b64: Buffer.from(value).toString("base64") };
  if (Array.isArray(value)) return value.map(toTagged);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toTagged(item)]));
}

function camel(name: string): string {
  return name.replaceAll(/_([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());
}

function send(message: Json): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
