/**
 * Durable objects shared by every replica: snapshots, policies, leases, heartbeats, job records. Nothing acknowledged here
 * is ever lost, and every race is settled by a conditional write; there is no unconditional one.
 *
 * Keys are paths of `/`-separated segments, at most 1,024 bytes of UTF-8, without empty, `.` or `..` segments and control
 * characters. No key may be the parent of another (`a` beside `a/b`): some stores keep keys as files.
 *
 * A call rejects with `BlobStoreError` only. An etag is opaque and may be the same for equal bodies, so a caller who must
 * tell its own write from another's puts something unique in the body.
 */

export const BLOB_KEY_BYTES_MAX = 1024;
/** Most keys one `list` call returns. */
export const BLOB_LIST_LIMIT_MAX = 1000;

export interface Blob {
  readonly body: Uint8Array;
  readonly etag: string;
}

/** `conflict`: the condition did not hold, or another writer is at work on the key; nothing of ours was stored. */
export type BlobPutOutcome =
  | { readonly status: "stored"; readonly etag: string }
  | { readonly status: "conflict" };

export interface BlobEntry {
  readonly key: string;
  readonly etag: string;
  readonly sizeBytes: number;
}

export interface BlobPage {
  /** Ascending by the bytes of the key. */
  readonly entries: readonly BlobEntry[];
  /**
   * True when keys of the prefix follow the last one; go on with `after` = the last key. On a page of the largest limit a
   * store may say so although none do: the next page is then empty.
   */
  readonly more: boolean;
}

/** Gives a call up early. A write that was sent before is not undone. */
export interface BlobCallOptions {
  readonly signal?: AbortSignal;
}

export interface BlobStore {
  /** The newest acknowledged body of a key, whole; undefined when there is none. Never a torn or older one. */
  get(key: string, options?: BlobCallOptions): Promise<Blob | undefined>;

  /**
   * Creates a key. Resolves when the body is durable. After a retry whose first try got no answer the store decides by
   * reading the key back: equal bytes count as ours.
   */
  putIfAbsent(key: string, body: Uint8Array, options?: BlobCallOptions): Promise<BlobPutOutcome>;

  /** Replaces the body that has `etag`. Otherwise as `putIfAbsent`; a key that is not there is a `conflict`. */
  putIfMatch(key: string, body: Uint8Array, etag: string, options?: BlobCallOptions): Promise<BlobPutOutcome>;

  /** Removes a key; an absent one is fine. */
  delete(key: string, options?: BlobCallOptions): Promise<void>;

  /**
   * Keys that begin with `prefix` and sort after `after`, ascending by bytes. Sees every write acknowledged before the call.
   * @param limit 1..1,000
   */
  list(
    query: { readonly prefix: string; readonly after?: string; readonly limit: number },
    options?: BlobCallOptions,
  ): Promise<BlobPage>;

  /** Resolves when the store answers; rejects with `BlobStoreError` otherwise. */
  ping(options?: BlobCallOptions): Promise<void>;

  /** Ends connections. Calls in flight finish or reject. Idempotent. */
  close(): Promise<void>;
}

/** The blob store could not do it. */
export class BlobStoreError extends Error {
  override readonly name = "BlobStoreError";
  /**
   * `unavailable`: no answer, or a refusal to serve now, after the bounded retries. `timeout`: the budget ran out.
   * `denied`: credentials or permissions. `damaged`: stored bytes are not those that were written. `misconfigured`: the
   * bucket is missing or the server lacks conditional writes. `aborted`: the caller's signal. `closed`: after `close()`.
   */
  readonly reason: "unavailable" | "timeout" | "denied" | "damaged" | "misconfigured" | "aborted" | "closed";
  /** True for a write that may have been applied although its answer never came. */
  readonly outcomeUnknown: boolean;

  constructor(
    reason: BlobStoreError["reason"],
    message: string,
    options: { cause?: unknown; outcomeUnknown?: boolean } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.outcomeUnknown = options.outcomeUnknown ?? false;
  }
}

/** @throws RangeError for a key no adapter takes */
export function checkBlobKey(key: string): void {
  const segments = key.split("/");
  if (
    Buffer.byteLength(key) > BLOB_KEY_BYTES_MAX ||
    /[\p{Cc}\p{Surrogate}]/u.test(key) ||
    segments.some((segment) => segment === "" || segment === "." || segment === "..")
  )
    throw new RangeError(
      `blob key "${key}" must hold 1 to ${BLOB_KEY_BYTES_MAX} bytes in non-empty segments other than . and ..`,
    );
}

/** @throws RangeError for a page size outside 1..1,000 */
export function checkBlobLimit(limit: number): void {
  if (!Number.isInteger(limit) || limit < 1 || limit > BLOB_LIST_LIMIT_MAX)
    throw new RangeError(`blob list limit ${limit} must be a whole number from 1 to ${BLOB_LIST_LIMIT_MAX}`);
}
