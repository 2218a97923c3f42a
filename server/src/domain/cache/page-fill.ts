/**
 * Fills the cache with whole pages of upstream's rows, as a warm job reads them.
 *
 * Nobody can lease rows whose ids are not known before the page is asked for. So a row of a page goes in only where nothing
 * stands, or what stands has surely not been touched since: a write leaves its mark or a tombstone for longer than a page may
 * take. Rows that do not go in so are read once more by their ids, under a lease.
 */

import type { Clock } from "../../clock.js";
import type { CachedRecord, CacheWrite } from "../../ports/document-cache.js";
import { CacheUnavailable } from "../../ports/document-cache.js";
import { pause, type Timers } from "../../timers.js";
import type { OriginDocument } from "../documents/document-reads.js";
import type { CacheCalls } from "./cache-guard.js";
import type { CachedDocuments } from "./cached-documents.js";
import { decodeMark, encodeMark, type RecordMark } from "./record-mark.js";

export interface PageFill {
  /**
   * @param epoch of the namespace, as read before the page was asked for
   * @param askedAt monotonic time at which the page was asked for
   * @returns rows that are not in the cache now: too large for it, or written again and again
   * @throws CacheUnavailable; AppError when rows could not be read again
   */
  fill(
    namespace: string,
    epoch: string,
    rows: ReadonlyMap<string, OriginDocument>,
    askedAt: number,
  ): Promise<{ readonly uncached: number }>;
  /** Records were evicted, perhaps tombstones: pages asked for before that prove nothing. */
  noteEviction(): void;
}

export interface PageFillDependencies {
  readonly cache: Pick<CacheCalls, "get" | "put">;
  readonly documents: CachedDocuments;
  /** Reads rows by their ids, in the share of background reads. @throws AppError */
  readonly reread: (
    namespace: string,
    ids: readonly string[],
  ) => Promise<ReadonlyMap<string, OriginDocument>>;
  readonly clock: Clock;
  readonly timers: Timers;
}

export interface PageFillOptions {
  /** How long tombstones stay, ms. */
  readonly tombstoneMs: number;
}

const CHUNK = 1_000;
/** Replicas may differ about the time by as much, ms. */
const SKEW_MS = 30_000;
/** A remote cache tells of an eviction so much later, ms. */
const EVICTION_LAG_MS = 10_000;
/** Times rows are read again, and the pause before, ms: a write that was under way is over by then. */
const REREADS = 5;
const REREAD_PAUSE_MS = 250;

export function createPageFill(
  { cache, documents, reread, clock, timers }: PageFillDependencies,
  { tombstoneMs }: PageFillOptions,
): PageFill {
  let evictedAt = Number.NEGATIVE_INFINITY;

  function live(
    epoch: string,
    id: string,
    row: OriginDocument,
    condition: CacheWrite["condition"],
  ): CacheWrite {
    const { attributes, vector } = row;
    const form = vector?.form ?? "unknown";
    const mark = encodeMark({ kind: "live", since: clock.now(), vector: form });
    return {
      id,
      condition,
      mark,
      epoch,
      attributes,
      ...(vector === undefined ? {} : { vector: vector.bytes }),
    };
  }

  /** What is to be done about a record that stands in a row's place. */
  function judge(mark: RecordMark, record: CachedRecord, epoch: string, askedAtWall: number): Verdict {
    if (mark.kind === "live" && record.epoch === epoch) return "covered";
    if (mark.kind !== "live" && mark.kind !== "gone" && mark.kind !== "unsure") return "reread";
    if (mark.since < askedAtWall - SKEW_MS) return "replace";
    // Deleted after the page was asked for, or so shortly before that the page may not show it.
    return mark.kind === "gone" && mark.since > askedAtWall + SKEW_MS ? "covered" : "reread";
  }

  /** Puts what may be put. @returns ids to read again, and how many rows no cache can hold */
  async function putChunk(
    namespace: string,
    epoch: string,
    rows: ReadonlyMap<string, OriginDocument>,
    ids: readonly string[],
    askedAtWall: number,
  ): Promise<{ again: string[]; uncacheable: number }> {
    const made = (id: string, condition: CacheWrite["condition"]) =>
      live(epoch, id, rows.get(id) as OriginDocument, condition);
    const outcomes = await cache.put(
      namespace,
      ids.map((id) => made(id, { when: "absent" })),
    );
    let uncacheable = outcomes.filter(({ status }) => status === "uncacheable").length;
    const taken = ids.filter((_, index) => outcomes[index]?.status === "conflict");
    if (taken.length === 0) return { again: [], uncacheable };
    const { records } = await cache.get(namespace, taken, []);
    const again: string[] = [];
    const replacements: CacheWrite[] = [];
    for (const [index, record] of records.entries()) {
      const id = taken[index] as string;
      const verdict = record && judge(decodeMark(record.mark), record, epoch, askedAtWall);
      if (record === undefined || verdict === "reread") again.push(id);
      else if (verdict === "replace")
        replacements.push(made(id, { when: "version", version: record.version }));
    }
    if (replacements.length === 0) return { again, uncacheable };
    for (const [index, { status }] of (await cache.put(namespace, replacements)).entries()) {
      if (status === "conflict") again.push(replacements[index]?.id as string);
      else if (status === "uncacheable") uncacheable += 1;
    }
    return { again, uncacheable };
  }

  /** Reads rows again under leases. @returns ids that are still not in the cache */
  async function readAgain(namespace: string, ids: readonly string[]): Promise<string[]> {
    const left: string[] = [];
    for (let at = 0; at < ids.length; at += CHUNK) {
      const chunk = ids.slice(at, at + CHUNK);
      const lookup = await documents.lookUp(namespace, chunk, []);
      if (lookup.failed) throw new CacheUnavailable("failed", "document cache did not answer while warming");
      const missing = chunk.filter((_, index) => lookup.documents[index] === undefined);
      if (missing.length === 0) continue;
      const backfill = await documents.prepare(lookup, missing);
      const rows = await reread(namespace, missing);
      const { filled } = await backfill.fill(rows);
      if (backfill.hasFailed)
        throw new CacheUnavailable("failed", "document cache did not answer while warming");
      // A row that is gone by now needs no place.
      left.push(...missing.filter((id) => rows.has(id) && !filled.has(id)));
    }
    return left;
  }

  return {
    noteEviction() {
      evictedAt = clock.monotonic();
    },

    async fill(namespace, epoch, rows, askedAt) {
      const ids = [...rows.keys()];
      const age = clock.monotonic() - askedAt;
      const isProved = evictedAt < askedAt - EVICTION_LAG_MS && age < tombstoneMs / 2;
      let again: string[] = [];
      let uncached = 0;
      if (!isProved) again = ids;
      else
        for (let at = 0; at < ids.length; at += CHUNK) {
          const chunk = ids.slice(at, at + CHUNK);
          const result = await putChunk(namespace, epoch, rows, chunk, clock.now() - age);
          again.push(...result.again);
          uncached += result.uncacheable;
        }
      for (let round = 0; round < REREADS && again.length > 0; round += 1) {
        if (round > 0) await pause(timers, REREAD_PAUSE_MS);
        again = await readAgain(namespace, again);
      }
      return { uncached: uncached + again.length };
    },
  };
}

/** `covered`: the record says more than the page. `replace`: it says less. `reread`: who knows. */
type Verdict = "covered" | "replace" | "reread";
