/** What the cache is told once the fate of a write is known. */

import { AppError } from "../../errors.js";
import type { UpstreamAnswer } from "../../ports/upstream.js";
import type { WriteOutcome } from "../consistency/write-holds.js";
import type { RequestContext } from "../context.js";
import { type AffectedIds, readAffectedIds } from "./affected-ids.js";
import type { Epochs } from "./epochs.js";
import { visitRows } from "./mirrored-rows.js";
import type { MirroredTypes } from "./mirrored-types.js";
import type { PendingRecords, RowOutcome } from "./pending-records.js";
import type { Claim } from "./record-mark.js";
import type { Warmth } from "./warmth.js";
import { type MarkedRow, namedRows } from "./write-ids.js";
import type { WriteOutline } from "./write-outline.js";

/** Records that are pending for a write. */
export interface MarkedWrite {
  readonly epoch: string;
  readonly rows: readonly MarkedRow[];
}

/** A write, and what became of it. */
export interface SettledWrite {
  readonly context: RequestContext;
  readonly namespace: string;
  /** The body, without stamps. */
  readonly bytes: Buffer;
  readonly outline: WriteOutline;
  /** Undefined when its rows could not be marked. */
  readonly marked: MarkedWrite | undefined;
  /** Under which they are pending. */
  readonly claim: Claim;
  readonly outcome: WriteOutcome;
  readonly stamp: number;
  readonly answer: UpstreamAnswer | undefined;
}

/** How far a settlement has come. */
export interface SettlementProgress {
  /** The namespace is being forgotten: until that is done, what is cached may be old. */
  forgets: boolean;
}

export interface Settlement {
  /** @throws CacheUnavailable */
  run(write: SettledWrite, progress: SettlementProgress): Promise<void>;
  /** After `run` has failed. Never rejects. */
  giveUp(write: SettledWrite, progress: SettlementProgress): Promise<void>;
}

export interface SettlementDependencies {
  readonly pending: PendingRecords;
  readonly epochs: Pick<Epochs, "current" | "change" | "changeUntil">;
  readonly warmth: Pick<Warmth, "clear">;
  readonly types: MirroredTypes;
}

/** Rows chosen by a filter that are invalidated one by one. */
const FILTERED_MAX = 20_000;
const CHUNK = 1_000;
const UNSURE: RowOutcome = { kind: "unsure" };
const UNTOUCHED: RowOutcome = { kind: "untouched" };

export function createSettlement(
  { pending, epochs, warmth, types: mirroredTypes }: SettlementDependencies,
  { writeDeadlineMs }: { readonly writeDeadlineMs: number },
): Settlement {
  function forget({ namespace }: SettledWrite, progress: SettlementProgress, why: string): Promise<void> {
    progress.forgets = true;
    return epochs.change(namespace, why);
  }

  function doubt({ namespace }: SettledWrite, progress: SettlementProgress, why: string): Promise<void> {
    progress.forgets = true;
    return epochs.changeUntil(namespace, why, writeDeadlineMs);
  }

  async function settleChunk(
    { namespace, claim }: SettledWrite,
    { epoch }: MarkedWrite,
    outcomes: ReadonlyMap<string, RowOutcome>,
  ): Promise<void> {
    const lost = await pending.settle(namespace, epoch, outcomes, claim);
    if (lost.length > 0) await warmth.clear(namespace);
  }

  /** Says row by row what a write made of them. */
  async function settleRows(
    write: SettledWrite,
    marked: MarkedWrite,
    affected: AffectedIds | undefined,
  ): Promise<void> {
    const { context, namespace, bytes, outline, stamp } = write;
    const { rows } = marked;
    if (rows.length === 0) return;
    const types = await mirroredTypes.after(context, namespace, marked.epoch, outline);
    let outcomes = new Map<string, RowOutcome>();
    let at = 0;
    const flush = () => {
      const chunk = outcomes;
      outcomes = new Map();
      return settleChunk(write, marked, chunk);
    };
    const visit = (outcome: RowOutcome): Promise<void> | undefined => {
      const row = rows[at++] as MarkedRow;
      const key = types === undefined ? undefined : row.keyUnder(types.id);
      const own = key === undefined ? outcome : outcomeFor(row, key, outcome, affected, outline);
      for (const each of row.keys) outcomes.set(each, key === undefined || each === key ? own : UNTOUCHED);
      return outcomes.size >= CHUNK ? flush() : undefined;
    };
    if (types !== undefined)
      await visitRows(bytes, outline, types, stamp, (_operation, outcome) => visit(outcome));
    else for (const _ of rows) await visit(UNSURE);
    await flush();
  }

  /** Rows that a filter chose, which nobody could mark. */
  async function settleFiltered(
    write: SettledWrite,
    progress: SettlementProgress,
    { rows, epoch }: MarkedWrite,
    affected: AffectedIds,
  ): Promise<void> {
    const { namespace, outline, claim } = write;
    const named = new Set(rows.flatMap((row) => row.keys));
    const others = (ids: ReadonlySet<string>) => [...ids].filter((id) => !named.has(id));
    const patched = outline.patchesByFilter ? others(affected.patched) : [];
    const deleted = outline.deletesByFilter ? others(affected.deleted) : [];
    if (patched.length + deleted.length > FILTERED_MAX)
      return forget(write, progress, "a filter changed very many rows");
    // Nothing of these is pending: until they are told of, they may be old.
    progress.forgets = true;
    await pending.invalidate(namespace, epoch, deleted, "gone", claim);
    await pending.invalidate(namespace, epoch, patched, "unsure", claim);
    if (patched.length > 0) await warmth.clear(namespace);
  }

  /** Rows that could not be marked in time may have met other writes unseen: only upstream knows what they are. */
  async function settleUnmarked(
    write: SettledWrite,
    progress: SettlementProgress,
    affected: AffectedIds | undefined,
  ): Promise<void> {
    const { namespace, bytes, outline, claim } = write;
    const rows = namedRows(bytes, outline, "unknown");
    if (rows === undefined)
      return forget(write, progress, "its rows are too many, or of ids that only upstream knows");
    progress.forgets = true;
    const epoch = await epochs.current(namespace);
    for (const keys of chunksOf(rows)) await pending.invalidate(namespace, epoch, keys, "unsure", claim);
    await warmth.clear(namespace);
    if (affected !== undefined) await settleFiltered(write, progress, { rows, epoch }, affected);
  }

  async function settleApplied(write: SettledWrite, progress: SettlementProgress): Promise<void> {
    const { namespace, bytes, outline, marked, answer } = write;
    if (outline.copies) return forget(write, progress, "another namespace was copied over it");
    if (dropsAttribute(bytes, outline)) {
      mirroredTypes.forget(namespace);
      return forget(write, progress, "an attribute was dropped");
    }
    const affected = outline.needsIds && answer !== undefined ? affectedOf(answer) : undefined;
    if (outline.needsIds && affected === undefined)
      return forget(write, progress, "upstream did not say which rows were written");
    if (marked === undefined) return settleUnmarked(write, progress, affected);
    if (affected !== undefined && (outline.deletesByFilter || outline.patchesByFilter))
      await settleFiltered(write, progress, marked, affected);
    progress.forgets = false;
    await settleRows(write, marked, affected);
  }

  async function settleUnknown(write: SettledWrite, progress: SettlementProgress): Promise<void> {
    const { namespace, outline, marked, claim } = write;
    const choosesRows = outline.copies || outline.deletesByFilter || outline.patchesByFilter;
    if (marked === undefined || choosesRows)
      return doubt(write, progress, "nobody knows whether a write was applied");
    for (const keys of chunksOf(marked.rows)) await pending.leaveOpen(namespace, marked.epoch, keys, claim);
    await warmth.clear(namespace);
  }

  async function settleRefused(write: SettledWrite): Promise<void> {
    const { marked } = write;
    if (marked === undefined) return;
    for (const keys of chunksOf(marked.rows))
      await settleChunk(write, marked, new Map(keys.map((key) => [key, UNTOUCHED] as const)));
  }

  return {
    run(write, progress) {
      if (write.outcome === "applied") return settleApplied(write, progress);
      return write.outcome === "unknown" ? settleUnknown(write, progress) : settleRefused(write);
    },

    async giveUp(write, progress) {
      const why = "the cache could not be told of a write";
      if (write.outcome === "applied") await forget(write, progress, why);
      else if (write.outcome === "unknown") await doubt(write, progress, why);
      // What a refused write has marked lapses by itself.
    },
  };
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
