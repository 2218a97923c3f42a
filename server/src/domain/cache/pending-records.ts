/**
 * Writes in flight, as the cache knows them: from before a write is sent until its fate is known, every record it may touch
 * is pending under its token. What is pending is not served and cannot be filled by a reader, so that nothing older than an
 * acknowledged write is found afterwards, whoever dies or is slow in between.
 *
 * Upstream alone knows the order of writes that met. So only a write that was alone on a record from beginning to end may
 * say what the record is now; where two met, nobody may, and the record is left unsure.
 */

import type { Clock } from "../../clock.js";
import type { CachedRecord, CacheMerge } from "../../ports/document-cache.js";
import { BoundedCache } from "../bounded-cache.js";
import type { CacheCalls } from "./cache-guard.js";
import {
  type Claim,
  decodeMark,
  encodeMark,
  isSameMark,
  type RecordMark,
  type VectorForm,
  WRITERS_MAX,
} from "./record-mark.js";
import { updateRecords } from "./record-updates.js";
import { type DocumentPatch, patchDocument } from "./stored-document.js";
import type { StoredVector } from "./stored-vector.js";

export interface LiveRow {
  readonly kind: "live";
  readonly attributes: Buffer;
  readonly vector: StoredVector | undefined;
}

/** What a write that was applied made of a row. */
export type RowOutcome =
  | LiveRow
  | { readonly kind: "patch"; readonly patch: DocumentPatch }
  | { readonly kind: "gone" }
  /** Something that the cache cannot tell exactly. */
  | { readonly kind: "unsure" }
  /** Nothing: its condition did not hold, or it was refused. */
  | { readonly kind: "untouched" };

export interface PendingRecords {
  /**
   * Marks records as about to be written. All of them, or false: then the namespace's epoch must change once it is applied.
   * @param epoch of the namespace, as read before
   * @throws CacheUnavailable
   */
  begin(namespace: string, epoch: string, ids: readonly string[], claim: Claim): Promise<boolean>;
  /**
   * Says what a write made of records it had marked under `epoch`.
   * @returns ids of rows that may exist and are not cached. @throws CacheUnavailable
   */
  settle(
    namespace: string,
    epoch: string,
    rows: ReadonlyMap<string, RowOutcome>,
    claim: Claim,
  ): Promise<readonly string[]>;
  /** Keeps records pending until the claim ends, since the write may still be applied. @throws CacheUnavailable */
  leaveOpen(namespace: string, epoch: string, ids: readonly string[], claim: Claim): Promise<void>;
  /**
   * Rows were written in a way only upstream knows.
   * @param claim of the write, under which some may have been marked all the same
   * @throws CacheUnavailable
   */
  invalidate(
    namespace: string,
    epoch: string,
    ids: readonly string[],
    kind: "gone" | "unsure",
    claim: Claim,
  ): Promise<void>;
}

export interface PendingRecordsOptions {
  /** How long tombstones stay, ms: longer than a page of a warm job may take from its question into the cache. */
  readonly tombstoneMs: number;
}

const LIKELY_MS = 600_000;
const LIKELY_MAX = 10_000;
const NOTHING = new Uint8Array(0);
/** Of what a refused write leaves where nothing was before. */
const REFUSED_MS = 1_000;

type Pending = Extract<RecordMark, { kind: "pending" }>;

export function createPendingRecords(
  { cache, clock }: { cache: Pick<CacheCalls, "put" | "mergeIfPresent">; clock: Clock },
  { tombstoneMs }: PendingRecordsOptions,
): PendingRecords {
  /** Whether the last write found its rows in the cache: the next one may well do alike, and saves a step. */
  const likelyOf = new BoundedCache<"present" | "absent">(clock, {
    ttlMs: LIKELY_MS,
    entriesMax: LIKELY_MAX,
  });

  const tombstone = (kind: "gone" | "unsure", epoch: string, ttlMs = tombstoneMs): CacheMerge => ({
    mark: encodeMark({ kind, since: clock.now() }),
    epoch,
    attributes: NOTHING,
    vector: null,
    ttlMs,
  });

  /** A record under which nothing is kept. */
  const bare = (epoch: string, writers: readonly Claim[], contended: boolean): CacheMerge => ({
    mark: encodeMark({ kind: "pending", writers, contended, over: undefined }),
    epoch,
    attributes: NOTHING,
    vector: null,
    ttlMs: timeLeft(writers),
  });

  function timeLeft(writers: readonly Claim[]): number {
    return Math.max(1, Math.max(...writers.map(({ until }) => until)) - clock.now());
  }

  function alive(writers: readonly Claim[]): readonly Claim[] {
    const now = clock.now();
    return writers.filter(({ until }) => until > now);
  }

  function join(current: CachedRecord | undefined, epoch: string, claim: Claim): CacheMerge | undefined {
    const mark = current && decodeMark(current.mark);
    if (current === undefined || mark === undefined) return bare(epoch, [claim], false);
    if (mark.kind === "live" && current.epoch === epoch)
      // Without a time to live: what was there must not vanish unseen.
      return {
        mark: encodeMark({ kind: "pending", writers: [claim], contended: false, over: mark.vector }),
        epoch,
      };
    if (mark.kind !== "pending") return bare(epoch, [claim], false);
    const others = alive(mark.writers);
    if (others.length === 0) return bare(epoch, [claim], false);
    if (others.length >= WRITERS_MAX) return undefined;
    const contended = mark.contended || others.length < mark.writers.length;
    const writers = [...others, claim];
    if (mark.over === undefined) return bare(epoch, writers, contended);
    return { mark: encodeMark({ ...mark, writers, contended }), epoch: current.epoch };
  }

  /** A row as the write has it, whatever was there. */
  function replaced(row: LiveRow, epoch: string, marks: LiveMarks): CacheMerge {
    const { attributes, vector } = row;
    return { mark: marks.of(vector?.form ?? "unknown"), epoch, attributes, vector: vector?.bytes ?? null };
  }

  /** What an outcome makes of a record that was this write's alone. */
  function decided(
    row: Exclude<RowOutcome, LiveRow>,
    current: CachedRecord,
    mark: Pending,
    epoch: string,
  ): CacheMerge {
    const since = clock.now();
    switch (row.kind) {
      case "patch": {
        const attributes =
          mark.over === undefined || current.attributes === undefined
            ? undefined
            : patchDocument(asBuffer(current.attributes), row.patch);
        if (mark.over === undefined || attributes === undefined) return tombstone("unsure", epoch);
        return {
          mark: encodeMark({ kind: "live", since, vector: mark.over }),
          epoch: current.epoch,
          attributes,
        };
      }
      case "gone":
        return tombstone("gone", epoch);
      case "unsure":
        return tombstone("unsure", epoch);
      case "untouched":
        if (mark.over === undefined) return tombstone("unsure", epoch, REFUSED_MS);
        return {
          mark: encodeMark({ kind: "live", since, vector: mark.over }),
          epoch: current.epoch,
        };
    }
  }

  function leave(
    current: CachedRecord | undefined,
    row: RowOutcome,
    epoch: string,
    claim: Claim,
    marks: LiveMarks,
  ): CacheMerge | undefined {
    const touched = row.kind !== "untouched";
    const mark = current && decodeMark(current.mark);
    if (current === undefined || mark?.kind !== "pending")
      return touched ? tombstone("unsure", epoch) : undefined;
    const isNamed = mark.writers.some(({ token }) => token === claim.token);
    const named = mark.writers.filter(({ token }) => token !== claim.token);
    const others = alive(named);
    const contended = mark.contended || others.length < named.length || (!isNamed && touched);
    if (others.length === 0) {
      if (isNamed && !contended)
        return row.kind === "live" ? replaced(row, epoch, marks) : decided(row, current, mark, epoch);
      return touched || isNamed ? tombstone("unsure", epoch) : undefined;
    }
    if (touched) return bare(epoch, others, true);
    if (!isNamed) return undefined;
    if (mark.over === undefined) return bare(epoch, others, contended);
    return { mark: encodeMark({ ...mark, writers: others, contended }), epoch: current.epoch };
  }

  function remain(current: CachedRecord | undefined, epoch: string, claim: Claim): CacheMerge | undefined {
    const mark = current && decodeMark(current.mark);
    if (mark?.kind !== "pending") return bare(epoch, [claim], false);
    if (mark.writers.some(({ token }) => token === claim.token)) return undefined;
    const others = alive(mark.writers).slice(0, WRITERS_MAX - 1);
    return bare(epoch, [...others, claim], others.length > 0);
  }

  /** Tombstones where a record kept changing under every try. */
  async function force(namespace: string, epoch: string, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    const { vector: _, ...write } = tombstone("unsure", epoch);
    await cache.put(
      namespace,
      ids.map((id) => ({ id, condition: { when: "always" as const }, ...write })),
    );
  }

  return {
    async begin(namespace, epoch, ids, claim) {
      const likely = likelyOf.get(namespace) ?? "present";
      const fresh = bare(epoch, [claim], false);
      const { left, created } = await updateRecords(cache, namespace, ids, likely, (_id, current) =>
        current === undefined ? fresh : join(current, epoch, claim),
      );
      likelyOf.set(namespace, created > ids.length / 2 ? "absent" : "present");
      return left.length === 0;
    },

    async settle(namespace, epoch, rows, claim) {
      const unsure = new Set<string>();
      const ids = [...rows.keys()];
      const marks = new LiveMarks(clock.now());
      // What nearly every record says: pending for this write, and for nobody else ever since.
      const alone = encodeMark({ kind: "pending", writers: [claim], contended: false, over: undefined });
      const { left, uncacheable } = await updateRecords(cache, namespace, ids, "present", (id, current) => {
        const row = rows.get(id) as RowOutcome;
        if (row.kind === "live" && current !== undefined && isSameMark(current.mark, alone))
          return replaced(row, epoch, marks);
        const change = leave(current, row, epoch, claim, marks);
        const isUnsure = change !== undefined && decodeMark(change.mark).kind === "unsure";
        if (isUnsure && isLossy(row, current)) unsure.add(id);
        else unsure.delete(id);
        return change;
      });
      await force(namespace, epoch, [...left, ...uncacheable]);
      return [...unsure, ...left, ...uncacheable];
    },

    async leaveOpen(namespace, epoch, ids, claim) {
      const { left } = await updateRecords(cache, namespace, ids, "present", (_id, current) =>
        remain(current, epoch, claim),
      );
      await force(namespace, epoch, left);
    },

    async invalidate(namespace, epoch, ids, kind, claim) {
      const { left } = await updateRecords(cache, namespace, ids, "present", (_id, current) => {
        const mark = current && decodeMark(current.mark);
        const named = mark?.kind === "pending" ? alive(mark.writers) : [];
        const writers = named.filter(({ token }) => token !== claim.token);
        return writers.length > 0 ? bare(epoch, writers, true) : tombstone(kind, epoch);
      });
      await force(namespace, epoch, left);
    },
  };
}

/** The marks of records that are live since one instant, made once. */
class LiveMarks {
  readonly #marks = new Map<VectorForm, Buffer>();

  constructor(private readonly since: number) {}

  of(vector: VectorForm): Buffer {
    const known = this.#marks.get(vector);
    if (known !== undefined) return known;
    const mark = encodeMark({ kind: "live", since: this.since, vector });
    this.#marks.set(vector, mark);
    return mark;
  }
}

/** Whether a tombstone stands for a row that was, or might have been, in the cache. A patch of what is not cached is not. */
function isLossy(row: RowOutcome, current: CachedRecord | undefined): boolean {
  if (row.kind !== "patch" && row.kind !== "untouched") return true;
  const mark = current && decodeMark(current.mark);
  return mark?.kind !== "pending" || mark.over !== undefined || mark.contended || mark.writers.length > 1;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
