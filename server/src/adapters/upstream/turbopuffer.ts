/**
 * Turbopuffer's wire over a pool of kept-alive connections, for the real service and for the embedded engine alike.
 *
 * Bytes go in and come out: nothing is parsed here, and an answer keeps the encoding its caller negotiated unless it is
 * wanted decoded. One deadline covers waiting, sending and the whole answer, so no separate header or body timers run.
 */

import { promisify } from "node:util";
import { brotliDecompress, gunzip, inflate } from "node:zlib";
import { type Dispatcher, Pool } from "undici";
import { AppError } from "../../errors.js";
import type {
  Cancellation,
  HeaderValues,
  Upstream,
  UpstreamAnswer,
  UpstreamRequest,
} from "../../ports/upstream.js";
import { type CollectedAnswer, Exchange } from "./exchange.js";
import { DeadlineExceeded, transportFailure, UnreadableAnswer } from "./transport-failure.js";

export interface TurbopufferOptions {
  /** Base URL; a path in it becomes a prefix of every request. */
  url: string;
  /** Sent as the bearer on every request. */
  apiKey: string;
  /** From `send` to the last byte, where a request names none. Default 60,000. */
  timeoutMs?: number;
  /** Default 10,000. */
  connectTimeoutMs?: number;
  /** Default 64. */
  connections?: number;
  /** Requests that may wait for a connection; one more is refused with 429. Default 4096. */
  waitingMax?: number;
  /** Largest answer taken, before and after decoding. Default 1 GiB. */
  answerBytesMax?: number;
  /** What to accept for answers the gateway reads itself. Default `gzip`; `identity` where no wire is to be saved. */
  decodedEncoding?: "gzip" | "identity";
}

/** Upstream may close an idle connection after 60 s; leaving earlier avoids racing a request against that close. */
const keepAliveMs = 30_000;
const pingTimeoutMs = 5_000;

/** Opens no connection yet. @throws TypeError when `url` is malformed */
export function createTurbopuffer(options: TurbopufferOptions): Upstream {
  const base = new URL(options.url);
  const prefix = base.pathname.replace(/\/+$/, "");
  const timeoutMs = options.timeoutMs ?? 60_000;
  const waitingMax = options.waitingMax ?? 4096;
  const answerBytesMax = options.answerBytesMax ?? 1024 ** 3;
  const authorization = `Bearer ${options.apiKey}`;
  const pool = new Pool(base.origin, {
    connections: options.connections ?? 64,
    pipelining: 1,
    connect: { timeout: options.connectTimeoutMs ?? 10_000 },
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMs,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  let waiting = 0;
  let closed: Promise<void> | undefined;

  async function send(request: UpstreamRequest): Promise<UpstreamAnswer> {
    if (waiting >= waitingMax) {
      throw new AppError("rate_limited", `too many requests wait for turbopuffer: more than ${waitingMax}`, {
        details: { retryAfterSeconds: 1 },
      });
    }
    waiting++;
    const exchange = new Exchange({
      answerBytesMax,
      resendable: request.effect === "read",
      onLeaveQueue: () => {
        waiting--;
      },
    });
    const deadlineMs = request.timeoutMs ?? timeoutMs;
    const timer = setTimeout(() => exchange.cancel(new DeadlineExceeded(deadlineMs)), deadlineMs);
    const onAbort = () => exchange.cancel(abortReason(request.signal));
    request.signal?.addEventListener("abort", onAbort, { once: true });
    if (request.signal?.aborted) onAbort();
    else pool.dispatch(dispatchOptions(request), exchange);
    try {
      const collected = await exchange.answer;
      if (request.answer === "decoded") return await decode(collected, answerBytesMax);
      const answer = relayable(collected);
      const isEncoded = answer.headers["content-encoding"] !== undefined;
      return request.answer === "inspected" && isEncoded ? await inspect(answer, answerBytesMax) : answer;
    } catch (error) {
      throw transportFailure(error, { effect: request.effect, sent: exchange.sent });
    } finally {
      clearTimeout(timer);
      request.signal?.removeEventListener("abort", onAbort);
    }
  }

  function dispatchOptions(request: UpstreamRequest): Dispatcher.DispatchOptions {
    const headers: Record<string, string | string[]> = { accept: "application/json" };
    for (const name in request.headers) {
      const value = request.headers[name];
      if (value !== undefined) headers[name] = typeof value === "string" ? value : [...value];
    }
    headers.authorization = authorization;
    if (request.answer === "decoded") headers["accept-encoding"] = options.decodedEncoding ?? "gzip";
    if (request.answer === "inspected" && headers["accept-encoding"] !== undefined)
      headers["accept-encoding"] = decodable(String(headers["accept-encoding"]));
    if (request.body === undefined) delete headers["content-type"];
    else headers["content-type"] ??= "application/json";
    const query = request.query ? `?${request.query}` : "";
    return {
      method: request.method,
      path: `${prefix}${request.path}${query}`,
      headers,
      body: request.body ?? null,
    };
  }

  async function ping(signal?: Cancellation): Promise<void> {
    const answer = await send({
      method: "GET",
      path: "/v1/namespaces",
      query: "page_size=1",
      effect: "read",
      timeoutMs: pingTimeoutMs,
      signal,
    });
    if (answer.status >= 300) {
      throw new AppError("upstream_error", `turbopuffer answered ${answer.status} to a listing`);
    }
  }

  return {
    send,
    ping,
    close: () => {
      closed ??= pool.destroy();
      return closed;
    },
  };
}

function abortReason(signal: Cancellation | undefined): Error {
  return signal?.reason instanceof Error ? signal.reason : new DOMException("cancelled", "AbortError");
}

const relayedNames = new Set([
  "content-type",
  "content-encoding",
  "retry-after",
  "retry-after-ms",
  "x-should-retry",
]);

function relayable({ status, headers, body }: CollectedAnswer): UpstreamAnswer {
  const kept: Record<string, string | readonly string[]> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined) continue;
    if (relayedNames.has(name) || name.startsWith("x-turbopuffer-")) kept[name] = value;
  }
  return { status, headers: kept satisfies HeaderValues, body };
}

const decoders = {
  gzip: promisify(gunzip),
  "x-gzip": promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
};

/** What of an `accept-encoding` header can be undone here. */
function decodable(accepted: string): string {
  const kept = accepted.split(",").filter((part) => decoderOf(part.split(";")[0]?.trim()) !== undefined);
  return kept.length === 0 ? "identity" : kept.join(",").trim();
}

function decoderOf(encoding: unknown) {
  return Object.entries(decoders).find(([name]) => name === encoding)?.[1];
}

async function decode(collected: CollectedAnswer, bytesMax: number): Promise<UpstreamAnswer> {
  const answer = relayable(collected);
  const { "content-encoding": encoding, ...headers } = answer.headers;
  if (encoding === undefined || encoding === "identity") return { ...answer, headers };
  return { status: answer.status, headers, body: await decoded(answer, bytesMax) };
}

/** An answer that does not decode is its caller's to read all the same. */
async function inspect(answer: UpstreamAnswer, bytesMax: number): Promise<UpstreamAnswer> {
  const encoding = answer.headers["content-encoding"];
  if (encoding === undefined || encoding === "identity") return answer;
  return { ...answer, plain: await decoded(answer, bytesMax).catch(() => undefined) };
}

/** @throws UnreadableAnswer */
async function decoded({ headers, body }: UpstreamAnswer, bytesMax: number): Promise<Uint8Array> {
  const encoding = headers["content-encoding"];
  const decoder = decoderOf(encoding);
  if (decoder === undefined)
    throw new UnreadableAnswer(`answer has the content encoding '${String(encoding)}'`);
  try {
    return await decoder(body, { maxOutputLength: bytesMax });
  } catch (cause) {
    throw new UnreadableAnswer(`answer does not decode as ${String(encoding)}`, { cause });
  }
}
