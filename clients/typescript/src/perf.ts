/** What a call cost and where its answer came from; returned beside the data on request. */

/** The performance of one call. Times are in milliseconds, sizes in bytes. */
export interface Perf {
  /** From the call to the decoded answer, all attempts and pauses included. */
  latencyMs: number;
  /** Where the answer came from: `hit`, `miss`, `miss-on-error`; null where the gateway does not say. */
  cacheStatus: string | null;
  /** `turbopuffer_direct` when the gateway could not be reached and Turbopuffer was asked instead, else null. */
  fallback: "turbopuffer_direct" | null;
  /** HTTP status of the answer. */
  status: number;
  /** Headers of the answer, names in lower case. */
  headers: Record<string, string>;
  /** The gateway's id of the request; null when it gave none. */
  requestId: string | null;
  /** Requests made, retries included. */
  attempts: number;
  /** Size of the request body before any transfer encoding; 0 without one. */
  bytesSent: number;
  /** Size of the answer's body after decompression. */
  bytesReceived: number;
  /** The watermark of the answer, milliseconds since 1970; null when the gateway gave none. */
  stableAsOf: number | null;
  /** Some parts of a federated query failed. */
  partial: boolean;
  /** Names of request parts that had no effect. */
  warnings: string[];
  /** Token of the next page from the headers; null when there is none. */
  nextCursor: string | null;
  /** The last attempt alone. */
  lastAttempt: {
    /** From the request to the end of the body. */
    totalMs: number;
    /** From the request to the answer's headers: connecting, sending and waiting together, which fetch cannot tell apart. */
    firstByteMs: number;
    bodyMs: number;
    /** Parsing the body. */
    decodeMs: number;
  };
}

/** The data of a call with its performance. */
export interface LayerResponse<T> {
  data: T;
  perf: Perf;
}

/** An answer as the transport read it, with its clock readings in milliseconds. */
export interface Exchange {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
  readonly startedAt: number;
  readonly headersAt: number;
  readonly bodyAt: number;
}

export interface CallMeasure {
  readonly startedAt: number;
  readonly attempts: number;
  readonly bytesSent: number;
  readonly fallback: Perf["fallback"];
}

export function buildPerf(exchange: Exchange, decodedAt: number, measure: CallMeasure): Perf {
  const { headers } = exchange;
  const stableAsOf = headers.get("x-layer-stable-as-of");
  return {
    latencyMs: decodedAt - measure.startedAt,
    cacheStatus: headers.get("x-layer-cache"),
    fallback: measure.fallback,
    status: exchange.status,
    headers: Object.fromEntries(headers.entries()),
    requestId: headers.get("x-request-id"),
    attempts: measure.attempts,
    bytesSent: measure.bytesSent,
    bytesReceived: exchange.bytes.byteLength,
    stableAsOf: stableAsOf === null ? null : Number(stableAsOf),
    partial: headers.get("x-layer-partial") === "true",
    warnings: splitList(headers.get("x-layer-warning")),
    nextCursor: headers.get("x-layer-next-cursor"),
    lastAttempt: {
      totalMs: exchange.bodyAt - exchange.startedAt,
      firstByteMs: exchange.headersAt - exchange.startedAt,
      bodyMs: exchange.bodyAt - exchange.headersAt,
      decodeMs: decodedAt - exchange.bodyAt,
    },
  };
}

function splitList(value: string | null): string[] {
  return (value ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
