/**
 * How warm the cache is for a namespace: through which instant everything of it is cached, as a warm job has found.
 *
 * Kept in the cache itself, so that every replica sees it, and losing the cache loses it. It goes with the epoch it was found
 * under, and with whatever takes a row out of the cache: then only another warm job can say it again.
 */

import type { Clock } from "../../clock.js";
import { type CacheEvent, CacheUnavailable } from "../../ports/document-cache.js";
import type { CacheCalls } from "./cache-guard.js";

export interface NamespaceWarmth {
  /** Whether the cache answers. */
  readonly isConnected: boolean;
  /** Epoch-ms; undefined when no job has warmed the namespace under its present epoch, or something was lost since. */
  readonly through: number | undefined;
}

export interface Warmth {
  /** Never rejects: a cache that does not answer is not connected. */
  state(namespace: string): Promise<NamespaceWarmth>;
  /**
   * A job has put everything up to `through` into the cache under `epoch`. Of no effect when something was lost since.
   * @param since epoch-ms at which the job was begun
   * @throws CacheUnavailable
   */
  warmed(namespace: string, through: number, epoch: string, since: number): Promise<void>;
  /** Something of the namespace was lost. Never rejects. */
  clear(namespace: string): Promise<void>;
  /** Something was lost, and nobody knows of which namespace. Never rejects. */
  clearAll(): Promise<void>;
  /** What the cache tells of its own accord. */
  onCacheEvent(event: CacheEvent): void;
  /** Repeats what could not be said to the cache. */
  runOnce(): Promise<void>;
}

/** No namespace can have this name: it holds a slash. */
const SET = "_hevlayer_warmth/states";
/** The record that counts for every namespace: none can have this name. */
const ALL = "*";
const MARK = Buffer.from([1]);
/** Replicas may differ about the time by as much, ms. */
const SKEW_MS = 2_000;
const TRIES = 4;
/** Clears that could not be stored; beyond, all of them are cleared. */
const OWED_MAX = 1_000;

interface Stored {
  readonly format: 1;
  /** Epoch-ms of the last loss. */
  readonly clearedAt: number;
  readonly through?: number;
  readonly epoch?: string;
  /** Epoch-ms at which the job that says so began. */
  readonly since?: number;
}

export function createWarmth({
  cache,
  clock,
}: {
  cache: Pick<CacheCalls, "get" | "put" | "ensureEpoch" | "health">;
  clock: Clock;
}): Warmth {
  const owed = new Set<string>();

  async function read(namespace: string) {
    const { epoch, records } = await cache.get(SET, [namespace, ALL], ["attributes"]);
    const [own, all] = records.map((record) => (record?.epoch === epoch ? record : undefined));
    const stored = parse(own?.attributes);
    const clearedAt = Math.max(stored?.clearedAt ?? 0, parse(all?.attributes)?.clearedAt ?? 0);
    return { version: records[0]?.version, stored, clearedAt };
  }

  async function put(id: string, body: Stored, version?: string): Promise<boolean> {
    const condition =
      version === undefined ? ({ when: "absent" } as const) : ({ when: "version", version } as const);
    const epoch = await cache.ensureEpoch(SET);
    const attributes = Buffer.from(JSON.stringify(body));
    const [outcome] = await cache.put(SET, [{ id, condition, mark: MARK, epoch, attributes }]);
    return outcome?.status === "stored";
  }

  async function clear(id: string): Promise<void> {
    try {
      const epoch = await cache.ensureEpoch(SET);
      const attributes = Buffer.from(JSON.stringify({ format: 1, clearedAt: Math.floor(clock.now()) }));
      await cache.put(SET, [{ id, condition: { when: "always" }, mark: MARK, epoch, attributes }]);
      owed.delete(id);
    } catch (error) {
      if (!(error instanceof CacheUnavailable)) throw error;
      const isFull = owed.size >= OWED_MAX;
      if (isFull) owed.clear();
      owed.add(isFull ? ALL : id);
    }
  }

  async function state(namespace: string): Promise<NamespaceWarmth> {
    const cold = { isConnected: cache.health().state === "up", through: undefined };
    if (!cold.isConnected || owed.has(namespace) || owed.has(ALL)) return cold;
    try {
      const [{ stored, clearedAt }, { epoch }] = await Promise.all([
        read(namespace),
        cache.get(namespace, [], []),
      ]);
      if (stored === undefined || epoch === undefined || stored.epoch !== epoch) return cold;
      return (stored.since ?? 0) > clearedAt ? { isConnected: true, through: stored.through } : cold;
    } catch (error) {
      if (error instanceof CacheUnavailable) return { isConnected: false, through: undefined };
      throw error;
    }
  }

  return {
    state,

    async warmed(namespace, through, epoch, since) {
      for (let attempt = 1; attempt <= TRIES; attempt += 1) {
        const { version, stored, clearedAt } = await read(namespace);
        if (clearedAt >= since - SKEW_MS || owed.has(namespace) || owed.has(ALL)) return;
        const kept = stored?.clearedAt ?? 0;
        const body = {
          format: 1,
          clearedAt: kept,
          through,
          epoch,
          since: Math.max(since, kept + 1),
        } as const;
        if (await put(namespace, body, version)) return;
      }
    },

    clear,
    clearAll: () => clear(ALL),

    onCacheEvent(event) {
      if (event.kind === "restored") void clear(ALL);
      if (event.kind !== "dropped") return;
      if (event.set === undefined) void clear(ALL);
      // Only what guards a write or a read in flight has a time to live here; that it goes says nothing of rows.
      else if (event.cause === "evicted" && !event.set.includes("/")) void clear(event.set);
    },

    async runOnce() {
      for (const id of [...owed]) await clear(id);
    },
  };
}

function parse(bytes: Uint8Array | undefined): Stored | undefined {
  if (bytes === undefined) return undefined;
  try {
    const body = JSON.parse(Buffer.from(bytes).toString("utf8")) as Partial<Stored>;
    return body.format === 1 ? (body as Stored) : undefined;
  } catch {
    return undefined;
  }
}
