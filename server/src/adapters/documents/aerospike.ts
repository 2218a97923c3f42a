/**
 * The document cache shared by any number of replicas, on Aerospike.
 *
 * A record has the bins `mark`, `epoch`, `attrs` and `vec`, our own bytes each, begun by a format number: the server would
 * change numbers and dates in maps. Versions are generations. Writes go one by one, since only a single write takes both a
 * generation and an existence condition; reads of many are batches that carry the set's epoch along, and the instance of the
 * cluster, which is part of it.
 *
 * The cache is never waited for: each call has 200 ms for a thousand records, and after one failure the next two seconds go
 * without. Starting without a server is starting degraded, not failing.
 */

import { randomUUID } from "node:crypto";
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
import { binsOf, type ReadBins, recordOf } from "./aerospike-record.js";
import { AerospikeWrites, meaningBehind, patiently } from "./aerospike-writes.js";
import { type Deadline, deadlineIn } from "./deadline.js";
import { aerospikeSetName, checkSetPrefix, ownSets } from "./set-name.js";

/** Ids of one batch read: well under the server's own limit. */
const BATCH = 1_000;
const PARTITIONS = 4_096;
export interface AerospikeDocumentCacheOptions extends AerospikeConnectionOptions {
  /** Begins the name of every set. Default `tpuf_`. */
  readonly setPrefix?: string;
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
  readonly #budgetMs: number;
  readonly #clock: Clock;
  readonly #writes: AerospikeWrites;

  constructor(aerospike: AerospikeModule, options: AerospikeDocumentCacheOptions) {
    this.#aerospike = aerospike;
    this.#namespace = options.namespace;
    this.#prefix = options.setPrefix ?? "tpuf_";
    this.#budgetMs = options.budgetMs ?? CACHE_BUDGET_MS;
    this.#clock = options.clock;
    this.#connection = new AerospikeConnection(aerospike, options, ownSets.instance(this.#prefix));
    this.#writes = new AerospikeWrites({
      aerospike,
      connection: this.#connection,
      clock: options.clock,
      recordBytesMax: options.recordBytesMax ?? 1_023 * 1_024,
      keyOf: (set, id) => this.#key(set, id),
      read: async (set, id, deadline) => (await this.#read(set, [id], ["attributes"], deadline)).records[0],
      onNoExpiry: () =>
        options.log.warn(
          { namespace: options.namespace },
          "Aerospike expires nothing in this namespace; set nsup-period, or what expires stays until it is overwritten",
        ),
    });
  }

  start(): Promise<void> {
    return this.#connection.start();
  }

  async get(set: string, ids: readonly string[], parts: readonly CachePart[]): Promise<CacheRead> {
    checkCacheSet(set);
    return this.#read(set, ids, parts, deadlineIn(this.#budgetFor(ids.length)));
  }

  async put(set: string, writes: readonly CacheWrite[]): Promise<readonly CacheWriteOutcome[]> {
    checkCacheSet(set);
    for (const write of writes) checkCacheWrite(write);
    const deadline = deadlineIn(this.#budgetFor(writes.length));
    // Writes to one id keep their order; the rest run side by side as far as the gate lets them.
    const last = new Map<string, Promise<unknown>>();
    return Promise.all(
      writes.map((write) => {
        const before = last.get(write.id);
        const outcome = before
          ? before.then(() => this.#writes.write(set, write, deadline))
          : this.#writes.write(set, write, deadline);
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
    const deadline = deadlineIn(this.#budgetFor(ids.length));
    const read = await this.#read(set, ids, ["attributes"], deadline);
    return Promise.all(
      ids.map((id, index) => this.#writes.merge(set, id, read.records[index], merge, deadline)),
    );
  }

  async delete(set: string, ids: readonly string[]): Promise<void> {
    checkCacheSet(set);
    const deadline = deadlineIn(this.#budgetFor(ids.length));
    await Promise.all(
      ids.filter(isCacheableId).map((id) => this.#writes.remove(set, id, undefined, deadline)),
    );
  }

  async ensureEpoch(set: string): Promise<string> {
    const { epoch } = await this.get(set, [], []);
    if (epoch !== undefined) return epoch;
    // A cluster that was emptied has no instance, and without one nothing has an epoch.
    await this.#connection.settleInstance();
    const made = randomUUID();
    const stored = await this.#putEpoch(set, made, this.#aerospike.policy.exists.CREATE);
    if (stored) return epochOf(await this.#connection.instance(), made);
    const present = (await this.get(set, [], [])).epoch;
    if (present === undefined) throw new CacheUnavailable("failed", `the epoch of ${set} came and went`);
    return present;
  }

  async changeEpoch(set: string): Promise<string> {
    checkCacheSet(set);
    const made = randomUUID();
    await this.#putEpoch(set, made, this.#aerospike.policy.exists.CREATE_OR_REPLACE);
    return epochOf(await this.#connection.instance(), made);
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

  async #read(
    set: string,
    ids: readonly string[],
    parts: readonly CachePart[],
    deadline: Deadline,
  ): Promise<CacheRead> {
    const bins = binsOf(parts);
    // Chunks go side by side and share the connections, so each has the time of them all.
    const reads = await Promise.all(chunked(ids).map((chunk) => this.#readChunk(set, chunk, bins, deadline)));
    return { epoch: reads.at(-1)?.epoch, records: reads.flatMap((read) => read.records) };
  }

  async #readChunk(
    set: string,
    ids: readonly string[],
    bins: string[],
    deadline: Deadline,
  ): Promise<CacheRead> {
    const usable = [...new Set(ids.filter(isCacheableId))];
    const requests = [
      { key: this.#connection.instanceKey, bins: ["instance"] },
      { key: this.#epochKey(set), bins: ["epoch"] },
      ...usable.map((id) => ({ key: this.#key(set, id), bins })),
    ];
    const results = await this.#connection.call("get", deadline.leftMs(), (client, policy) =>
      client.batchRead(requests, policy),
    );
    const failed = results.find((result) => result.status !== 0 && result.status !== 2);
    if (failed) throw new CacheUnavailable("failed", `document cache get failed with code ${failed.status}`);
    const now = this.#clock.now();
    const [instance, epochRecord, ...rest] = results;
    const records = new Map(
      rest.map((result, index) => [
        usable[index],
        result.status === 0 ? recordOf(result.record.bins, result.record.gen, now) : undefined,
      ]),
    );
    // A record that is missing has no bins at all.
    const name = instance?.status === 0 ? instance.record.bins.instance : undefined;
    const epoch = epochRecord?.status === 0 ? epochRecord.record.bins.epoch : undefined;
    return {
      epoch: typeof name === "string" && typeof epoch === "string" ? epochOf(name, epoch) : undefined,
      records: ids.map((id) => records.get(id)),
    };
  }

  async #putEpoch(set: string, epoch: string, exists: number): Promise<boolean> {
    checkCacheSet(set);
    const deadline = deadlineIn(this.#budgetMs);
    try {
      await patiently(() =>
        this.#connection.call("epoch", deadline.leftMs(), (client, policy) =>
          client.put(
            this.#epochKey(set),
            { epoch },
            { ttl: this.#aerospike.ttl.NEVER_EXPIRE },
            { ...policy, exists, key: this.#aerospike.policy.key.SEND },
          ),
        ),
      );
      return true;
    } catch (error) {
      if (meaningBehind(error) === "conflict") return false;
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

  #key(set: string, id: string) {
    return new this.#aerospike.Key(this.#namespace, aerospikeSetName(this.#prefix, set), id);
  }

  #epochKey(set: string) {
    return new this.#aerospike.Key(this.#namespace, ownSets.epochs(this.#prefix), set);
  }
}

/** What a set's epoch is called: under another instance of the cluster every set has another one. */
function epochOf(instance: string, epoch: string): string {
  return `${instance}/${epoch}`;
}

/** Always at least one chunk, which carries the epoch. */
function chunked(ids: readonly string[]): string[][] {
  const chunks: string[][] = [ids.slice(0, BATCH)];
  for (let at = BATCH; at < ids.length; at += BATCH) chunks.push(ids.slice(at, at + BATCH));
  return chunks;
}
