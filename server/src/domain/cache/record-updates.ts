/** Changes of cached records that must see what they change, whether or not there is a record yet. */

import type {
  CachedRecord,
  CacheMerge,
  CacheMergeOutcome,
  CacheWriteOutcome,
} from "../../ports/document-cache.js";
import type { CacheCalls } from "./cache-guard.js";

/** What becomes of a record; undefined leaves it as it is, or absent. Pure: it may be asked again about a newer state. */
export type RecordChange = (id: string, current: CachedRecord | undefined) => CacheMerge | undefined;

export interface UpdateResult {
  /** How many records there were not before. */
  readonly created: number;
  /** Ids whose record kept changing; nothing of ours was stored. */
  readonly left: readonly string[];
  /** Ids no cache can hold under this content; what stood there is gone. */
  readonly uncacheable: readonly string[];
}

/** Rounds between "there is one" and "there is none" before an id is left. */
const ROUNDS = 4;
/** Records changed by one call of the cache. */
const CHUNK = 1_000;

/**
 * Changes every record once, atomically each.
 *
 * @param ids must not repeat
 * @param begin which of the two states is the likelier, and tried first
 * @throws CacheUnavailable; some records may have been changed
 */
export async function updateRecords(
  cache: Pick<CacheCalls, "put" | "mergeIfPresent">,
  set: string,
  ids: readonly string[],
  begin: "present" | "absent",
  change: RecordChange,
): Promise<UpdateResult> {
  const result = { created: 0, left: [] as string[], uncacheable: [] as string[] };
  for (let at = 0; at < ids.length; at += CHUNK) {
    let open = ids.length <= CHUNK ? ids : ids.slice(at, at + CHUNK);
    let state = begin;
    for (let round = 0; round < ROUNDS * 2 && open.length > 0; round += 1) {
      const step = state === "present" ? changePresent : createAbsent;
      const tried: number = open.length;
      open = await step(cache, set, open, change, result.uncacheable);
      if (state === "absent") result.created += tried - open.length;
      state = state === "present" ? "absent" : "present";
    }
    result.left.push(...open);
  }
  return result;
}

/** @returns ids that have no record, and those that kept changing */
async function changePresent(
  cache: Pick<CacheCalls, "mergeIfPresent">,
  set: string,
  ids: readonly string[],
  change: RecordChange,
  uncacheable: string[],
): Promise<readonly string[]> {
  return open(await cache.mergeIfPresent(set, ids, change), ids, uncacheable);
}

/** @returns ids that have a record */
async function createAbsent(
  cache: Pick<CacheCalls, "put">,
  set: string,
  ids: readonly string[],
  change: RecordChange,
  uncacheable: string[],
): Promise<readonly string[]> {
  const created: string[] = [];
  const writes = [];
  for (const id of ids) {
    const made = change(id, undefined);
    if (made === undefined) continue;
    const { vector, ...rest } = made;
    created.push(id);
    writes.push({
      id,
      condition: { when: "absent" as const },
      ...rest,
      ...(vector === undefined || vector === null ? {} : { vector }),
    });
  }
  return writes.length === 0 ? [] : open(await cache.put(set, writes), created, uncacheable);
}

function open(
  outcomes: readonly (CacheMergeOutcome | CacheWriteOutcome)[],
  ids: readonly string[],
  uncacheable: string[],
): readonly string[] {
  const left: string[] = [];
  for (const [index, { status }] of outcomes.entries()) {
    const id = ids[index] as string;
    if (status === "absent" || status === "conflict") left.push(id);
    else if (status === "uncacheable") uncacheable.push(id);
  }
  return left;
}
