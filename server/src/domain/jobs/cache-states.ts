/** How warm the cache is for each namespace of a listing. */

import type { Clock } from "../../clock.js";
import type { CacheState } from "../../generated/types.js";
import { BlobStoreError } from "../../ports/blob-store.js";
import type { Warmth } from "../cache/warmth.js";
import type { JobBoard } from "./job-board.js";
import type { WarmJob } from "./warm-job.js";

export interface CacheStates {
  /** Never rejects: what cannot be found out counts as cold. */
  stateOf(namespace: string): Promise<CacheState>;
}

/** How long it is taken as known which jobs run, ms: a listing asks for up to a thousand namespaces. */
const RUNNING_KEPT_MS = 1_000;

export function createCacheStates({
  board,
  warmth,
  clock,
}: {
  board: Pick<JobBoard<WarmJob>, "running">;
  /** Undefined without a cache. */
  warmth: Pick<Warmth, "state"> | undefined;
  clock: Clock;
}): CacheStates {
  let known: { at: number; running: Promise<ReadonlySet<string>> } | undefined;

  function running(): Promise<ReadonlySet<string>> {
    if (known === undefined || clock.monotonic() - known.at >= RUNNING_KEPT_MS)
      known = { at: clock.monotonic(), running: readRunning() };
    return known.running;
  }

  async function readRunning(): Promise<ReadonlySet<string>> {
    try {
      return new Set(await board.running());
    } catch (error) {
      if (error instanceof BlobStoreError) return new Set();
      throw error;
    }
  }

  return {
    async stateOf(namespace) {
      if (warmth === undefined) return { state: "cold", warm_inflight: false };
      const [{ isConnected, through }, jobs] = await Promise.all([warmth.state(namespace), running()]);
      const isWarming = jobs.has(namespace);
      const warmedThrough = through === undefined ? {} : { warmed_through_ms: through };
      if (isWarming) return { state: "warming", warm_inflight: true, ...warmedThrough };
      if (!isConnected || through === undefined) return { state: "cold", warm_inflight: false };
      return { state: "warm", warm_inflight: false, ...warmedThrough };
    },
  };
}
