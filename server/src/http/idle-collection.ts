/**
 * Gives memory back once large bodies have come and gone: asks for one collection when much was released and the process is
 * quiet. Nobody waits for it then; and where it is never quiet it is asked for all the same after a while, since traffic of
 * small requests may not make V8 collect for a long time.
 */

import type { Timers } from "../timers.js";

export interface IdleCollection {
  /** Bytes of bodies were given back to the budget. */
  released(bytes: number): void;
  stop(): void;
}

export interface IdleCollectionDependencies {
  readonly timers: Timers;
  readonly collect: () => void;
  /** Requests whose answer is not out. */
  readonly inFlight: () => number;
}

export interface IdleCollectionOptions {
  /** Released since the last collection: below this there is nothing worth a pause. Default 32 MiB. */
  readonly bytesMin?: number;
  /** How long after the last large release, ms. Default 5,000. */
  readonly quietMs?: number;
  /** How often it is then looked whether nobody would wait, ms. Default 100. */
  readonly lookMs?: number;
  /** Looks after which it is done at any rate. Default 250, which is 25 s. */
  readonly looksMax?: number;
}

export function createIdleCollection(
  { timers, collect, inFlight }: IdleCollectionDependencies,
  options: IdleCollectionOptions = {},
): IdleCollection {
  const { bytesMin = 32 * 1024 ** 2, quietMs = 5_000, lookMs = 100, looksMax = 250 } = options;
  let pending = 0;
  let seen = 0;
  let cancel: (() => void) | undefined;

  function wait(): void {
    seen = pending;
    cancel = timers.after(quietMs, () => look(0));
  }

  function look(looks: number): void {
    if (pending - seen >= bytesMin) {
      // More large bodies came: not yet.
      wait();
    } else if (inFlight() > 0 && looks < looksMax) {
      cancel = timers.after(lookMs, () => look(looks + 1));
    } else {
      cancel = undefined;
      pending = 0;
      collect();
    }
  }

  return {
    released(bytes) {
      pending += bytes;
      if (pending >= bytesMin && cancel === undefined) wait();
    },
    stop() {
      cancel?.();
      cancel = undefined;
      pending = Number.NEGATIVE_INFINITY;
    },
  };
}
