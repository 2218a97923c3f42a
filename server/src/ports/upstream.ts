/**
 * The store of vectors and rows behind the gateway: Turbopuffer, or the embedded engine that speaks its wire.
 *
 * Requests and answers are bytes. The port knows nothing of what a body means; it owns the transport, the store's
 * credential and the meaning of a transport failure.
 */

import type { RequestNotes } from "../request-notes.js";

/** Header names are lower-case. A repeated header is an array. */
export type HeaderValues = Readonly<Record<string, string | readonly string[]>>;

export interface UpstreamRequest {
  method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Absolute path with every segment encoded, as the domain rebuilds it: `/v2/namespaces/products/query`. */
  path: string;
  /** Raw query string without `?`, appended as it is. */
  query?: string | undefined;
  /** Headers to send beside those the adapter owns (`authorization`, `host`, framing). */
  headers?: HeaderValues | undefined;
  body?: Uint8Array | undefined;
  /**
   * What a failure after sending means. A `read` changes nothing, so it simply failed; a `write` whose answer never came
   * may have been applied, and its caller must be told so.
   */
  effect: "read" | "write";
  /**
   * `raw` (default) gives the answer in the encoding upstream chose, for relaying. `decoded` gives plain bytes without a
   * `content-encoding` header, for a caller that reads them. `inspected` gives both, for a caller that relays an answer and
   * reads it too; upstream is then offered only encodings that can be undone.
   */
  answer?: "raw" | "decoded" | "inspected" | undefined;
  /** From `send` to the last byte of the answer. Default: the adapter's own. */
  timeoutMs?: number | undefined;
  /** Gives up early. A write that was sent before is not undone. */
  signal?: Cancellation | undefined;
  /** The request this call is made for, so that the time spent here is told in its log line. */
  notes?: RequestNotes | undefined;
}

/**
 * The part of an `AbortSignal` that the port needs. A signal is one; the HTTP layer has a lighter one, since making a
 * signal for every request costs more than parsing its query.
 */
export interface Cancellation {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

export interface UpstreamAnswer {
  status: number;
  /**
   * Only headers that may be relayed: `content-type`, `content-encoding`, `retry-after`, `retry-after-ms`,
   * `x-should-retry` and `x-turbopuffer-*`.
   */
  headers: HeaderValues;
  body: Uint8Array;
  /** `body` decoded, of an `inspected` answer that has a `content-encoding`; absent when it does not decode. */
  plain?: Uint8Array | undefined;
}

export interface Upstream {
  /**
   * Sends once, never retries. Any completed HTTP answer resolves, whatever its status.
   *
   * Transport failures reject with `AppError`: `gateway_timeout` (504) for a write that may have been processed,
   * `rate_limited` (429) when too many requests wait for a connection, `upstream_error` (502) for everything else. The
   * message never holds the store's address or key; the cause does, for the log.
   */
  send(request: UpstreamRequest): Promise<UpstreamAnswer>;

  /** Resolves when the store answers a small authorised read with a success; rejects with `AppError` otherwise. */
  ping(signal?: Cancellation): Promise<void>;

  /** Ends connections (and the engine's process, if the adapter owns one). Requests in flight fail. Idempotent. */
  close(): Promise<void>;
}
