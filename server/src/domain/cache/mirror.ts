/**
 * Keeps the cache in step with the writes that go through here.
 *
 * Before a write is sent, every record it names is pending; once upstream has applied it, and before its caller is told, the
 * records say what the rows are now. What cannot be said row by row (too many rows, a cache that does not answer, a write of
 * which upstream does not tell the rows) forgets the whole namespace instead. The cache never fails a write, and delays it by
 * at most its budget before and after.
 */

import type { Clock } from "../../clock.js";
import { AppError } from "../../errors.js";
import type { Log } from "../../log.js";
import { CACHE_BUDGET_MS, CacheUnavailable } from "../../ports/document-cache.js";
import type { UpstreamAnswer } from "../../ports/upstream.js";
import { type Timers, within } from "../../timers.js";
import { BoundedCache } from "../bounded-cache.js";
import type { WriteOutcome } from "../consistency/write-holds.js";
import type { RequestContext } from "../context.js";
import type { IdTypes, NamespaceTypes } from "../id-types.js";
import type { WriteInspection } from "../write-inspection.js";
import { type AffectedIds, readAffectedIds, withoutAffectedIds } from "./affected-ids.js";
import type { CacheCalls } from "./cache-guard.js";
import type { Epochs } from "./epochs.js";
import { visitRows } from "./mirrored-rows.js";
import type { PendingRecords, RowOutcome } from "./pending-records.js";
import type { Claim } from "./record-mark.js";
import type { Warmth } from "./warmth.js";
import { type MarkedRow, namedRows } from "./write-ids.js";
import type { WriteOutline } from "./write-outline.js";

export interface Mirror {
  /** Prepares the cache for a write that is about to be sent. Never rejects; takes no longer than the budget. */
  begin(context: RequestContext, namespace: string, write: WriteInspection): Promise<MirroredWrite>;
}

export interface MirroredWrite {
  /** Whether upstream's answer must be readable: `answer: "decoded"`. */
  readonly readsAnswer: boolean;
  /**
   * Says what became of the write; once. Never rejects; takes no longer than the budget.
   * @param stamp what was put on the rows
   * @param answer upstream's, when it is known
   */
  settle(outcome: WriteOutcome, stamp: number, answer?: UpstreamAnswer): Promise<void>;
  /** The answer as its caller may see it. */
  shown(answer: UpstreamAnswer): UpstreamAnswer;
}

export interface MirrorDependencies {
  readonly cache: Pick<CacheCalls, "get">;
  readonly pending: PendingRecords;
  readonly epochs: Pick<Epochs, "settled" | "change" | "changeUntil">;
  readonly warmth: Pick<Warmth, "clear">;
  readonly idTypes: IdTypes;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Random bytes in hexadecimal. */
  readonly random: (bytes: number) => string;
  readonly log: Pick<Log, "error">;
}

export interface MirrorOptions {
  /** Longest a write may take to be applied after it was sent, ms. */
  readonly writeDeadlineMs: number;
}

/** Replicas may differ about the time by as much, ms. */
const SLACK_MS = 60_000;
/** Rows of one write that are followed one by one; about what the budget allows. */
const ROWS_MAX = 20_000;
const CHUNK = 1_000;
const TOKEN_BYTES = 8;
const NAMESPACES_MAX = 10_000;

/** Types of a namespace, and the epoch under which they hold. */
interface TypesUnderEpoch {
  readonly epoch: string;
  readonly types: NamespaceTypes;
}

/** What `begin` has done. */
interface Marked {
  readonly epoch: string;
  readonly rows: readonly MarkedRow[];
  readonly claim: Claim;
}

export function createMirror(dependencies: MirrorDependencies, { writeDeadlineMs }: MirrorOptions): Mirror {
  const { cache, pending, epochs, warmth, idTypes, clock, timers, random, log } = dependencies;
  const typesOf = new BoundedCache<TypesUnderEpoch>(clock, {
    ttlMs: Number.MAX_SAFE_INTEGER,
    entriesMax: NAMESPACES_MAX,
  });

  /** Marks every row; undefined when that was not possible in time. */
  async function mark(namespace: string, write: WriteInspection, outline: WriteOutline) {
    const known = typesOf.get(namespace);
    const deadline = clock.monotonic() + CACHE_BUDGET_MS;
    for (const type of known === undefined
      ? (["unknown"] as const)
      : ([known.types.id, "unknown"] as const)) {
      const rows = namedRows(write.bytes, outline, type, ROWS_MAX);
      if (rows === undefined) return undefined;
      const keys = rows.flatMap((row) => row.keys);
      const first = keys.slice(0, CHUNK);
      const read = await cache.get(namespace, first, []);
      const epoch = await epochs.settled(namespace, read.epoch);
      // Types of another epoch may be those of another namespace of this name.
      if (type !== "unknown" && known?.epoch !== epoch) continue;
      const claim = { token: random(TOKEN_BYTES), until: clock.now() + writeDeadlineMs + SLACK_MS };
      let records = read.records;
      for (let at = 0; at < keys.length; at += CHUNK) {
        if (clock.monotonic() > deadline) return undefined;
        const chunk = keys.slice(at, at + CHUNK);
        if (at > 0) ({ records } = await cache.get(namespace, chunk, []));
        const seen = records;
        if (!(await pending.begin(namespace, epoch, chunk, (index) => seen[index] !== undefined, claim)))
          return undefined;
      }
      return { epoch, rows, claim };
    }
    return undefined;
  }

  /** The types under which the rows of a write stand, as upstream has them after it. */
  async function typesAfter(
    context: RequestContext,
    namespace: string,
    epoch: string,
    outline: WriteOutline,
  ): Promise<NamespaceTypes | undefined> {
    const known = typesOf.get(namespace);
    const isKnown =
      known?.epoch === epoch && !outline.hasManyNames && [...outline.names].every(isDeclared(known.types));
    if (isKnown) return known.types;
    try {
      const types = await idTypes.readAfresh(context, namespace);
      if (types.id === "unknown") return undefined;
      typesOf.set(namespace, { epoch, types });
      return types;
    } catch (error) {
      if (error instanceof AppError) return undefined;
      throw error;
    }
  }

  /** Says row by row what a write made of them. */
  async function settleRows(
    context: RequestContext,
    namespace: string,
    write: WriteInspection,
    outline: WriteOutline,
    { epoch, rows, claim }: Marked,
    result: { readonly stamp: number; readonly affected: AffectedIds | undefined },
  ): Promise<void> {
    const { affected, stamp } = result;
    if (rows.length === 0) return;
    const types = await typesAfter(context, namespace, epoch, outline);
    let outcomes = new Map<string, RowOutcome>();
    const flush = async () => {
      const chunk = outcomes;
      outcomes = new Map();
      const lost = await pending.settle(namespace, epoch, chunk, claim);
      if (lost.length > 0) await warmth.clear(namespace);
    };
    let at = 0;
    const visit = (outcome: RowOutcome): Promise<void> | undefined => {
      const row = rows[at++] as MarkedRow;
      const key = types === undefined ? undefined : row.keyUnder(types.id);
      const own = key === undefined ? outcome : outcomeFor(row, key, outcome, affected, outline);
      for (const marked of row.keys)
        outcomes.set(marked, key === undefined || marked === key ? own : UNTOUCHED);
      return outcomes.size >= CHUNK ? flush() : undefined;
    };
    if (types !== undefined)
      await visitRows(write.bytes, outline, types, stamp, (_operation, outcome) => visit(outcome));
    else for (const _ of rows) await visit(UNSURE);
    await flush();
  }

  /** Rows that a filter chose, which nobody could mark. */
  async function settleFiltered(
    namespace: string,
    outline: WriteOutline,
    marked: Marked,
    affected: AffectedIds,
  ): Promise<void> {
    const named = new Set(marked.rows.flatMap((row) => row.keys));
    const others = (ids: ReadonlySet<string>) => [...ids].filter((id) => !named.has(id));
    const patched = outline.patchesByFilter ? others(affected.patched) : [];
    const deleted = outline.deletesByFilter ? others(affected.deleted) : [];
    if (patched.length + deleted.length > ROWS_MAX) {
      await epochs.change(namespace, "a filter changed very many rows");
      return;
    }
    await pending.invalidate(namespace, marked.epoch, deleted, "gone");
    await pending.invalidate(namespace, marked.epoch, patched, "unsure");
    if (patched.length > 0) await warmth.clear(namespace);
  }

  async function settleApplied(
    context: RequestContext,
    namespace: string,
    write: WriteInspection,
    outline: WriteOutline,
    marked: Marked | undefined,
    result: { readonly stamp: number; readonly answer: UpstreamAnswer | undefined },
  ): Promise<void> {
    if (outline.copies) return epochs.change(namespace, "another namespace was copied over it");
    if (dropsAttribute(write.bytes, outline)) {
      idTypes.forget(namespace);
      typesOf.delete(namespace);
      return epochs.change(namespace, "an attribute was dropped");
    }
    if (marked === undefined) return epochs.change(namespace, "its rows could not be marked in time");
    const { answer, stamp } = result;
    const affected = outline.needsIds && answer !== undefined ? affectedOf(answer) : undefined;
    if (outline.needsIds && affected === undefined)
      return epochs.change(namespace, "upstream did not say which rows were written");
    await settleRows(context, namespace, write, outline, marked, { stamp, affected });
    if (affected !== undefined) await settleFiltered(namespace, outline, marked, affected);
  }

  async function settleRefused(namespace: string, marked: Marked | undefined): Promise<void> {
    for (const keys of marked === undefined ? [] : chunksOf(marked.rows)) {
      const outcomes = new Map(keys.map((key) => [key, UNTOUCHED] as const));
      const lost = await pending.settle(namespace, marked?.epoch ?? "", outcomes, marked?.claim as Claim);
      if (lost.length > 0) await warmth.clear(namespace);
    }
  }

  async function settleUnknown(
    namespace: string,
    outline: WriteOutline,
    marked: Marked | undefined,
  ): Promise<void> {
    const choosesRows = outline.copies || outline.deletesByFilter || outline.patchesByFilter;
    if (marked === undefined || choosesRows)
      return epochs.changeUntil(namespace, "nobody knows whether a write was applied", writeDeadlineMs);
    for (const keys of chunksOf(marked.rows))
      await pending.leaveOpen(namespace, marked.epoch, keys, marked.claim);
    await warmth.clear(namespace);
  }

  /** A failure of the cache, or a defect of ours: neither may reach the caller of a write. */
  function note(namespace: string, err: unknown): undefined {
    if (!(err instanceof CacheUnavailable)) log.error({ namespace, err }, "a write could not be mirrored");
  }

  /** Does row by row what it can, and forgets the namespace where that fails. */
  async function softly(namespace: string, outcome: WriteOutcome, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      note(namespace, error);
      const why = "the cache could not be told of a write";
      if (outcome === "applied") await epochs.change(namespace, why);
      else if (outcome === "unknown") await epochs.changeUntil(namespace, why, writeDeadlineMs);
      // What a refused write has marked lapses by itself.
    }
  }

  return {
    async begin(context, namespace, write) {
      const { outline } = write;
      if (outline === undefined || !(outline.changesRows || outline.schema !== undefined)) return unmirrored;
      const marked = outline.copies
        ? undefined
        : await within(
            timers,
            CACHE_BUDGET_MS,
            mark(namespace, write, outline).catch((error) => note(namespace, error)),
          );
      return {
        readsAnswer: outline.needsIds,
        async settle(outcome, stamp, answer) {
          const work = softly(namespace, outcome, () => {
            if (outcome === "refused") return settleRefused(namespace, marked);
            if (outcome === "unknown") return settleUnknown(namespace, outline, marked);
            return settleApplied(context, namespace, write, outline, marked, { stamp, answer });
          });
          await within(timers, CACHE_BUDGET_MS, work);
        },
        shown: (answer) => (outline.needsIds && !outline.wantsIds ? strippedOf(answer) : answer),
      };
    },
  };
}

const UNSURE: RowOutcome = { kind: "unsure" };
const UNTOUCHED: RowOutcome = { kind: "untouched" };

const unmirrored: MirroredWrite = {
  readsAnswer: false,
  settle: async () => undefined,
  shown: (answer) => answer,
};

/** Where there is no cache. */
export const noMirror: Mirror = { begin: async () => unmirrored };

function isDeclared(types: NamespaceTypes): (name: string) => boolean {
  return (name) =>
    types.attributes.has(name) ||
    name === "id" ||
    name === "vectors" ||
    (name === "vector" && types.vector !== undefined);
}

/** What became of a row that a write names, where upstream tells which rows it has changed. */
function outcomeFor(
  { operation }: MarkedRow,
  key: string,
  outcome: RowOutcome,
  affected: AffectedIds | undefined,
  { patchesByFilter }: WriteOutline,
): RowOutcome {
  if (affected === undefined) return outcome;
  const { upserted, patched, deleted } = affected;
  const isDone = (operation === "upsert" ? upserted : operation === "patch" ? patched : deleted).has(key);
  // Patched by the filter, by its id, or by both: upstream does not say.
  if (isDone) return operation === "patch" && patchesByFilter ? UNSURE : outcome;
  // Its condition did not hold, but the filter met it.
  return patched.has(key) || deleted.has(key) ? UNSURE : UNTOUCHED;
}

/** A schema that drops an attribute takes it out of rows that the write does not name. */
function dropsAttribute(bytes: Buffer, { schema }: WriteOutline): boolean {
  return schema !== undefined && bytes.subarray(schema.start, schema.end).includes('"drop"');
}

function* chunksOf(rows: readonly MarkedRow[]): Generator<string[]> {
  const keys = rows.flatMap((row) => row.keys);
  for (let at = 0; at < keys.length; at += CHUNK) yield keys.slice(at, at + CHUNK);
}

/** An answer that cannot be read says as little as one without ids. */
function affectedOf(answer: UpstreamAnswer): AffectedIds | undefined {
  try {
    return readAffectedIds(answer);
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}

function strippedOf(answer: UpstreamAnswer): UpstreamAnswer {
  try {
    return withoutAffectedIds(answer);
  } catch (error) {
    if (error instanceof AppError) return answer;
    throw error;
  }
}
