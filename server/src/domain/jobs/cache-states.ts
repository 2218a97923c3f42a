/** How warm the cache is for each namespace of a listing. */

import type { Clock } from "../../clock.js";
import type { CacheState } from "../../generated/types.js";
import { type Timers, within } from "../../timers.js";
import type { Warmth } from "../cache/warmth.js";
import type { JobBoard } from "./job-board.js";
import type { WarmJob } from "./warm-job.js";

export interface CacheStates {
  /** Never rejects: what cannot be found out counts as cold. */
  stateOf(namespace: string): Promise<CacheState>;
}

/** How long it is taken as known which jobs run, ms: a listing asks for up to a thousand namespaces. */
const RUNNING_KEPT_MS = 1_000;
/** How long listings and scrapes wait to know it, ms: a store that hangs must not hold them up. */
const RUNNING_WAIT_MS = 1_000;
/** How long a store that failed, or did not answer in time, is not asked again, ms. */
const RUNNING_AGAIN_MS = 5_000;

const none: ReadonlySet<string> = new Set();

export function createCacheStates({
  board,
  warmth,
  clock,
  timers,
}: {
  board: Pick<JobBoard<WarmJob>, "running">;
  /** Undefined without a cache. */
  warmth: Pick<Warmth, "state"> | undefined;
  clock: Pick<Clock, "monotonic">;
  timers: Timers;
}): CacheStates {
  let running: Promise<ReadonlySet<string>> = Promise.resolve(none);
  let isAsking = false;
  let askAgainAt = Number.NEGATIVE_INFINITY;

  function known(): Promise<ReadonlySet<string>> {
    if (!isAsking && clock.monotonic() >= askAgainAt) {
      isAsking = true;
      running = ask().finally(() => {
        isAsking = false;
      });
    }
    return running;
  }

  /** What is found, or nothing where it is not found in time. */
  async function ask(): Promise<ReadonlySet<string>> {
    const found = await readRunning();
    askAgainAt = clock.monotonic() + (found === undefined ? RUNNING_AGAIN_MS : RUNNING_KEPT_MS);
    return found ?? none;
  }

  async function readRunning(): Promise<ReadonlySet<string> | undefined> {
    const late = new AbortController();
    try {
      const found = await within(timers, RUNNING_WAIT_MS, board.running(late.signal));
      return found && new Set(found);
    } catch {
      // Whatever it is, the runner of jobs meets it as well, and says so in the log.
      return undefined;
    } finally {
      late.abort();
    }
  }

  /** What the cache itself knows; it refuses names that no namespace of Turbopuffer can have. */
  async function warmthOf(cache: Pick<Warmth, "state">, namespace: string) {
    try {
      return await cache.state(namespace);
    } catch {
      return { isConnected: false, through: undefined };
    }
  }

  return {
    async stateOf(namespace) {
      if (warmth === undefined) return { state: "cold", warm_inflight: false };
      const [{ isConnected, through }, jobs] = await Promise.all([warmthOf(warmth, namespace), known()]);
      const isWarming = jobs.has(namespace);
      const warmedThrough = through === undefined ? {} : { warmed_through_ms: through };
      if (isWarming) return { state: "warming", warm_inflight: true, ...warmedThrough };
      if (!isConnected || through === undefined) return { state: "cold", warm_inflight: false };
      return { state: "warm", warm_inflight: false, ...warmedThrough };
    },
  };
}
