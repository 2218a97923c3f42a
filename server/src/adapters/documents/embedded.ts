/**
 * The document cache of a single machine: lmdb files under the data directory, shared safely by the processes on it.
 *
 * Writes resolve when committed, not when flushed: what a power loss takes is only warmth, because the epochs go with it.
 * Damage empties the store instead of being served; files that cannot be opened at all are begun anew.
 */

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import os from "node:os";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../../clock.js";
import type { Log } from "../../log.js";
import {
  type CachedRecord,
  type CacheEvent,
  type CacheHealth,
  type CacheMerge,
  type CacheMergeOutcome,
  type CachePart,
  type CacheRead,
  type CacheScanPage,
  CacheUnavailable,
  type CacheWrite,
  type CacheWriteOutcome,
  checkCacheSet,
  checkCacheWrite,
  type DocumentCache,
  isCacheableId,
} from "../../ports/document-cache.js";
import { afterPrefix, byteKey } from "../lmdb/byte-keys.js";
import { isDamage, readBytes } from "../lmdb/environment.js";
import { openUndamaged } from "../lmdb/open-undamaged.js";
import { EmbeddedRecords, isExpired, type RecordContent } from "./embedded-records.js";
import { Eviction } from "./eviction.js";
import { decodeRecord, decodeVector, RecordDamage, type StoredRecord } from "./record-format.js";

/** Records handled before other work gets its turn: a millisecond or two. */
const SLICE = 1_000;
/** What is kept at hand of a set that was used lately. */
interface KnownSet {
  /** The part of its keys that all its records share. */
  readonly prefix: Buffer;
  /** The key of its epoch. */
  readonly epochKey: Buffer;
}
/** Sets kept at hand. */
const SETS_MAX = 1_000;
/** Bytes written between two looks at the size of the store. */
const SIZE_CHECK_BYTES = 1024 * 1024;
/** Two processes may differ about which files are the cache's for as long. */
const FILES_CHECK_INTERVAL_MS = 500;
const SWEEP_INTERVAL_MS = 10_000;
/** Expired records removed by one sweep. */
const SWEEP_LIMIT = 20_000;

export interface EmbeddedDocumentCacheOptions {
  /** Made when absent. Nothing else may be kept in it. */
  readonly directory: string;
  /** Bound on the bytes of live pages. */
  readonly bytesMax: number;
  /** Largest record, mark, attributes and vector together, in bytes. Default 8 MiB. */
  readonly recordBytesMax?: number;
  readonly clock: Clock;
  readonly log: Pick<Log, "warn" | "error">;
  /** Identifies the time since the machine started. Default: the operating system's. */
  readonly boot?: string;
}

export interface EmbeddedDocumentCache extends DocumentCache {
  /** Removes what has expired. Runs by itself every ten seconds. */
  sweep(): Promise<void>;
}

/** Opens the cache, rebuilding it when its files are damaged. @throws when the directory cannot be used */
export async function openEmbeddedDocumentCache(
  options: EmbeddedDocumentCacheOptions,
): Promise<EmbeddedDocumentCache> {
  const { directory, log } = options;
  const store = await openUndamaged({
    directory,
    open: () => new EmbeddedRecords(directory),
    probe: (opened) => opened.probe(),
    onDamage: (reason) => log.warn({ directory, reason }, "document cache was damaged and begins anew"),
  });
  await store.settleBoot(options.boot ?? bootIdentity());
  return new LmdbDocumentCache(store, options);
}

class LmdbDocumentCache implements EmbeddedDocumentCache {
  readonly #store: EmbeddedRecords;
  readonly #eviction: Eviction;
  readonly #clock: Clock;
  readonly #log: EmbeddedDocumentCacheOptions["log"];
  readonly #recordBytesMax: number;
  readonly #listeners = new Set<(event: CacheEvent) => void>();
  readonly #sweeper: NodeJS.Timeout;
  #since: number;
  readonly #sets = new Map<string, KnownSet>();
  #unchecked = 0;
  #evicting: Promise<void> | undefined;
  #rebuilding: Promise<void> | undefined;
  #broken: string | undefined;
  #filesSeenAt: number;
  #closing: Promise<void> | undefined;

  constructor(store: EmbeddedRecords, options: EmbeddedDocumentCacheOptions) {
    this.#store = store;
    this.#eviction = new Eviction(store, options.bytesMax);
    this.#clock = options.clock;
    this.#log = options.log;
    this.#recordBytesMax = options.recordBytesMax ?? 8 * 1024 * 1024;
    this.#since = options.clock.now();
    this.#filesSeenAt = options.clock.monotonic();
    this.#sweeper = setInterval(() => void this.sweep().catch(() => undefined), SWEEP_INTERVAL_MS);
    this.#sweeper.unref();
  }

  /** Without a closure or a second promise, unlike the other calls: it runs for every request. */
  async get(set: string, ids: readonly string[], parts: readonly CachePart[]): Promise<CacheRead> {
    const { prefix } = this.#set(set);
    this.#admit("get");
    try {
      const now = this.#clock.now();
      const records: (CachedRecord | undefined)[] = [];
      this.#store.refresh();
      for (const id of ids) {
        if (records.length % SLICE === SLICE - 1) await nextTurn();
        records.push(isCacheableId(id) ? this.#read(keyOf(prefix, id), parts, now) : undefined);
      }
      // Last, so that a change of epoch during a long read makes its earlier records misses.
      return { epoch: this.#epoch(set), records };
    } catch (error) {
      throw this.#failed("get", error);
    }
  }

  async put(set: string, writes: readonly CacheWrite[]): Promise<readonly CacheWriteOutcome[]> {
    const { prefix } = this.#set(set);
    for (const write of writes) checkCacheWrite(write);
    return this.#guarded("put", async () => {
      const outcomes: CacheWriteOutcome[] = [];
      for (const slice of slices(writes)) {
        const now = this.#clock.now();
        outcomes.push(
          ...(await this.#store.transaction(() => slice.map((write) => this.#write(prefix, write, now)))),
        );
      }
      this.#makeRoom();
      return outcomes;
    });
  }

  async mergeIfPresent(
    set: string,
    ids: readonly string[],
    merge: (id: string, current: CachedRecord) => CacheMerge | undefined,
  ): Promise<readonly CacheMergeOutcome[]> {
    const { prefix } = this.#set(set);
    return this.#guarded("mergeIfPresent", async () => {
      const outcomes: CacheMergeOutcome[] = [];
      for (const slice of slices(ids)) {
        const now = this.#clock.now();
        outcomes.push(
          ...(await this.#store.transaction(() => slice.map((id) => this.#merge(prefix, id, merge, now)))),
        );
      }
      this.#makeRoom();
      return outcomes;
    });
  }

  async delete(set: string, ids: readonly string[]): Promise<void> {
    const { prefix } = this.#set(set);
    return this.#guarded("delete", async () => {
      for (const slice of slices(ids.filter(isCacheableId)))
        await this.#store.transaction(() => {
          for (const id of slice) {
            const key = keyOf(prefix, id);
            const stored = this.#store.records.get(key);
            if (stored !== undefined) this.#store.remove(key, stored);
          }
        });
    });
  }

  async ensureEpoch(set: string): Promise<string> {
    checkCacheSet(set);
    return this.#guarded("ensureEpoch", async () => {
      this.#store.refresh();
      return this.#epoch(set) ?? this.#store.transaction(() => this.#epoch(set) ?? this.#newEpoch(set));
    });
  }

  async changeEpoch(set: string): Promise<string> {
    checkCacheSet(set);
    return this.#guarded("changeEpoch", () => this.#store.transaction(() => this.#newEpoch(set)));
  }

  async scan(
    set: string,
    options: { readonly cursor?: string; readonly limit: number; readonly parts: readonly CachePart[] },
  ): Promise<CacheScanPage> {
    const { prefix } = this.#set(set);
    return this.#guarded("scan", async () => {
      const end = afterPrefix(prefix);
      const found: { id: string; record: CachedRecord }[] = [];
      let last = options.cursor === undefined ? undefined : Buffer.from(options.cursor, "base64url");
      // A page looks at no more than ten times what it returns, lest a set full of old epochs hold it up.
      for (let seen = 0; seen < options.limit * 10; seen += SLICE) {
        this.#store.refresh();
        const epoch = this.#epoch(set);
        if (epoch === undefined) return { records: found };
        const now = this.#clock.now();
        const limit = Math.min(SLICE, options.limit - found.length);
        const keys = this.#store.records.getKeys({
          start: last === undefined ? prefix : keyOf(prefix, last),
          exclusiveStart: last !== undefined,
          ...(end === undefined ? {} : { end }),
          limit,
        });
        let examined = 0;
        for (const key of [...keys]) {
          examined += 1;
          last = Buffer.from(key.subarray(prefix.length));
          const record = this.#read(key, options.parts, now);
          if (record?.epoch === epoch) found.push({ id: last.toString("utf8"), record });
        }
        if (examined < limit) return { records: found };
        if (found.length >= options.limit) break;
        await nextTurn();
      }
      return { records: found, ...(last === undefined ? {} : { cursor: last.toString("base64url") }) };
    });
  }

  health(): CacheHealth {
    const reason = this.#broken;
    return {
      state: reason === undefined ? "up" : "down",
      since: this.#since,
      connection: 1,
      ...(reason === undefined ? {} : { reason }),
    };
  }

  onEvent(listener: (event: CacheEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      clearInterval(this.#sweeper);
      await this.#evicting;
      await this.#rebuilding;
      await this.#store.close();
    })();
    return this.#closing;
  }

  async sweep(): Promise<void> {
    await this.#guarded("sweep", async () => {
      for (const set of await this.#eviction.sweep(this.#clock.now(), SWEEP_LIMIT))
        this.#emit({ kind: "dropped", cause: "expired", set });
    });
  }

  #read(key: Buffer, parts: readonly CachePart[], now: number): CachedRecord | undefined {
    const bytes = readBytes(this.#store.records, key);
    if (bytes === undefined) return undefined;
    const stored = decodeRecord(bytes);
    if (isExpired(stored.expiresAt, now)) return undefined;
    this.#eviction.touch(stored.place);
    const vector =
      stored.vectorVersion !== 0 && parts.includes("vector")
        ? decodeVector(readBytes(this.#store.vectors, key), stored.vectorVersion)
        : undefined;
    return exposed(stored, parts, vector);
  }

  #write(prefix: Buffer, write: CacheWrite, now: number): CacheWriteOutcome {
    if (!isCacheableId(write.id)) return { status: "uncacheable", reason: "bad-id" };
    const key = keyOf(prefix, write.id);
    const stored = this.#store.records.get(key);
    if (!this.#store.holds(write.condition, stored, now)) return { status: "conflict" };
    const content = {
      mark: write.mark,
      epoch: write.epoch,
      attributes: write.attributes,
      vector: write.vector,
      keepVector: false,
      expiresAt: write.ttlMs === undefined ? 0 : now + write.ttlMs,
    };
    const version = this.#replace(key, stored, content);
    if (version === undefined) return { status: "uncacheable", reason: "too-large" };
    return write.condition.when === "always" ? { status: "stored" } : { status: "stored", version };
  }

  #merge(
    prefix: Buffer,
    id: string,
    merge: (id: string, current: CachedRecord) => CacheMerge | undefined,
    now: number,
  ): CacheMergeOutcome {
    if (!isCacheableId(id)) return { status: "absent" };
    const key = keyOf(prefix, id);
    const bytes = readBytes(this.#store.records, key);
    const stored = bytes && decodeRecord(bytes);
    if (stored === undefined || isExpired(stored.expiresAt, now)) return { status: "absent" };
    const merged = merge(id, exposed(stored, ["attributes"], undefined));
    if (merged === undefined) return { status: "kept" };
    checkCacheWrite(merged);
    const version = this.#replace(key, bytes, {
      mark: merged.mark,
      epoch: merged.epoch,
      attributes: merged.attributes ?? stored.attributes,
      vector: merged.vector ?? undefined,
      keepVector: merged.vector === undefined,
      expiresAt: merged.ttlMs === undefined ? 0 : now + merged.ttlMs,
    });
    return version === undefined
      ? { status: "uncacheable", reason: "too-large" }
      : { status: "stored", version };
  }

  /** Writes a record and returns its version, or removes what is stored and returns undefined when it is too large. */
  #replace(key: Buffer, stored: Buffer | undefined, content: RecordContent): string | undefined {
    const bytes =
      content.mark.byteLength + (content.attributes?.byteLength ?? 0) + (content.vector?.byteLength ?? 0);
    if (bytes > this.#recordBytesMax) {
      if (stored !== undefined) this.#store.remove(key, stored);
      return undefined;
    }
    this.#unchecked += bytes;
    return String(this.#store.write(key, stored, content));
  }

  /** @throws RangeError for a set name no adapter takes */
  #set(name: string): KnownSet {
    const known = this.#sets.get(name);
    if (known !== undefined) return known;
    checkCacheSet(name);
    if (this.#sets.size >= SETS_MAX) this.#sets.clear();
    const set = { prefix: byteKey(name, ""), epochKey: Buffer.from(name, "utf8") };
    this.#sets.set(name, set);
    return set;
  }

  #epoch(set: string): string | undefined {
    const stored = this.#store.epochs.getBinaryFast(this.#set(set).epochKey);
    return stored?.toString("utf8", 0, stored.length);
  }

  #newEpoch(set: string): string {
    const epoch = randomUUID();
    this.#store.epochs.put(Buffer.from(set, "utf8"), Buffer.from(epoch, "utf8"));
    return epoch;
  }

  /** Starts eviction when enough was written since the last look and the store is over its bound. */
  #makeRoom(): void {
    if (this.#unchecked < SIZE_CHECK_BYTES || this.#evicting !== undefined) return;
    this.#unchecked = 0;
    if (!this.#eviction.measure()) return;
    this.#evicting = this.#eviction
      .evict()
      .then((sets) => {
        for (const set of sets) this.#emit({ kind: "dropped", cause: "evicted", set });
      })
      .catch((error: unknown) => this.#onFailure("evict", error))
      .finally(() => {
        this.#evicting = undefined;
      });
  }

  /** Runs a call, turning every failure into `CacheUnavailable`, and damage into an empty store. */
  async #guarded<T>(operation: string, run: () => Promise<T>): Promise<T> {
    this.#admit(operation);
    try {
      return await run();
    } catch (error) {
      throw this.#failed(operation, error);
    }
  }

  /** @throws CacheUnavailable when the store is closed or damaged */
  #admit(operation: string): void {
    if (this.#closing !== undefined)
      throw new CacheUnavailable("closed", `document cache ${operation} after close`);
    if (this.#broken !== undefined || this.#rebuilding !== undefined)
      throw new CacheUnavailable("down", `document cache ${operation} while the store is damaged`);
    this.#seeFiles(operation);
  }

  /** What a call that failed rejects with. */
  #failed(operation: string, error: unknown): Error {
    if (error instanceof RangeError) return error;
    this.#onFailure(operation, error);
    return new CacheUnavailable("failed", `document cache ${operation} failed`, { cause: error });
  }

  /** Stops when another process found the files damaged and began anew: ours would grow stale unseen. */
  #seeFiles(operation: string): void {
    const now = this.#clock.monotonic();
    if (now - this.#filesSeenAt < FILES_CHECK_INTERVAL_MS) return;
    this.#filesSeenAt = now;
    if (this.#store.ownsFiles()) return;
    const reason = "the files were replaced by another process";
    this.#lose(reason);
    this.#log.error({ reason }, "document cache is off until the next start");
    this.#emit({ kind: "lost", reason });
    throw new CacheUnavailable("down", `document cache ${operation}: ${reason}`);
  }

  /** Off from now on. */
  #lose(reason: string): void {
    this.#broken = reason;
    this.#since = this.#clock.now();
  }

  #onFailure(operation: string, error: unknown): void {
    if (!(error instanceof RecordDamage || isDamage(error)) || this.#rebuilding !== undefined) return;
    const reason = error instanceof Error ? error.message : String(error);
    this.#log.warn({ operation, reason }, "document cache is damaged and is emptied");
    this.#rebuilding = this.#store
      .clear()
      .then(() => this.#emit({ kind: "rebuilt", reason }))
      .catch((failure: unknown) => {
        // The files cannot even be emptied. The next start finds them broken and begins anew.
        this.#lose(reason);
        this.#log.error({ err: failure }, "document cache cannot be emptied and is off until the next start");
        this.#emit({ kind: "lost", reason });
      })
      .finally(() => {
        this.#rebuilding = undefined;
      });
  }

  #emit(event: CacheEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

/** A stored record as the port shows it, with the parts asked for. */
function exposed(
  stored: StoredRecord,
  parts: readonly CachePart[],
  vector: Uint8Array | undefined,
): CachedRecord {
  const { mark, epoch, attributes } = stored;
  // Not by spreading: this runs for every record that is read.
  const record: { -readonly [K in keyof CachedRecord]: CachedRecord[K] } = {
    mark,
    epoch,
    version: String(stored.version),
  };
  if (attributes !== undefined && parts.includes("attributes")) record.attributes = attributes;
  if (vector !== undefined) record.vector = vector;
  return record;
}

/** The key of an id (or of its bytes) in the set whose key prefix is given. */
function keyOf(prefix: Buffer, id: string | Buffer): Buffer {
  const length = typeof id === "string" ? Buffer.byteLength(id) : id.length;
  const key = Buffer.allocUnsafe(prefix.length + length);
  key.set(prefix);
  if (typeof id === "string") key.write(id, prefix.length, "utf8");
  else key.set(id, prefix.length);
  return key;
}

function slices<T>(items: readonly T[]): T[][] {
  const result: T[][] = [];
  for (let at = 0; at < items.length; at += SLICE) result.push(items.slice(at, at + SLICE));
  return result;
}

/** Changes when the machine starts: Linux says so itself, elsewhere the time of the start, to ten minutes. */
function bootIdentity(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return `started ${Math.round((Date.now() - os.uptime() * 1000) / 600_000)}`;
  }
}
