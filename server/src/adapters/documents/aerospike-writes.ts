/**
 * Writes of the document cache on Aerospike, one record at a time: only a single write takes both a generation and an existence
 * condition. Everything here ends with the deadline of the call it belongs to, however often a step of it is tried.
 */

import { setTimeout as pause } from "node:timers/promises";
import type { Clock } from "../../clock.js";
import {
  type CachedRecord,
  type CacheMerge,
  type CacheMergeOutcome,
  CacheUnavailable,
  type CacheWrite,
  type CacheWriteOutcome,
  checkCacheWrite,
  isCacheableId,
} from "../../ports/document-cache.js";
import type { AerospikeBins, AerospikeKey, AerospikeModule } from "./aerospike-client.js";
import type { AerospikeConnection } from "./aerospike-connection.js";
import { type AerospikeMeaning, meaningOf } from "./aerospike-failure.js";
import { binsFor, type ReadBins, recordOf, sizeOf } from "./aerospike-record.js";
import type { Deadline } from "./deadline.js";

/** Times a merge is tried when others write the same record. */
const MERGE_TRIES = 8;
/** Times a command on a busy record is tried. */
const HOT_KEY_TRIES = 4;
/** Generations go from 65,535 back to 1. */
const GENERATION_MAX = 65_535;

export interface AerospikeWritesDependencies {
  readonly aerospike: AerospikeModule;
  readonly connection: AerospikeConnection;
  readonly clock: Clock;
  /** In bytes. */
  readonly recordBytesMax: number;
  readonly keyOf: (set: string, id: string) => AerospikeKey;
  /** Reads one record, its vector left out. */
  readonly read: (set: string, id: string, deadline: Deadline) => Promise<CachedRecord | undefined>;
  /** Called once, when the namespace has refused a time to live. */
  readonly onNoExpiry: () => void;
}

type Stored = "stored" | "conflict" | "too-large";

/** What a put does beside its bins. */
interface Put {
  readonly bins: AerospikeBins;
  readonly ttlMs: number | undefined;
  /** One of the client's existence policies. */
  readonly exists: number;
  readonly version: string | undefined;
}

export class AerospikeWrites {
  readonly #given: AerospikeWritesDependencies;
  /** False once the namespace has refused a time to live: expiry is then ours, by a bin with its end. */
  #serverExpires = true;

  constructor(dependencies: AerospikeWritesDependencies) {
    this.#given = dependencies;
  }

  async write(set: string, write: CacheWrite, deadline: Deadline): Promise<CacheWriteOutcome> {
    if (!isCacheableId(write.id)) return { status: "uncacheable", reason: "bad-id" };
    const { aerospike, read, recordBytesMax } = this.#given;
    const { condition, id, ttlMs } = write;
    const version = condition.when === "version" ? condition.version : undefined;
    if (sizeOf(write) + Buffer.byteLength(id) > recordBytesMax) return this.#tooLarge(set, write, deadline);
    // The server knows nothing of an end that is ours: to it the record still stands.
    if (version !== undefined && !this.#serverExpires && (await read(set, id, deadline)) === undefined)
      return { status: "conflict" };
    const { CREATE, CREATE_OR_REPLACE, REPLACE } = aerospike.policy.exists;
    const exists = { always: CREATE_OR_REPLACE, absent: CREATE, version: REPLACE }[condition.when];
    const stored = await this.#put(set, id, { bins: binsFor(write), ttlMs, exists, version }, deadline);
    if (stored === "too-large") return this.#tooLarge(set, write, deadline);
    if (stored === "stored")
      return condition.when === "always"
        ? { status: "stored" }
        : { status: "stored", version: nextVersion(version) };
    if (condition.when === "absent" && !this.#serverExpires) return this.#overExpired(set, write, deadline);
    return { status: "conflict" };
  }

  /** @param read the record as it was read last, with its attributes */
  async merge(
    set: string,
    id: string,
    read: CachedRecord | undefined,
    merge: (id: string, current: CachedRecord) => CacheMerge | undefined,
    deadline: Deadline,
  ): Promise<CacheMergeOutcome> {
    let current = read;
    for (let attempt = 1; ; attempt += 1) {
      if (current === undefined) return { status: "absent" };
      const merged = merge(id, current);
      if (merged === undefined) return { status: "kept" };
      checkCacheWrite(merged);
      const exists = this.#given.aerospike.policy.exists.UPDATE;
      const { version } = current;
      const put = { bins: binsFor(merged), ttlMs: merged.ttlMs, exists, version };
      const stored = await this.#put(set, id, put, deadline);
      if (stored === "stored") return { status: "stored", version: nextVersion(version) };
      if (stored === "too-large") {
        await this.remove(set, id, version, deadline);
        return { status: "uncacheable", reason: "too-large" };
      }
      if (attempt >= MERGE_TRIES) return { status: "conflict" };
      await pause(Math.random() * 5 * attempt);
      current = await this.#given.read(set, id, deadline);
    }
  }

  /** True when a record was removed; false when there was none or it has another version. */
  async remove(set: string, id: string, version: string | undefined, deadline: Deadline): Promise<boolean> {
    const { aerospike, connection, keyOf } = this.#given;
    const condition =
      version === undefined ? {} : { gen: aerospike.policy.gen.EQ, generation: Number(version) };
    try {
      await patiently(() =>
        connection.call("delete", deadline.leftMs(), (client, policy) =>
          client.remove(keyOf(set, id), { ...policy, ...condition }),
        ),
      );
      return true;
    } catch (error) {
      const meaning = meaningBehind(error);
      if (meaning === "missing" || meaning === "conflict") return false;
      throw error;
    }
  }

  /** Drops what an oversized write would have replaced, if its condition holds. */
  async #tooLarge(set: string, write: CacheWrite, deadline: Deadline): Promise<CacheWriteOutcome> {
    const { condition, id } = write;
    if (condition.when === "absent") {
      const isThere = (await this.#given.read(set, id, deadline)) !== undefined;
      return isThere ? { status: "conflict" } : { status: "uncacheable", reason: "too-large" };
    }
    const version = condition.when === "version" ? condition.version : undefined;
    const removed = await this.remove(set, id, version, deadline);
    return removed || version === undefined
      ? { status: "uncacheable", reason: "too-large" }
      : { status: "conflict" };
  }

  /** Creates a record over one that is over by our own bin and still stands on the server. */
  async #overExpired(set: string, write: CacheWrite, deadline: Deadline): Promise<CacheWriteOutcome> {
    const { aerospike, clock, connection, keyOf } = this.#given;
    const { id, ttlMs } = write;
    const [found] = await connection.call("put", deadline.leftMs(), (client, policy) =>
      client.batchRead([{ key: keyOf(set, id), bins: ["mark", "epoch", "until"] }], policy),
    );
    if (found?.status !== 0) return { status: "conflict" };
    const { bins, gen } = found.record;
    if (recordOf(bins as ReadBins, gen, clock.now()) !== undefined) return { status: "conflict" };
    const version = String(gen);
    const put = { bins: binsFor(write), ttlMs, exists: aerospike.policy.exists.REPLACE, version };
    const stored = await this.#put(set, id, put, deadline);
    return stored === "stored" ? { status: "stored", version: nextVersion(version) } : { status: "conflict" };
  }

  async #put(
    set: string,
    id: string,
    { bins, ttlMs, exists, version }: Put,
    deadline: Deadline,
  ): Promise<Stored> {
    const { aerospike, clock, connection, keyOf } = this.#given;
    const { gen, key, exists: existence } = aerospike.policy;
    // Without the policy a generation is silently ignored; without SEND a scan gives no ids.
    const conditions = { exists, key: key.SEND, ...(version === undefined ? {} : { gen: gen.EQ }) };
    // Only a merge can find an earlier end of ours in the record; the server refuses to remove a bin while it replaces.
    const endless = exists === existence.UPDATE ? { until: null } : {};
    let serverExpires = this.#serverExpires;
    for (;;) {
      const until = ttlMs !== undefined && !serverExpires ? { until: clock.now() + ttlMs } : endless;
      const ttl = ttlMs !== undefined && serverExpires ? Math.ceil(ttlMs / 1_000) : undefined;
      const meta = {
        ttl: ttl ?? aerospike.ttl.NAMESPACE_DEFAULT,
        ...(version === undefined ? {} : { gen: Number(version) }),
      };
      try {
        await patiently(() =>
          connection.call("put", deadline.leftMs(), (client, policy) =>
            client.put(keyOf(set, id), { ...bins, ...until }, meta, { ...policy, ...conditions }),
          ),
        );
        if (!serverExpires) this.#goWithoutExpiry();
        return "stored";
      } catch (error) {
        const meaning = meaningBehind(error);
        if (meaning === "conflict" || meaning === "missing") return "conflict";
        if (meaning === "too-large") return "too-large";
        // That it was the time to live shows once the same write succeeds without.
        if (meaning !== "forbidden" || ttl === undefined) throw error;
        serverExpires = false;
      }
    }
  }

  #goWithoutExpiry(): void {
    if (!this.#serverExpires) return;
    this.#serverExpires = false;
    this.#given.onNoExpiry();
  }
}

/** Runs a command on a record, again when too many others are at it. */
export async function patiently<T>(command: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await command();
    } catch (error) {
      if (meaningBehind(error) !== "hot-key" || attempt >= HOT_KEY_TRIES) throw error;
      await pause(Math.random() * 10 * attempt);
    }
  }
}

/** What a call on the connection failed of. */
export function meaningBehind(error: unknown): AerospikeMeaning {
  return meaningOf(error instanceof CacheUnavailable ? error.cause : error);
}

/** The generation that a write makes of the one it replaced; 1 for a new record. */
function nextVersion(version: string | undefined): string {
  const generation = version === undefined ? 0 : Number(version);
  return String(generation >= GENERATION_MAX ? 1 : generation + 1);
}
