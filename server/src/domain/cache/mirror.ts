/**
 * Keeps the cache in step with the writes that go through here.
 *
 * Before a write is sent, every record it names is pending; once upstream has applied it, and before its caller is told, the
 * records say what the rows are now. What cannot be said row by row (too many rows, a cache that does not answer, a write of
 * which upstream does not tell the rows) forgets the whole namespace instead. The cache never fails a write, and delays it by
 * at most its budget before and after; see `epochs.ts` for the one case that takes longer.
 */

import type { Clock } from "../../clock.js";
import { AppError } from "../../errors.js";
import type { Log } from "../../log.js";
import { CACHE_BUDGET_MS, CacheUnavailable } from "../../ports/document-cache.js";
import type { UpstreamAnswer } from "../../ports/upstream.js";
import { type Timers, within } from "../../timers.js";
import type { WriteOutcome } from "../consistency/write-holds.js";
import type { RequestContext } from "../context.js";
import type { WriteInspection } from "../writes/write-inspection.js";
import { withoutAffectedIds } from "./affected-ids.js";
import type { Epochs } from "./epochs.js";
import type { MirroredTypes } from "./mirrored-types.js";
import type { PendingRecords } from "./pending-records.js";
import type { Claim } from "./record-mark.js";
import { createSettlement, type MarkedWrite } from "./settlement.js";
import type { Warmth } from "./warmth.js";
import { namedRows } from "./write-ids.js";
import type { WriteOutline } from "./write-outline.js";

export interface Mirror {
  /** Prepares the cache for a write that is about to be sent. Never rejects; takes no longer than the budget. */
  begin(context: RequestContext, namespace: string, write: WriteInspection): Promise<MirroredWrite>;
}

export interface MirroredWrite {
  /** Whether upstream's answer must be readable: `answer: "decoded"`. */
  readonly readsAnswer: boolean;
  /**
   * Says what became of the write; once, before its caller is told. Never rejects.
   * @param stamp what was put on the rows
   * @param answer upstream's, when it is known
   */
  settle(outcome: WriteOutcome, stamp: number, answer?: UpstreamAnswer): Promise<void>;
  /** The answer as its caller may see it. */
  shown(answer: UpstreamAnswer): UpstreamAnswer;
}

export interface MirrorDependencies {
  readonly pending: PendingRecords;
  readonly epochs: Pick<Epochs, "current" | "change" | "changeUntil">;
  readonly warmth: Pick<Warmth, "clear">;
  readonly types: MirroredTypes;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Random bytes in hexadecimal. */
  readonly random: (bytes: number) => string;
  readonly log: Pick<Log, "error">;
}

export interface MirrorOptions {
  /** Longest a write may take to be applied after it was sent, ms. */
  readonly writeDeadlineMs: number;
  /** Longest the cache may hold a write up, before it is sent and again before it is answered, ms. Default 200. */
  readonly budgetMs?: number | undefined;
}

/** Replicas may differ about the time by as much, ms. */
const SLACK_MS = 60_000;
const CHUNK = 1_000;
const TOKEN_BYTES = 8;

export function createMirror(
  dependencies: MirrorDependencies,
  { writeDeadlineMs, budgetMs = CACHE_BUDGET_MS }: MirrorOptions,
): Mirror {
  const { pending, epochs, warmth, types, clock, timers, random, log } = dependencies;

  /** Marks records as pending under `epoch`; false when that was not possible in time. */
  async function markAll(
    namespace: string,
    epoch: string,
    keys: readonly string[],
    claim: Claim,
  ): Promise<boolean> {
    const deadline = clock.monotonic() + budgetMs;
    for (let at = 0; at < keys.length; at += CHUNK) {
      if (clock.monotonic() > deadline) return false;
      const chunk = keys.length <= CHUNK ? keys : keys.slice(at, at + CHUNK);
      if (!(await pending.begin(namespace, epoch, chunk, claim))) return false;
    }
    return true;
  }

  /** Marks every row that a write names; undefined when that was not possible. */
  async function mark(
    namespace: string,
    { bytes }: WriteInspection,
    outline: WriteOutline,
    claim: Claim,
  ): Promise<MarkedWrite | undefined> {
    const known = types.last(namespace);
    for (const type of known === undefined ? ["unknown" as const] : [known.types.id, "unknown" as const]) {
      const rows = namedRows(bytes, outline, type);
      if (rows === undefined) return undefined;
      const epoch = await epochs.current(namespace);
      // Types of another epoch may be those of another namespace of this name.
      if (type !== "unknown" && known?.epoch !== epoch) continue;
      const keys = rows.flatMap((row) => row.keys);
      return (await markAll(namespace, epoch, keys, claim)) ? { epoch, rows } : undefined;
    }
    return undefined;
  }

  /** A failure of the cache, or a defect of ours: neither may reach the caller of a write. */
  function note(namespace: string, err: unknown): undefined {
    if (!(err instanceof CacheUnavailable)) log.error({ namespace, err }, "a write could not be mirrored");
  }

  const settlement = createSettlement({ pending, epochs, warmth, types }, { writeDeadlineMs });

  return {
    async begin(context, namespace, write) {
      const { outline } = write;
      if (outline === undefined || !(outline.changesRows || outline.schema !== undefined)) return unmirrored;
      const claim = { token: random(TOKEN_BYTES), until: clock.now() + writeDeadlineMs + SLACK_MS };
      const marking = outline.copies
        ? undefined
        : mark(namespace, write, outline, claim).catch((error) => note(namespace, error));
      const marked = marking && (await within(timers, budgetMs, marking));
      return {
        readsAnswer: outline.needsIds,
        async settle(outcome, stamp, answer) {
          const { bytes } = write;
          const given = { context, namespace, bytes, outline, marked, claim, outcome, stamp, answer };
          const progress = { forgets: false };
          const work = settlement.run(given, progress).catch(async (error) => {
            note(namespace, error);
            await settlement.giveUp(given, progress);
          });
          await within(timers, budgetMs, work);
          // What is still pending is safe; what is not is waited for.
          if (progress.forgets) await work;
        },
        shown: (answer) => (outline.needsIds && !outline.wantsIds ? strippedOf(answer) : answer),
      };
    },
  };
}

const unmirrored: MirroredWrite = {
  readsAnswer: false,
  settle: async () => undefined,
  shown: (answer) => answer,
};

/** Where there is no cache. */
export const noMirror: Mirror = { begin: async () => unmirrored };

function strippedOf(answer: UpstreamAnswer): UpstreamAnswer {
  try {
    return withoutAffectedIds(answer);
  } catch (error) {
    if (error instanceof AppError) return answer;
    throw error;
  }
}
