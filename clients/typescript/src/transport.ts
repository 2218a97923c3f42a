/**
 * One request, one answer: builds the request through openapi-fetch, sends it, reads the whole body. No retries, no
 * decoding, no error classes; `runtime.ts` does these.
 *
 * The signal ends connecting and reading even when an injected `fetch` ignores it.
 */
import createClient, { type Client } from "openapi-fetch";
import type { OperationInfo, QueryValue } from "./call.js";
import type { Fetch } from "./config.js";
import { untilAborted } from "./deadline.js";
import { ResponseError } from "./errors.js";
import type { Exchange } from "./perf.js";
import { fetchFollowing } from "./redirect.js";

/** A request ready to be sent any number of times. */
export interface WireRequest {
  readonly baseUrl: string;
  readonly method: OperationInfo["method"];
  /** Template; `pathParams` fill it. */
  readonly path: string;
  /** Percent-encoded values by wire name. */
  readonly pathParams: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, QueryValue>>;
  /** null removes a header. */
  readonly headers: Readonly<Record<string, string | null>>;
  readonly body: Uint8Array | undefined;
}

/** Why no answer came. `answered` tells a body cut short from a connection that never answered. */
export class TransportFailure extends Error {
  override readonly name = "TransportFailure";

  constructor(
    cause: unknown,
    readonly answered: boolean,
  ) {
    super("no complete answer", { cause });
  }
}

/** Bytes of an error's body that are read; the rest is dropped. */
const ERROR_BODY_MAX_BYTES = 2 ** 20;

interface AnyOperation {
  parameters: { query?: Record<string, QueryValue>; path?: Record<string, string> };
  requestBody?: { content: { "application/json": Uint8Array } };
  responses: { 200: { content: { "application/json": unknown } } };
}

/** Any path with any method: the generated operations, not openapi-fetch, hold the real types. */
type AnyPaths = Record<string, Record<"get" | "post" | "put" | "patch" | "delete", AnyOperation>>;

export class Transport {
  readonly #fetch: Fetch;
  readonly #maxResponseBytes: number;
  readonly #client: Client<AnyPaths>;

  constructor(fetch: Fetch, maxResponseBytes: number) {
    this.#fetch = fetch;
    this.#maxResponseBytes = maxResponseBytes;
    this.#client = createClient<AnyPaths>({
      pathSerializer: (path, params) =>
        path.replace(/\{([^{}]+)\}/g, (match, name: string) =>
          name in params ? String(params[name]) : match,
        ),
      querySerializer: (query) => serializeQuery(query as Readonly<Record<string, QueryValue>>),
      bodySerializer: (body: unknown) => body as Uint8Array<ArrayBuffer>,
    });
  }

  /**
   * Sends and reads one exchange, of any status. An error's body is cut at 1 MiB.
   * @throws TransportFailure when no complete answer came, ResponseError when a success is larger than allowed, and the
   *   signal's reason once it is aborted
   */
  send(request: WireRequest, signal: AbortSignal): Promise<Exchange> {
    return untilAborted(this.#exchange(request, signal), signal);
  }

  async #exchange(request: WireRequest, signal: AbortSignal): Promise<Exchange> {
    const startedAt = performance.now();
    let answer: Exchange | undefined;
    let answered = false;
    // openapi-fetch builds the request; the answer is read here, with a limit and exact bytes, and not by it.
    const fetch = async (outgoing: Request): Promise<Response> => {
      const response = await fetchFollowing(this.#fetch, outgoing, () => {
        answered = true;
      });
      const headersAt = performance.now();
      const bytes = response.ok
        ? await readAll(response, this.#maxResponseBytes, signal)
        : await readStart(response, ERROR_BODY_MAX_BYTES, signal);
      const { status, headers } = response;
      answer = { status, headers, bytes, startedAt, headersAt, bodyAt: performance.now() };
      return new Response(null, { status: 204 });
    };
    try {
      await this.#client.request(lowerCase(request.method), request.path, {
        baseUrl: request.baseUrl,
        params: { path: request.pathParams, query: request.query },
        headers: request.headers,
        ...(request.body === undefined ? {} : { body: request.body }),
        signal,
        redirect: "manual",
        fetch,
      });
    } catch (cause) {
      throw cause instanceof ResponseError ? cause : new TransportFailure(cause, answered);
    }
    if (!answer) throw new TransportFailure(new Error("fetch was not called"), false);
    return answer;
  }
}

function lowerCase(method: OperationInfo["method"]): "get" | "post" | "put" | "patch" | "delete" {
  return method.toLowerCase() as Lowercase<OperationInfo["method"]>;
}

/** Lists join with commas; false, 0, "" and empty lists are sent. */
export function serializeQuery(query: Readonly<Record<string, QueryValue>>): string {
  return Object.entries(query)
    .map(([name, value]) => {
      const values = Array.isArray(value) ? (value as readonly unknown[]) : [value];
      return `${encodeURIComponent(name)}=${values.map((item) => encodeURIComponent(String(item))).join(",")}`;
    })
    .join("&");
}

async function readAll(response: Response, limit: number, signal: AbortSignal): Promise<Uint8Array> {
  const { bytes, complete } = await read(response, limit, signal);
  if (complete) return bytes;
  const { status, headers } = response;
  throw new ResponseError(`the answer is larger than ${limit} bytes; raise maxResponseBytes`, {
    response: { status, headers, text: "" },
  });
}

async function readStart(response: Response, limit: number, signal: AbortSignal): Promise<Uint8Array> {
  return (await read(response, limit, signal)).bytes;
}

/** Reads up to `limit` bytes and drops the rest, so that the socket is freed. */
async function read(
  response: Response,
  limit: number,
  signal: AbortSignal,
): Promise<{ bytes: Uint8Array; complete: boolean }> {
  const reader = response.body?.getReader();
  if (!reader) return { bytes: new Uint8Array(), complete: true };
  const cancel = () => void reader.cancel(signal.reason).catch(() => {});
  signal.addEventListener("abort", cancel, { once: true });
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { bytes: concatenate(chunks, size), complete: true };
      chunks.push(value);
      size += value.byteLength;
      if (size > limit) {
        cancel();
        return { bytes: concatenate(chunks, size).subarray(0, limit), complete: false };
      }
    }
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}

function concatenate(chunks: Uint8Array[], size: number): Uint8Array {
  const [only] = chunks;
  if (only && chunks.length === 1) return only;
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}
