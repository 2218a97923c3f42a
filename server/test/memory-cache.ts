/** A document cache in memory, with what may go wrong with one. Several handles may share its records, as replicas do. */

import type { Clock } from "../src/clock.js";
import {
  type CachedRecord,
  type CacheEvent,
  type CacheMergeOutcome,
  CacheUnavailable,
  type CacheWrite,
  type CacheWriteOutcome,
  checkCacheSet,
  checkCacheWrite,
  type DocumentCache,
  isCacheableId,
} from "../src/ports/document-cache.js";

/** Kinds of calls, as a fault may choose them. */
export type CacheCall = "get" | "put" | "mergeIfPresent" | "delete" | "ensureEpoch" | "changeEpoch" | "scan";

/** `fails`: rejected, not applied. `hangs`: no answer, not applied. `late`: no answer, but applied. */
export type CacheTrouble = "fails" | "hangs" | "late";

export interface MemoryCache extends DocumentCache {
  /** Decides about each call; undefined lets it pass. */
  trouble: (call: CacheCall, set: string) => CacheTrouble | undefined;
  /** Awaited by every call before it is applied. */
  before: (call: CacheCall, set: string) => Promise<void> | void;
  /** Calls so far. */
  readonly calls: CacheCall[];
  emit(event: CacheEvent): void;
}

interface Stored {
  readonly record: CachedRecord;
  readonly expiresAt: number;
}

/** Records that handles share. */
export class CacheContents {
  readonly records = new Map<string, Stored>();
  readonly epochs = new Map<string, string>();
  versions = 0;

  /** What stands under an id, whatever its epoch. */
  peek(set: string, id: string): CachedRecord | undefined {
    return this.records.get(keyOf(set, id))?.record;
  }

  evict(set: string, id: string): void {
    this.records.delete(keyOf(set, id));
  }

  empty(): void {
    this.records.clear();
    this.epochs.clear();
  }
}

const keyOf = (set: string, id: string): string => `${set}\n${id}`;

export function createMemoryCache(
  clock: Clock,
  contents = new CacheContents(),
  { recordBytesMax = 1_000_000 } = {},
): MemoryCache {
  const listeners = new Set<(event: CacheEvent) => void>();
  let connection = 1;
  let isClosed = false;
  let isDown = false;

  function find(set: string, id: string): CachedRecord | undefined {
    const stored = contents.records.get(keyOf(set, id));
    return stored !== undefined && stored.expiresAt > clock.now() ? stored.record : undefined;
  }

  function write(set: string, given: CacheWrite): CacheWriteOutcome {
    if (!isCacheableId(given.id)) return { status: "uncacheable", reason: "bad-id" };
    const current = find(set, given.id);
    const { condition } = given;
    if (condition.when === "absent" && current !== undefined) return { status: "conflict" };
    if (condition.when === "version" && current?.version !== condition.version) return { status: "conflict" };
    const { mark, epoch, attributes, vector, ttlMs = Number.POSITIVE_INFINITY } = given;
    if (mark.length + (attributes?.length ?? 0) + (vector?.length ?? 0) > recordBytesMax) {
      contents.records.delete(keyOf(set, given.id));
      return { status: "uncacheable", reason: "too-large" };
    }
    contents.versions += 1;
    const version = String(contents.versions);
    const record = {
      mark: Buffer.from(mark),
      epoch,
      version,
      ...(attributes === undefined ? {} : { attributes: Buffer.from(attributes) }),
      ...(vector === undefined ? {} : { vector: Buffer.from(vector) }),
    };
    contents.records.set(keyOf(set, given.id), { record, expiresAt: clock.now() + ttlMs });
    return condition.when === "always" ? { status: "stored" } : { status: "stored", version };
  }

  function merge(
    set: string,
    id: string,
    change: Parameters<DocumentCache["mergeIfPresent"]>[2],
  ): CacheMergeOutcome {
    const current = isCacheableId(id) ? find(set, id) : undefined;
    if (current === undefined) return { status: "absent" };
    const { vector, ...seen } = current;
    const made = change(id, seen);
    if (made === undefined) return { status: "kept" };
    checkCacheWrite(made);
    const kept = made.vector === undefined ? vector : (made.vector ?? undefined);
    const attributes = made.attributes ?? current.attributes;
    const condition = { when: "version", version: current.version } as const;
    const { mark, epoch, ttlMs } = made;
    return write(set, {
      id,
      condition,
      mark,
      epoch,
      ...(attributes === undefined ? {} : { attributes }),
      ...(kept === undefined ? {} : { vector: kept }),
      ...(ttlMs === undefined ? {} : { ttlMs }),
    });
  }

  function newEpoch(set: string): string {
    contents.versions += 1;
    contents.epochs.set(set, `epoch-${contents.versions}`);
    return `epoch-${contents.versions}`;
  }

  async function call<T>(kind: CacheCall, set: string, apply: () => T): Promise<T> {
    if (isClosed) throw new CacheUnavailable("closed", "the cache was closed");
    cache.calls.push(kind);
    const trouble = cache.trouble(kind, set);
    if (trouble === "fails") throw new CacheUnavailable("failed", "the cache fails on demand");
    if (trouble === "hangs") return new Promise(() => undefined);
    await cache.before(kind, set);
    const result = apply();
    return trouble === "late" ? new Promise(() => undefined) : result;
  }

  const cache: MemoryCache = {
    trouble: () => undefined,
    before: () => undefined,
    calls: [],
    async get(set, ids, parts) {
      checkCacheSet(set);
      return call("get", set, () => ({
        epoch: contents.epochs.get(set),
        records: ids.map((id) => {
          const found = isCacheableId(id) ? find(set, id) : undefined;
          if (found === undefined) return undefined;
          const { attributes, vector, ...rest } = found;
          return {
            ...rest,
            ...(attributes !== undefined && parts.includes("attributes") ? { attributes } : {}),
            ...(vector !== undefined && parts.includes("vector") ? { vector } : {}),
          };
        }),
      }));
    },
    async put(set, writes) {
      checkCacheSet(set);
      for (const each of writes) checkCacheWrite(each);
      return call("put", set, () => writes.map((each) => write(set, each)));
    },
    async mergeIfPresent(set, ids, change) {
      checkCacheSet(set);
      return call("mergeIfPresent", set, () => ids.map((id) => merge(set, id, change)));
    },
    async delete(set, ids) {
      checkCacheSet(set);
      return call("delete", set, () => {
        for (const id of ids) contents.records.delete(keyOf(set, id));
      });
    },
    async ensureEpoch(set) {
      checkCacheSet(set);
      return call("ensureEpoch", set, () => contents.epochs.get(set) ?? newEpoch(set));
    },
    async changeEpoch(set) {
      checkCacheSet(set);
      return call("changeEpoch", set, () => newEpoch(set));
    },
    async scan(set, { cursor, limit, parts }) {
      checkCacheSet(set);
      const { epoch } = await cache.get(set, [], []);
      const prefix = keyOf(set, "");
      const ids = [...contents.records.keys()]
        .filter((key) => key.startsWith(prefix))
        .map((key) => key.slice(prefix.length))
        .filter((id) => find(set, id)?.epoch === epoch && epoch !== undefined)
        .sort();
      const after = cursor === undefined ? ids : ids.filter((id) => id > cursor);
      const page = after.slice(0, limit);
      const { records } = await cache.get(set, page, parts);
      return {
        records: page.flatMap((id, index) => {
          const record = records[index];
          return record === undefined ? [] : [{ id, record }];
        }),
        ...(after.length > limit ? { cursor: page.at(-1) as string } : {}),
      };
    },
    health: () => ({ state: isDown ? "down" : "up", since: 0, connection }),
    onEvent(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {
      isClosed = true;
    },
    emit(event) {
      if (event.kind === "lost") isDown = true;
      if (event.kind === "restored") {
        isDown = false;
        connection = event.connection;
      }
      for (const listener of listeners) listener(event);
    },
  };
  return cache;
}
