/** Document caches that undo one rule each, as a defect in whoever uses them would. */

import { decodeMark, encodeMark } from "../../src/domain/cache/record-mark.js";
import type { CachedRecord, CacheMerge, CacheWrite, DocumentCache } from "../../src/ports/document-cache.js";

type Merge = (id: string, current: CachedRecord) => CacheMerge | undefined;

const kindOf = (mark: Uint8Array): string => decodeMark(mark).kind;

/** Whoever settles a write finds itself alone on the record, whichever others are under way or met it. */
export function confirmingBlindly(cache: DocumentCache): DocumentCache {
  const alone = (current: CachedRecord): CachedRecord => {
    const mark = decodeMark(current.mark);
    if (mark.kind !== "pending") return current;
    return { ...current, mark: encodeMark({ ...mark, writers: mark.writers.slice(-1), contended: false }) };
  };
  return {
    ...cache,
    mergeIfPresent: (set, ids, merge) =>
      cache.mergeIfPresent(set, ids, (id, current) => merge(id, alone(current))),
  };
}

/** A delete leaves nothing behind. */
export function deletingOutright(cache: DocumentCache): DocumentCache {
  return {
    ...cache,
    async mergeIfPresent(set, ids, merge) {
      const gone = new Set<string>();
      const outcomes = await cache.mergeIfPresent(set, ids, (id, current) => {
        const merged = merge(id, current);
        if (merged !== undefined && kindOf(merged.mark) === "gone") gone.add(id);
        else gone.delete(id);
        return merged;
      });
      if (gone.size > 0) await cache.delete(set, [...gone]);
      return outcomes;
    },
  };
}

/** A reader's rows go in whatever has happened since it asked for them. */
export function fillingBlindly(cache: DocumentCache): DocumentCache {
  const leases = new Map<string, Pick<CacheWrite, "mark" | "epoch">>();
  /** What the reader would have made of the record if its lease still stood. */
  const forced = (set: string, id: string, merge: Merge, current: CachedRecord | undefined) => {
    const lease = leases.get(`${set}\n${id}`);
    if (lease === undefined) return undefined;
    const merged = merge(id, { version: "", ...current, ...lease });
    return merged !== undefined && kindOf(merged.mark) === "live" ? merged : undefined;
  };
  return {
    ...cache,
    put(set, writes) {
      for (const { id, mark, epoch } of writes)
        if (kindOf(mark) === "lease") leases.set(`${set}\n${id}`, { mark, epoch });
      return cache.put(set, writes);
    },
    async mergeIfPresent(set, ids, merge) {
      const outcomes = await cache.mergeIfPresent(
        set,
        ids,
        (id, current) => merge(id, current) ?? forced(set, id, merge, current),
      );
      const writes = ids.flatMap((id, index) => {
        const merged = outcomes[index]?.status === "absent" ? forced(set, id, merge, undefined) : undefined;
        if (merged === undefined) return [];
        const { vector, ...rest } = merged;
        const write: CacheWrite = { id, condition: { when: "always" }, ...rest };
        return [vector === undefined || vector === null ? write : { ...write, vector }];
      });
      if (writes.length > 0) await cache.put(set, writes);
      return outcomes;
    },
  };
}
