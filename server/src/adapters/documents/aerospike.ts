/**
 * The document cache shared by any number of replicas, on Aerospike.
 *
 * A record has the bins `mark`, `epoch`, `attrs` and `vec`, our own bytes each, begun by a format number: the server would
 * change numbers and dates in maps. Versions are generations. Writes go one by one, since only a single write takes both a
 * generation and an existence condition; reads of many are batches that carry the set's epoch along.
 *
 * The cache is never waited for: each call has 200 ms for a thousand records, and after one failure the next two seconds go
 * without. Starting without a server is starting degraded, not failing.
 */

import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Clock } from "../../clock.js";
import type { Log } from "../../log.js";
import {
  CACHE_BUDGET_MS,
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
import { type AerospikeModule, loadAerospike } from "./aerospike-client.js";
import { AerospikeConnection, type AerospikeConnectionOptions } from "./aerospike-connection.js";
import { meaningOf } from "./aerospike-failure.js";
import { binsFor, binsOf, type ReadBins, recordOf, sizeOf } from "./aerospike-record.js";
import { aerospikeSetName, checkSetPrefix, ownSets } from "./set-name.js";

/** Ids of one batch read: well under the server's own limit. */
const BATCH = 1_000;
/** Times a merge is tried when others write the same record. */
const MERGE_TRIES = 8;
/** Times a write to a busy record is tried within its budget. */
const HOT_KEY_TRIES = 4;
const PARTITIONS = 4_096;
/** Generations go from 65,535 back to 1. */
const GENERATION_MAX = 65_535;

export interface AerospikeDocumentCacheOptions extends AerospikeConnectionOptions {
  /** Begins the name of every set. Default `tpuf_`. */
  readonly setPrefix?: string;
  /** Time for a call on at most 1,000 records, in ms. Default `CACHE_BUDGET_MS`. */
  readonly budgetMs?: number;
  /** Largest record in bytes, of the server's `max-record-size`, less room for names. Default 1,023 KiB. */
  readonly recordBytesMax?: number;
  readonly clock: Clock;
  readonly log: Pick<Log, "warn" | "info">;
  /** Loads the client package; the tests give their own. */
  readonly load?: () => Promise<unknown>;
}

/**
 * Connects, or begins degraded and goes on trying.
 * @throws PackageMissing when `aerospike` is not installed; RangeError for a bad set prefix
 */
export async function openAerospikeDocumentCache(
  options: AerospikeDocumentCacheOptions,
): Promise<DocumentCache> {
  checkSetPrefix(options.setPrefix ?? "tpuf_");
  const aerospike = await loadAerospike(options.load);
  const cache = new AerospikeDocumentCache(aerospike, options);
  await cache.start();
  return cache;
}

class AerospikeDocumentCache implements DocumentCache {
  readonly #aerospike: AerospikeModule;
  readonly #connection: AerospikeConnection;
  readonly #namespace: string;
  readonly #prefix: string;
  readonly #recordBytesMax: number;
  readonly #budgetMs: number;
  readonly #clock: Clock;
  readonly #log: AerospikeDocumentCacheOptions["log"];
  /** False once the namespace has refused a time to live: expiry is then ours, by a bin with its end. */
  #serverExpires = true;

  constructor(aerospike: AerospikeModule, options: AerospikeDocumentCacheOptions) {
    this.#aerospike = aerospike;
    this.#namespace = options.namespace;
    this.#prefix = options.setPrefix ?? "tpuf_";
    this.#recordBytesMax = options.recordBytesMax ?? 1_023 * 1_024;
    this.#budgetMs = options.budgetMs ?? CACHE_BUDGET_MS;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#connection = new AerospikeConnection(aerospike, options, ownSets.instance(this.#prefix));
  }

  start(): Promise<void> {
    return this.#connection.start();
  }

  async get(set: string, ids: readonly string[], parts: readonly CachePart[]): Promise<CacheRead> {
    checkCacheSet(set);
    const bins = binsOf(parts);
    // Chunks go side by side and share the connections, so each has the time of them all.
    const budgetMs = this.#budgetFor(ids.length);
    const reads = await Promise.all(chunked(ids).map((chunk) => this.#readChunk(set, chunk, bins, budgetMs)));
    return { epoch: reads.at(-1)?.epoch, records: reads.flatMap((read) => read.records) };
  }

  async put(set: string, writes: readonly CacheWrite[]): Promise<readonly CacheWriteOutcome[]> {
    checkCacheSet(set);
    for (const write of writes) checkCacheWrite(write);
    const budgetMs = this.#budgetFor(writes.length);
    // Writes to one id keep their order; the rest run side by side as far as the gate lets them.
    const last = new Map<string, Promise<unknown>>();
    return Promise.all(
      writes.map((write) => {
        const before = last.get(write.id);
        const outcome = before
          ? before.then(() => this.#write(set, write, budgetMs))
          : this.#write(set, write, budgetMs);
        last.set(
          write.id,
          outcome.catch(() => undefined),
        );
        return outcome;
      }),
    );
  }

  async mergeIfPresent(
    set: string,
    ids: readonly string[],
    merge: (id: string, current: CachedRecord) => CacheMerge | undefined,
  ): Promise<readonly CacheMergeOutcome[]> {
    checkCacheSet(set);
    const budgetMs = this.#budgetFor(ids.length);
    const read = await this.get(set, ids, ["attributes"]);
    return Promise.all(ids.map((id, index) => this.#merge(set, id, read.records[index], merge, budgetMs)));
  }

  async delete(set: string, ids: readonly string[]): Promise<void> {
    checkCacheSet(set);
    const budgetMs = this.#budgetFor(ids.length);
    await Promise.all(ids.filter(isCacheableId).map((id) => this.#remove(set, id, undefined, budgetMs)));
  }

  async ensureEpoch(set: string): Promise<string> {
    const { epoch } = await this.get(set, [], []);
    if (epoch !== undefined) return epoch;
    const made = randomUUID();
    const stored = await this.#putEpoch(set, made, this.#aerospike.policy.exists.CREATE);
    if (stored) return made;
    const present = (await this.get(set, [], [])).epoch;
    if (present === undefined) throw new CacheUnavailable("failed", `the epoch of ${set} came and went`);
    return present;
  }

  async changeEpoch(set: string): Promise<string> {
    checkCacheSet(set);
    const made = randomUUID();
    await this.#putEpoch(set, made, this.#aerospike.policy.exists.CREATE_OR_REPLACE);
    return made;
  }

  async scan(
    set: string,
    options: { readonly cursor?: string; readonly limit: number; readonly parts: readonly CachePart[] },
  ): Promise<CacheScanPage> {
    const { epoch } = await this.get(set, [], []);
    if (epoch === undefined) return { records: [] };
    const found: { id: string; record: CachedRecord }[] = [];
    let begin = options.cursor === undefined ? 0 : Number(options.cursor);
    // A slice of partitions at a time; the next is as wide as this one's yield suggests.
    for (let width = 64; begin < PARTITIONS && found.length < options.limit; ) {
      const count = Math.min(width, PARTITIONS - begin);
      const slice = await this.#scanPartitions(set, begin, count, options.parts);
      for (const { id, record } of slice) if (record.epoch === epoch) found.push({ id, record });
      begin += count;
      const wanted = options.limit - found.length;
      width = Math.max(1, Math.min(width * 4, Math.ceil((count * wanted) / Math.max(1, slice.length))));
    }
    return { records: found, ...(begin < PARTITIONS ? { cursor: String(begin) } : {}) };
  }

  health(): CacheHealth {
    return this.#connection.health();
  }

  onEvent(listener: (event: CacheEvent) => void): () => void {
    return this.#connection.onEvent(listener);
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  async #readChunk(
    set: string,
    ids: readonly string[],
    bins: string[],
    budgetMs: number,
  ): Promise<CacheRead> {
    const usable = [...new Set(ids.filter(isCacheableId))];
    const requests = [
      { key: this.#epochKey(set), bins: ["epoch"] },
      ...usable.map((id) => ({ key: this.#key(set, id), bins })),
    ];
    const results = await this.#connection.call("get", budgetMs, (client, policy) =>
      client.batchRead(requests, policy),
    );
    const failed = results.find((result) => result.status !== 0 && result.status !== 2);
    if (failed) throw new CacheUnavailable("failed", `document cache get failed with code ${failed.status}`);
    const now = this.#clock.now();
    const [first, ...rest] = results;
    const records = new Map(
      rest.map((result, index) => [
        usable[index],
        result.status === 0 ? recordOf(result.record.bins, result.record.gen, now) : undefined,
      ]),
    );
    const epoch = first?.status === 0 ? first.record.bins.epoch : undefined;
    return {
      epoch: typeof epoch === "string" ? epoch : undefined,
      records: ids.map((id) => records.get(id)),
    };
  }

  async #write(set: string, write: CacheWrite, budgetMs: number): Promise<CacheWriteOutcome> {
    if (!isCacheableId(write.id)) return { status: "uncacheable", reason: "bad-id" };
    const { exists } = this.#aerospike.policy;
    const { condition } = write;
    const version = condition.when === "version" ? condition.version : undefined;
    if (sizeOf(write) + Buffer.byteLength(write.id) > this.#recordBytesMax)
      return this.#tooLarge(set, write, budgetMs);
    // The server knows nothing of an end that is ours: to it the record still stands.
    if (
      version !== undefined &&
      !this.#serverExpires &&
      (await this.get(set, [write.id], [])).records[0] === undefined
    )
      return { status: "conflict" };
    const existence =
      condition.when === "always"
        ? exists.CREATE_OR_REPLACE
        : condition.when === "absent"
          ? exists.CREATE
          : exists.REPLACE;
    const stored = await this.#put(set, write.id, binsFor(write), write.ttlMs, existence, version, budgetMs);
    if (stored === "too-large") return this.#tooLarge(set, write, budgetMs);
    if (stored === "stored")
      return condition.when === "always"
        ? { status: "stored" }
        : { status: "stored", version: nextVersion(version) };
    if (condition.when === "absent" && !this.#serverExpires) return this.#overExpired(set, write, budgetMs);
    return { status: "conflict" };
  }

  async #merge(
    set: string,
    id: string,
    read: CachedRecord | undefined,
    merge: (id: string, current: CachedRecord) => CacheMerge | undefined,
    budgetMs: number,
  ): Promise<CacheMergeOutcome> {
    let current = read;
    for (let attempt = 1; ; attempt += 1) {
      if (current === undefined) return { status: "absent" };
      const merged = merge(id, current);
      if (merged === undefined) return { status: "kept" };
      checkCacheWrite(merged);
      const { UPDATE } = this.#aerospike.policy.exists;
      const { version } = current;
      const stored = await this.#put(set, id, binsFor(merged), merged.ttlMs, UPDATE, version, budgetMs);
      if (stored === "stored") return { status: "stored", version: nextVersion(version) };
      if (stored === "too-large") {
        await this.#remove(set, id, version, budgetMs);
        return { status: "uncacheable", reason: "too-large" };
      }
      if (attempt >= MERGE_TRIES) return { status: "conflict" };
      await pause(Math.random() * 5 * attempt);
      current = (await this.get(set, [id], ["attributes"])).records[0];
    }
  }

  /** Drops what an oversized write would have replaced, if its condition holds. */
  async #tooLarge(set: string, write: CacheWrite, budgetMs: number): Promise<CacheWriteOutcome> {
    const { condition, id } = write;
    if (condition.when === "absent") {
      const isThere = (await this.get(set, [id], [])).records[0] !== undefined;
      return isThere ? { status: "conflict" } : { status: "uncacheable", reason: "too-large" };
    }
    const version = condition.when === "version" ? condition.version : undefined;
    const removed = await this.#remove(set, id, version, budgetMs);
    return removed || version === undefined
      ? { status: "uncacheable", reason: "too-large" }
      : { status: "conflict" };
  }

  /** Creates a record over one that is over by our own bin and still stands on the server. */
  async #overExpired(set: string, write: CacheWrite, budgetMs: number): Promise<CacheWriteOutcome> {
    const key = this.#key(set, write.id);
    const [found] = await this.#connection.call("put", budgetMs, (client, policy) =>
      client.batchRead([{ key, bins: ["mark", "epoch", "until"] }], policy),
    );
    if (found?.status !== 0) return { status: "conflict" };
    const { bins, gen } = found.record;
    if (recordOf(bins as ReadBins, gen, this.#clock.now()) !== undefined) return { status: "conflict" };
    const { REPLACE } = this.#aerospike.policy.exists;
    const stored = await this.#put(
      set,
      write.id,
      binsFor(write),
      write.ttlMs,
      REPLACE,
      String(gen),
      budgetMs,
    );
    return stored === "stored"
      ? { status: "stored", version: nextVersion(String(gen)) }
      : { status: "conflict" };
  }

  async #put(
    set: string,
    id: string,
    bins: ReturnType<typeof binsFor>,
    ttlMs: number | undefined,
    exists: number,
    version: string | undefined,
    budgetMs: number,
  ): Promise<"stored" | "conflict" | "too-large"> {
    const { gen, key, exists: existence } = this.#aerospike.policy;
    // Without the policy a generation is silently ignored; without SEND a scan gives no ids.
    const conditions = { exists, key: key.SEND, ...(version === undefined ? {} : { gen: gen.EQ }) };
    // Only a merge can find an earlier end of ours in the record; the server refuses to remove a bin while it replaces.
    const endless = exists === existence.UPDATE ? { until: null } : {};
    let serverExpires = this.#serverExpires;
    for (let attempt = 1; ; attempt += 1) {
      const until = ttlMs !== undefined && !serverExpires ? { until: this.#clock.now() + ttlMs } : endless;
      const ttl = ttlMs !== undefined && serverExpires ? Math.ceil(ttlMs / 1_000) : undefined;
      const meta = {
        ttl: ttl ?? this.#aerospike.ttl.NAMESPACE_DEFAULT,
        ...(version === undefined ? {} : { gen: Number(version) }),
      };
      try {
        await this.#connection.call("put", budgetMs, (client, policy) =>
          client.put(this.#key(set, id), { ...bins, ...until }, meta, { ...policy, ...conditions }),
        );
        if (!serverExpires) this.#goWithoutExpiry();
        return "stored";
      } catch (error) {
        const meaning = meaningOf(error instanceof CacheUnavailable ? error.cause : error);
        if (meaning === "conflict" || meaning === "missing") return "conflict";
        if (meaning === "too-large") return "too-large";
        // That it was the time to live shows once the same write succeeds without.
        if (meaning === "forbidden" && ttl !== undefined) serverExpires = false;
        else if (meaning !== "hot-key" || attempt >= HOT_KEY_TRIES) throw error;
        else await pause(Math.random() * 10 * attempt);
      }
    }
  }

  /** True when a record was removed; false when there was none or it has another version. */
  async #remove(set: string, id: string, version: string | undefined, budgetMs: number): Promise<boolean> {
    const { gen } = this.#aerospike.policy;
    const condition = version === undefined ? {} : { gen: gen.EQ, generation: Number(version) };
    try {
      await this.#connection.call("delete", budgetMs, (client, policy) =>
        client.remove(this.#key(set, id), { ...policy, ...condition }),
      );
      return true;
    } catch (error) {
      const meaning = meaningOf(error instanceof CacheUnavailable ? error.cause : error);
      if (meaning === "missing" || meaning === "conflict") return false;
      throw error;
    }
  }

  async #putEpoch(set: string, epoch: string, exists: number): Promise<boolean> {
    checkCacheSet(set);
    try {
      await this.#connection.call("epoch", this.#budgetMs, (client, policy) =>
        client.put(
          this.#epochKey(set),
          { epoch },
          { ttl: this.#aerospike.ttl.NEVER_EXPIRE },
          { ...policy, exists, key: this.#aerospike.policy.key.SEND },
        ),
      );
      return true;
    } catch (error) {
      const meaning = meaningOf(error instanceof CacheUnavailable ? error.cause : error);
      if (meaning === "conflict") return false;
      throw error;
    }
  }

  #scanPartitions(
    set: string,
    begin: number,
    count: number,
    parts: readonly CachePart[],
  ): Promise<{ id: string; record: CachedRecord }[]> {
    return this.#connection.call("scan", this.#budgetMs * 10, (client, policy) => {
      const scan = client.scan(this.#namespace, aerospikeSetName(this.#prefix, set));
      scan.select(binsOf(parts));
      scan.partitions(begin, count);
      return new Promise((resolve, reject) => {
        const found: { id: string; record: CachedRecord }[] = [];
        const now = this.#clock.now();
        const stream = scan.foreach(policy);
        stream.on("data", ({ key, bins, gen }) => {
          const record = recordOf(bins as ReadBins, gen, now);
          if (record !== undefined && typeof key.key === "string") found.push({ id: key.key, record });
        });
        stream.on("error", reject);
        stream.on("end", () => resolve(found));
      });
    });
  }

  /** Time for a call on as many records, in ms. */
  #budgetFor(records: number): number {
    return this.#budgetMs * Math.max(1, Math.ceil(records / BATCH));
  }

  #goWithoutExpiry(): void {
    if (!this.#serverExpires) return;
    this.#serverExpires = false;
    this.#log.warn(
      { namespace: this.#namespace },
      "Aerospike expires nothing in this namespace; set nsup-period, or what expires stays until it is overwritten",
    );
  }

  #key(set: string, id: string) {
    return new this.#aerospike.Key(this.#namespace, aerospikeSetName(this.#prefix, set), id);
  }

  #epochKey(set: string) {
    return new this.#aerospike.Key(this.#namespace, ownSets.epochs(this.#prefix), set);
  }
}

/** Always at least one chunk, which carries the epoch. */
function chunked(ids: readonly string[]): string[][] {
  const chunks: string[][] = [ids.slice(0, BATCH)];
  for (let at = BATCH; at < ids.length; at += BATCH) chunks.push(ids.slice(at, at + BATCH));
  return chunks;
}

/** The generation that a write makes of the one it replaced; 1 for a new record. */
function nextVersion(version: string | undefined): string {
  const generation = version === undefined ? 0 : Number(version);
  return String(generation >= GENERATION_MAX ? 1 : generation + 1);
}
