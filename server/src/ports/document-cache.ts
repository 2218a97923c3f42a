/**
 * The shared cache of documents. Bytes in, bytes out: what a record means is the domain's business, the store only keeps it
 * whole, versions it, and forgets it when it must.
 *
 * The cache may lose anything at any time (eviction, restart, another epoch) and must never answer with something that was
 * replaced. A record has a *mark* (a few bytes that say what it is: live, pending, tombstone, whose token), *attributes* and
 * a *vector*, stored so that reading attributes never loads a vector. Every record names the epoch of its set under which it
 * was written; a caller takes a record of another epoch than the set's for a miss, so that changing the epoch forgets a
 * whole set in one write.
 *
 * Versions settle races. A version may come back after a record has vanished (expiry, eviction, delete), so a caller that
 * must outlast slow readers leaves a tombstone that lives longer than they do instead of deleting.
 *
 * Every call rejects with `CacheUnavailable` when the store cannot answer within its budget, and with nothing else. A write
 * that rejected may have been applied.
 */

/** Longest record id, in bytes of UTF-8. A longer one, an empty one, one with a NUL or a lone surrogate is never cached. */
export const CACHE_ID_BYTES_MAX = 1024;
/** Longest set name, in bytes of UTF-8. A longer or empty one is a programming error (`RangeError`). */
export const CACHE_SET_BYTES_MAX = 256;
/** Longest mark, in bytes. A longer one is a programming error (`RangeError`). */
export const CACHE_MARK_BYTES_MAX = 1024;
/** Time a call on at most 1,000 records may take, in ms; a larger one gets as much again for each further 1,000. */
export const CACHE_BUDGET_MS = 200;

/** What a read loads beside the mark, which always comes along. */
export type CachePart = "attributes" | "vector";

export interface CachedRecord {
  readonly mark: Uint8Array;
  /** The epoch of the set when the record was written. */
  readonly epoch: string;
  /** Absent when there is none or it was not asked for. */
  readonly attributes?: Uint8Array;
  /** Absent when there is none or it was not asked for. */
  readonly vector?: Uint8Array;
  /** Opaque; another one after every change of the record. */
  readonly version: string;
}

export interface CacheRead {
  /** The set's epoch, read in the same call. Absent when the set has none: everything in it is a miss. */
  readonly epoch: string | undefined;
  /** In the order asked for, one for each id. Undefined: there is no record, it has expired, or its id is uncacheable. */
  readonly records: readonly (CachedRecord | undefined)[];
}

/** What must hold for a write to happen. An expired record counts as absent. */
export type CacheCondition =
  | { readonly when: "always" }
  | { readonly when: "absent" }
  | { readonly when: "version"; readonly version: string };

export interface CacheWrite {
  readonly id: string;
  readonly condition: CacheCondition;
  readonly mark: Uint8Array;
  /** The set's epoch as the caller last read it. */
  readonly epoch: string;
  readonly attributes?: Uint8Array;
  readonly vector?: Uint8Array;
  /** Time to live in ms, at least 1, rounded up to whole seconds by some stores. Default: as long as there is room. */
  readonly ttlMs?: number;
}

/**
 * `stored`: `version` is given for conditional writes. `conflict`: the condition did not hold and nothing changed.
 * `uncacheable`: this record can never be stored (too large, an impossible id); whatever stood under its id before is gone,
 * unless the condition did not hold.
 */
export type CacheWriteOutcome =
  | { readonly status: "stored"; readonly version?: string }
  | { readonly status: "conflict" }
  | { readonly status: "uncacheable"; readonly reason: "too-large" | "bad-id" };

/** What a merge makes of a record. A part left out keeps its bytes; `null` removes the vector. */
export interface CacheMerge {
  readonly mark: Uint8Array;
  readonly epoch: string;
  readonly attributes?: Uint8Array;
  readonly vector?: Uint8Array | null;
  /** As in `CacheWrite`: left out means as long as there is room, whatever the record had before. */
  readonly ttlMs?: number;
}

/** `absent`: there was no record, and there is none now. `kept`: the caller's function declined. Else as for a write. */
export type CacheMergeOutcome =
  | CacheWriteOutcome
  | { readonly status: "absent" }
  | { readonly status: "kept" };

export interface CacheScanPage {
  /** Records of the present epoch only. */
  readonly records: readonly { readonly id: string; readonly record: CachedRecord }[];
  /** Where to go on. Absent after the last page. */
  readonly cursor?: string;
}

export type CacheEvent =
  /** The store stopped answering; calls reject at once until `restored`. */
  | { readonly kind: "lost"; readonly reason: string }
  /** It answers again. `emptied`: what was in it before is gone. */
  | { readonly kind: "restored"; readonly connection: number; readonly emptied: boolean }
  /** Records went away for want of room or by expiry. Without a set, any set may be concerned. */
  | { readonly kind: "dropped"; readonly cause: "evicted" | "expired"; readonly set?: string }
  /** Damage was found and the store was begun anew, empty. */
  | { readonly kind: "rebuilt"; readonly reason: string };

export interface CacheHealth {
  readonly state: "up" | "down";
  /** Wall clock, epoch-ms, of the last change of state. */
  readonly since: number;
  /** Grows by one with every connection made after a loss; starts at 1, 0 before the first. */
  readonly connection: number;
  /** Why it is down, without secrets. */
  readonly reason?: string;
}

export interface DocumentCache {
  /**
   * Reads records and the epoch of their set together. `ids` may repeat; up to 10,000 at once.
   * @param parts what to load beside the mark; `[]` asks for marks only
   */
  get(set: string, ids: readonly string[], parts: readonly CachePart[]): Promise<CacheRead>;

  /**
   * Writes whole records: a part that is left out is removed. Each write is atomic and settled by itself, in no order
   * between different ids; of several writes to one id in one call the later wins. Outcomes are in the order of `writes`.
   */
  put(set: string, writes: readonly CacheWrite[]): Promise<readonly CacheWriteOutcome[]>;

  /**
   * Changes records that exist, leaving absent ones absent. `merge` gets mark and attributes (never the vector), must be
   * pure, may run several times when others write the same record, and returns undefined to keep it as it is.
   * `conflict` when the record kept changing under the bounded number of tries. `ids` must not repeat.
   */
  mergeIfPresent(
    set: string,
    ids: readonly string[],
    merge: (id: string, current: CachedRecord) => CacheMerge | undefined,
  ): Promise<readonly CacheMergeOutcome[]>;

  /** Removes records, whatever their version; absent ones are fine. */
  delete(set: string, ids: readonly string[]): Promise<void>;

  /** The set's epoch, made when it has none. Racing callers get the same one. */
  ensureEpoch(set: string): Promise<string>;

  /** Gives the set a new random epoch: every record written before is from now on one of another epoch. */
  changeEpoch(set: string): Promise<string>;

  /**
   * Walks the records of a set in an order of the store's own. A record that exists throughout the walk comes exactly once;
   * others may or may not. The records of the last epoch only.
   * @param limit about how many records a page holds, 1..10,000; a store may exceed it by the records of one slice
   */
  scan(
    set: string,
    options: { readonly cursor?: string; readonly limit: number; readonly parts: readonly CachePart[] },
  ): Promise<CacheScanPage>;

  health(): CacheHealth;

  /** Calls `listener` on every later event until the returned function is called. Listeners must not throw. */
  onEvent(listener: (event: CacheEvent) => void): () => void;

  /** Ends connections and timers. Calls in flight finish or reject. Idempotent. */
  close(): Promise<void>;
}

/** The cache cannot be used now. Callers go on without it. */
export class CacheUnavailable extends Error {
  override readonly name = "CacheUnavailable";
  /**
   * `down`: refused without trying, the store was lost a moment ago. `timeout`: the budget ran out. `busy`: too many calls
   * wait already. `failed`: the store answered with an error. `closed`: after `close()`.
   */
  readonly reason: "down" | "timeout" | "busy" | "failed" | "closed";

  constructor(reason: CacheUnavailable["reason"], message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
  }
}

/** True when a record may be stored under this id by every adapter. */
export function isCacheableId(id: string): boolean {
  // Almost every id is short and plain, and this is asked for each one.
  if (id.length <= 256 && /^[ -~]+$/.test(id)) return true;
  return id !== "" && !/[\0\p{Surrogate}]/u.test(id) && Buffer.byteLength(id) <= CACHE_ID_BYTES_MAX;
}

/** @throws RangeError for a set name no adapter takes */
export function checkCacheSet(set: string): void {
  if (set === "" || /[\0\p{Surrogate}]/u.test(set) || Buffer.byteLength(set) > CACHE_SET_BYTES_MAX)
    throw new RangeError(
      `cache set "${set}" must hold 1 to ${CACHE_SET_BYTES_MAX} bytes of well-formed text`,
    );
}

/** @throws RangeError for a mark or a time to live no adapter takes */
export function checkCacheWrite(write: { readonly mark: Uint8Array; readonly ttlMs?: number }): void {
  if (write.mark.byteLength > CACHE_MARK_BYTES_MAX)
    throw new RangeError(`cache mark of ${write.mark.byteLength} bytes exceeds ${CACHE_MARK_BYTES_MAX}`);
  if (write.ttlMs !== undefined && !(write.ttlMs >= 1))
    throw new RangeError(`cache ttlMs ${write.ttlMs} must be at least 1`);
}
