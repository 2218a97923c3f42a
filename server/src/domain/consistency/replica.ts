/**
 * This process as one replica of several: when it may stamp, what it tells the others, and how far what it heard of them lets a
 * watermark go.
 *
 * A poll may be trusted with a watermark up to `limit()`: the clock this replica published in its last complete beat, and one
 * below what every other replica may still write, as that beat saw it (invariants 10 and 12 of ARCHITECTURE.md). The beat is over
 * before the poll begins, so that a write which was in flight at another replica during the poll stays above the watermark.
 *
 * Nothing here runs by itself: `runOnce` is called about once a second.
 */

import type { Clock } from "../../clock.js";
import { AppError } from "../../errors.js";
import type { BlobStore } from "../../ports/blob-store.js";
import { createMembership, MEMBER_TTL_MS, type MemberState } from "../replicas/membership.js";
import type { WriteHolds } from "./write-holds.js";

/** What the others said, as of the last look. */
export interface Heard {
  /** Monotonic time at which that look began. */
  readonly lookedAt: number;
  /** The time on the others' clocks up to which they have told of all they wrote, epoch-ms. */
  readonly through: number;
  /** Namespaces they have written lately, and the epoch-ms up to which upstream's last write may be one of theirs. */
  readonly writes: ReadonlyMap<string, number>;
}

export interface ReplicaState {
  /** `sole`: takes itself for the only one, and tells nobody. */
  readonly kind: "sole" | "shared";
  /** Whether writes are accepted. An idle replica joins when one comes, so it counts as accepting. */
  readonly acceptsWrites: boolean;
  /** Others that are alive. */
  readonly others: number;
  /** Set while it cannot tell the others or look at them. */
  readonly lost?: { readonly since: number; readonly detail: string };
}

export interface Replica {
  /** Whether a stamp taken now is covered by what the others see. Ask again right before sending. */
  mayStamp(): boolean;
  /** Resolves when it may; joins for that where needed. @throws AppError `service_unavailable`, and nothing was sent */
  readyToStamp(): Promise<void>;
  /** The watermark that no poll beginning now may pass, epoch-ms. */
  limit(): number;
  /** Sees to it that `limit` is about a second old at most. Never rejects: a poll tells more than a watermark. */
  freshen(signal?: AbortSignal): Promise<void>;
  heard(): Heard;
  /**
   * One step: tells the others, or only looks at them while it is idle and watches namespaces.
   * @throws BlobStoreError when the store did not answer; the next step tries again
   */
  runOnce(isWatching: boolean, signal?: AbortSignal): Promise<void>;
  /** Stamps no more, and says so. Writes that may still land keep holding the others' watermarks. @throws BlobStoreError */
  leave(signal?: AbortSignal): Promise<void>;
  state(): ReplicaState;
}

export interface ReplicaDependencies {
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly holds: WriteHolds;
  /** Gives up a step on the blob store after `ms`. Default `AbortSignal.timeout`. */
  readonly timeout?: (ms: number) => AbortSignal;
}

export interface ReplicaOptions {
  /** Unique to this process's life. */
  readonly id: string;
  /** Longest a write may take to be applied after it was sent, or after its sender died, ms. */
  readonly writeDeadlineMs: number;
  /** Default 15,000. */
  readonly ttlMs?: number;
  /** How long without a write until it says that it is idle, ms. Default 10,000. */
  readonly idleAfterMs?: number;
}

const IDLE_AFTER_MS = 10_000;
/** Share of the time to live a step may take: one that hangs must leave time for others. */
const STEP_SHARE = 0.2;
/** A beat younger than this is fresh, and a failure younger than this is not tried again for a caller's sake, ms. */
const FRESH_MS = 900;

/** The only replica: no blob store, nobody to tell. */
export function createSoleReplica(): Replica {
  const heard: Heard = {
    lookedAt: Number.POSITIVE_INFINITY,
    through: Number.POSITIVE_INFINITY,
    writes: new Map(),
  };
  return {
    mayStamp: () => true,
    readyToStamp: async () => {},
    limit: () => Number.POSITIVE_INFINITY,
    freshen: async () => {},
    heard: () => heard,
    runOnce: async () => {},
    leave: async () => {},
    state: () => ({ kind: "sole", acceptsWrites: true, others: 0 }),
  };
}

export function createReplica(dependencies: ReplicaDependencies, options: ReplicaOptions): Replica {
  const { clock, holds, timeout = AbortSignal.timeout } = dependencies;
  const { ttlMs = MEMBER_TTL_MS, idleAfterMs = IDLE_AFTER_MS } = options;
  const membership = createMembership(
    { ...dependencies, raiseClock: holds.raiseAbove },
    { ...options, ttlMs },
  );
  let limit = Number.NEGATIVE_INFINITY;
  let heard: Heard = { lookedAt: Number.NEGATIVE_INFINITY, through: 0, writes: new Map() };
  let beatAt = Number.NEGATIVE_INFINITY;
  let failedAt = Number.NEGATIVE_INFINITY;
  let lost: ReplicaState["lost"];
  let hasLeft = false;
  /** Whether others may take it for one that writes. */
  let isActive = false;
  let neededAt = Number.NEGATIVE_INFINITY;
  let begunBefore = 0;
  let joining: Promise<void> | undefined;
  let freshening: Promise<void> | undefined;

  /** One step at a time. Callers share theirs, so that never more than a few wait. */
  let last: Promise<unknown> = Promise.resolve();
  function inTurn(step: () => Promise<void>): Promise<void> {
    const turn = last.then(step);
    last = turn.catch(() => undefined);
    return turn;
  }

  /** Runs a step against the store within its time, and remembers how it went. */
  async function attempt(
    signal: AbortSignal | undefined,
    step: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const limitSignal = timeout(ttlMs * STEP_SHARE);
    try {
      await step(signal === undefined ? limitSignal : AbortSignal.any([limitSignal, signal]));
      lost = undefined;
    } catch (error) {
      failedAt = clock.monotonic();
      const detail = error instanceof Error ? error.message : String(error);
      if (!signal?.aborted) lost = { since: lost?.since ?? clock.now(), detail };
      throw error;
    }
  }

  function stateNow(active: boolean): MemberState {
    const now = holds.now();
    const low = active ? Math.min(holds.oldest() ?? now, now) : undefined;
    return { low, clock: now, writes: holds.recent() };
  }

  function hear(lookedAt: number): void {
    const others = membership.others();
    const writing = others.filter((other) => other.status === "alive" && other.low !== undefined);
    const writes = new Map<string, number>();
    for (const other of others)
      for (const [namespace, through] of other.writes)
        writes.set(namespace, Math.max(through, writes.get(namespace) ?? 0));
    heard = { lookedAt, through: Math.min(...writing.map((other) => other.clock)), writes };
  }

  /** Must be called in turn. Idle is said only where nothing may land any more. */
  function beat(wantsActive: boolean, signal: AbortSignal | undefined): Promise<void> {
    return attempt(signal, async (within) => {
      const begunAt = clock.monotonic();
      // No pause between the state and the beat: from an idle one on, nobody may stamp.
      const isToBeActive = wantsActive || holds.isBusy();
      const state = stateNow(isToBeActive);
      isActive ||= isToBeActive;
      await membership.beat(state, within);
      isActive = isToBeActive;
      limit = Math.max(
        limit,
        Math.min(state.clock, (membership.othersLow() ?? Number.POSITIVE_INFINITY) - 1),
      );
      beatAt = begunAt;
      hear(begunAt);
    });
  }

  function look(signal: AbortSignal | undefined): Promise<void> {
    return attempt(signal, async (within) => {
      const begunAt = clock.monotonic();
      await membership.look(within);
      hear(begunAt);
    });
  }

  function isNeeded(): boolean {
    const begun = holds.begun();
    if (begun !== begunBefore || holds.isBusy()) neededAt = clock.monotonic();
    begunBefore = begun;
    return clock.monotonic() - neededAt < idleAfterMs;
  }

  const hasJustFailed = (): boolean => clock.monotonic() - failedAt < FRESH_MS;

  function unavailable(cause?: unknown): AppError {
    const why = hasLeft ? "is leaving" : "cannot be seen by the other replicas at present";
    return new AppError("service_unavailable", `this gateway ${why}: the write was not sent`, {
      cause,
      details: { retryAfterSeconds: 1 },
    });
  }

  return {
    mayStamp: () => !hasLeft && membership.mayStamp(),
    limit: () => limit,
    heard: () => heard,

    async readyToStamp() {
      if (hasLeft) throw unavailable();
      if (membership.mayStamp()) return;
      if (joining === undefined && hasJustFailed()) throw unavailable();
      neededAt = clock.monotonic();
      joining ??= inTurn(() => beat(true, undefined)).finally(() => {
        joining = undefined;
      });
      try {
        await joining;
      } catch (cause) {
        throw unavailable(cause);
      }
      if (hasLeft || !membership.mayStamp()) throw unavailable();
    },

    async freshen(signal) {
      const isFresh = (): boolean => clock.monotonic() - beatAt < FRESH_MS;
      if (hasLeft || isFresh() || hasJustFailed()) return;
      freshening ??= inTurn(async () => {
        if (!hasLeft && !isFresh()) await beat(isActive && isNeeded(), signal);
      })
        // It stands in `state`, and the next step tries again.
        .catch(() => undefined)
        .finally(() => {
          freshening = undefined;
        });
      await freshening;
    },

    runOnce: (isWatching, signal) =>
      inTurn(async () => {
        if (hasLeft) return;
        if (isActive || isNeeded()) await beat(isNeeded(), signal);
        else if (isWatching) await look(signal);
        // Idle, and nothing to know of the others: there is nothing to be lost.
        else lost = undefined;
      }),

    async leave(signal) {
      hasLeft = true;
      await inTurn(async () => {
        if (!isActive) return;
        if (holds.oldest() === undefined) await membership.leave(stateNow(false), signal);
        else await membership.beat(stateNow(true), signal);
      });
    },

    state: () => ({
      kind: "shared",
      acceptsWrites: !hasLeft && (membership.mayStamp() || lost === undefined),
      others: membership.others().filter((other) => other.status === "alive").length,
      ...(lost === undefined ? {} : { lost }),
    }),
  };
}
