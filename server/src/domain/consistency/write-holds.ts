/**
 * Stamps of writes, and which of them may still land.
 *
 * A stamp is wall-clock milliseconds that never run backwards, here or below a clock that another replica has told of
 * (invariants 9 and 10 of ARCHITECTURE.md). A write holds the watermark below its stamp until it has surely been applied or
 * surely never will be:
 *
 * begin ──► in flight ── refused ──► over
 * in flight ── applied ──► lingering, for the safety margin ──► over: upstream's nodes and its metadata may trail by less
 * in flight ── unknown ──► lingering, for the write deadline ──► over: it may still be applied
 */

import type { Clock } from "../../clock.js";

/** `refused`: surely not applied. `unknown`: sent, and nothing heard. */
export type WriteOutcome = "applied" | "refused" | "unknown";

/** A write that has its stamp, until it is known what became of it. */
export interface WriteHold {
  /** Epoch-ms. */
  readonly stamp: number;
  /** The first call counts. */
  settle(outcome: WriteOutcome): void;
}

/** Whether a write puts its stamp on rows; a copy does not, and would else hold every watermark for minutes. */
export interface BeginOptions {
  /** Default true. */
  readonly stamps?: boolean;
}

export interface WriteHolds {
  /** Takes the stamp of a write that is about to be sent; no watermark reaches it before it is over. */
  begin(namespace: string, options?: BeginOptions): WriteHold;
  /** The clock of stamps, epoch-ms: every stamp taken from now on is at or above it. */
  now(): number;
  /** Stamps from now on are above `clock`, which another replica has told of. */
  raiseAbove(clock: number): void;
  /** The oldest stamp that may still land, of one namespace or of all; undefined when there is none. */
  oldest(namespace?: string): number | undefined;
  /** True while any write is not over, whether or not it stamps. */
  isBusy(): boolean;
  /** How many writes have begun so far. */
  begun(): number;
  /**
   * The time up to which a last write that upstream tells of may be one of ours, epoch-ms: now while a write is not over, the
   * time its last one was settled for two minutes after, undefined later or when there was none.
   */
  writtenThrough(namespace: string): number | undefined;
  /** The same of the namespaces written in the last 30 seconds; of the 1,000 newest where there are more. */
  recent(): ReadonlyMap<string, number>;
}

export interface WriteHoldsOptions {
  /** How long an applied write lingers, ms: the safety margin. */
  readonly marginMs: number;
  /** How long a write of unknown outcome may still be applied, ms. */
  readonly unknownMs: number;
}

/** How long `recent` tells of a namespace, ms: others look every second. */
const RECENT_MS = 30_000;
const RECENT_MAX = 1_000;
/** How long what was written is remembered, ms: a poll comes in between, since the slow tier takes a minute. */
const REMEMBERED_MS = 120_000;
const REMEMBERED_MAX = 10_000;

class Hold implements WriteHold {
  isSettled = false;

  constructor(
    readonly namespace: string,
    readonly stamp: number,
    readonly stamps: boolean,
    private readonly end: (hold: Hold, outcome: WriteOutcome) => void,
  ) {}

  settle(outcome: WriteOutcome): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.end(this, outcome);
  }
}

export function createWriteHolds(clock: Clock, { marginMs, unknownMs }: WriteHoldsOptions): WriteHolds {
  let last = 0;
  let begun = 0;
  // Stamps never go back, so the first of a set is its lowest.
  const stamping = new Set<Hold>();
  const open = new Map<string, Set<Hold>>();
  /** Since each list waits for one length of time, its first leaves first. Values are monotonic times. */
  const lingering = { applied: new Map<Hold, number>(), unknown: new Map<Hold, number>() };
  /** When the last write of a namespace was settled, in the order of those times. */
  const settled = new Map<string, { through: number; at: number }>();

  function now(): number {
    last = Math.max(last, Math.floor(clock.now()));
    return last;
  }

  function release(hold: Hold): void {
    stamping.delete(hold);
    const ofNamespace = open.get(hold.namespace);
    ofNamespace?.delete(hold);
    if (ofNamespace?.size === 0) open.delete(hold.namespace);
  }

  /** Lets go of every write whose time has come. */
  function expire(): void {
    for (const [list, forMs] of [
      [lingering.applied, marginMs],
      [lingering.unknown, unknownMs],
    ] as const)
      for (const [hold, at] of list) {
        if (clock.monotonic() - at < forMs) break;
        list.delete(hold);
        // What was unknown may have been applied at the very end.
        if (list === lingering.unknown) remember(hold.namespace);
        release(hold);
      }
  }

  function remember(namespace: string): void {
    settled.delete(namespace);
    settled.set(namespace, { through: now(), at: clock.monotonic() });
    for (const [oldest, { at }] of settled) {
      if (settled.size <= REMEMBERED_MAX && clock.monotonic() - at < REMEMBERED_MS) break;
      settled.delete(oldest);
    }
  }

  function end(hold: Hold, outcome: WriteOutcome): void {
    if (outcome === "refused") {
      release(hold);
      return;
    }
    if (outcome === "applied") remember(hold.namespace);
    lingering[outcome].set(hold, clock.monotonic());
  }

  function writtenThrough(namespace: string): number | undefined {
    expire();
    if (open.has(namespace)) return now();
    const found = settled.get(namespace);
    return found !== undefined && clock.monotonic() - found.at < REMEMBERED_MS ? found.through : undefined;
  }

  return {
    now,
    writtenThrough,

    begin(namespace, options) {
      expire();
      begun += 1;
      const hold = new Hold(namespace, now(), options?.stamps ?? true, end);
      if (hold.stamps) stamping.add(hold);
      const ofNamespace = open.get(namespace);
      if (ofNamespace === undefined) open.set(namespace, new Set([hold]));
      else ofNamespace.add(hold);
      return hold;
    },

    raiseAbove(other) {
      last = Math.max(last, other + 1);
    },

    oldest(namespace) {
      expire();
      if (namespace === undefined) return first(stamping)?.stamp;
      for (const hold of open.get(namespace) ?? []) if (hold.stamps) return hold.stamp;
      return undefined;
    },

    isBusy() {
      expire();
      return open.size > 0;
    },

    begun: () => begun,

    recent() {
      expire();
      const newestFirst = new Map([...open.keys()].reverse().map((namespace) => [namespace, now()]));
      for (const [namespace, { through, at }] of [...settled].reverse()) {
        if (clock.monotonic() - at >= RECENT_MS) break;
        if (!newestFirst.has(namespace)) newestFirst.set(namespace, through);
      }
      return new Map([...newestFirst].slice(0, RECENT_MAX));
    },
  };
}

function first<T>(set: Set<T>): T | undefined {
  for (const item of set) return item;
  return undefined;
}
