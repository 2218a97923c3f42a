/** What the client's error codes mean to the cache. Measured against a server of version 8.1 with the client 6.7. */

export type AerospikeMeaning =
  /** There is no such record (2). */
  | "missing"
  /** The generation is another (3), or there is a record where none was expected (5). */
  | "conflict"
  /** The record does not fit (13). */
  | "too-large"
  /** Forbidden (22): a time to live where the namespace runs no expiry, or a set that takes no writes. */
  | "forbidden"
  /** Too many requests for one record at once (14): worth another try at once. */
  | "hot-key"
  /** The client has no connection free (-7) or its own queue is full (-11). */
  | "busy"
  /** No answer in time (9). */
  | "timeout"
  /** The server or the way to it is gone: the client's other negative codes, TLS among them (-9), and a cluster in change (7, 11). */
  | "lost"
  /** The server will not do it, now or ever, but it is there: bad parameters, no room, no permission. */
  | "refused";

const meanings: Readonly<Record<number, AerospikeMeaning>> = {
  [-11]: "busy",
  [-7]: "busy",
  [-2]: "refused",
  2: "missing",
  3: "conflict",
  5: "conflict",
  7: "lost",
  9: "timeout",
  11: "lost",
  13: "too-large",
  14: "hot-key",
  22: "forbidden",
};

/** @param error as the client rejected; what is no error of the client's counts as `lost` */
export function meaningOf(error: unknown): AerospikeMeaning {
  const code = codeOf(error);
  if (code === undefined) return "lost";
  return meanings[code] ?? (code < 0 ? "lost" : "refused");
}

export function codeOf(error: unknown): number | undefined {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  return typeof code === "number" ? code : undefined;
}
