/**
 * Keeps the cache from holding anybody up: every call has its budget, and after one that ran out the next two seconds go
 * without, until a single call has shown that the cache answers again.
 *
 * Adapters of remote caches have limits of their own; this is the one that holds for every adapter. What a call that was
 * given up does later is harmless, since every write that could hurt is conditional.
 */

import type { Clock } from "../../clock.js";
import { CACHE_BUDGET_MS, CacheUnavailable, type DocumentCache } from "../../ports/document-cache.js";
import type { Timers } from "../../timers.js";

/** The calls of the cache that requests wait for. */
export type CacheCalls = Pick<
  DocumentCache,
  "get" | "put" | "mergeIfPresent" | "ensureEpoch" | "changeEpoch" | "health"
>;

export interface CacheGuardDependencies {
  readonly cache: CacheCalls;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Time a call on at most 1,000 records may take, ms; a larger one gets as much again for each further 1,000. */
  readonly budgetMs?: number | undefined;
}

/** Time without the cache after a call that ran out of its budget. */
const PAUSE_MS = 2_000;
const RECORDS_A_BUDGET = 1_000;
/** A timer that fires late may stand before an answer that came long ago: that one is heard first. */
const HEARING_MS = 1;

export function guardCache({
  cache,
  clock,
  timers,
  budgetMs = CACHE_BUDGET_MS,
}: CacheGuardDependencies): CacheCalls {
  let openUntil = Number.NEGATIVE_INFINITY;
  let isOpen = false;
  let isProbing = false;

  function within<T>(records: number, call: () => Promise<T>): Promise<T> {
    if (isOpen) {
      if (isProbing || clock.monotonic() < openUntil)
        return Promise.reject(new CacheUnavailable("down", "document cache did not answer a moment ago"));
      isProbing = true;
    }
    const isProbe = isProbing;
    const limitMs = budgetMs * Math.max(1, Math.ceil(records / RECORDS_A_BUDGET));
    return new Promise<T>((resolve, reject) => {
      const giveUp = () => {
        isOpen = true;
        openUntil = clock.monotonic() + PAUSE_MS;
        if (isProbe) isProbing = false;
        reject(new CacheUnavailable("timeout", `document cache did not answer within ${limitMs} ms`));
      };
      let cancel = timers.after(limitMs, () => {
        cancel = timers.after(HEARING_MS, giveUp);
      });
      const answered = () => {
        cancel();
        if (!isProbe || !isProbing) return;
        isProbing = false;
        isOpen = false;
      };
      call().then(
        (value) => {
          answered();
          resolve(value);
        },
        (error: unknown) => {
          answered();
          reject(error);
        },
      );
    });
  }

  return {
    get: (set, ids, parts) => within(ids.length, () => cache.get(set, ids, parts)),
    put: (set, writes) => within(writes.length, () => cache.put(set, writes)),
    mergeIfPresent: (set, ids, merge) => within(ids.length, () => cache.mergeIfPresent(set, ids, merge)),
    ensureEpoch: (set) => within(1, () => cache.ensureEpoch(set)),
    changeEpoch: (set) => within(1, () => cache.changeEpoch(set)),
    health: () => cache.health(),
  };
}
