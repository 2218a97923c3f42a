/** What keeps background work going: a step of the leases every few seconds, and a look for jobs to carry on. */

import type { Jobs } from "../domain/jobs/create-jobs.js";
import { LEASE_TTL_MS } from "../domain/replicas/leases.js";
import type { Log } from "../log.js";
import { BlobStoreError } from "../ports/blob-store.js";
import { createLoop } from "./loop.js";

export interface JobLoops {
  start(): void;
  /** Leaves jobs where they are, for the next owner, and gives the leases up. Ends within `stopTimeoutMs`; never rejects. */
  stop(): Promise<void>;
}

export interface JobLoopsOptions {
  /** How many replicas share the work, this one included. */
  readonly replicas: () => number;
  readonly stopTimeoutMs: number;
  /** 0 to 1. */
  readonly random: () => number;
}

/** Of the leases' time to live: a partition whose owner died has a new one within twice that time. */
const LEASE_STEP_SHARE = 0.25;
/** From the end of one look for jobs to the next, ms. */
const LOOK_INTERVAL_MS = 2_000;

export function createJobLoops(
  { partitions, warmRunner }: Jobs,
  log: Pick<Log, "warn" | "error">,
  options: JobLoopsOptions,
): JobLoops {
  const { replicas, stopTimeoutMs, random } = options;
  /** A store that does not answer is in health and is asked again; anything else is a defect. */
  const onFailure = (error: unknown): void => {
    if (!(error instanceof BlobStoreError)) log.error({ err: error }, "background work failed");
  };
  const leases = createLoop(async (signal) => partitions?.runOnce(replicas(), signal), {
    intervalMs: LEASE_TTL_MS * LEASE_STEP_SHARE,
    random,
    onFailure,
  });
  const looks = createLoop(async (signal) => warmRunner?.runOnce(signal), {
    intervalMs: LOOK_INTERVAL_MS,
    random,
    onFailure,
  });

  async function stopAll(): Promise<void> {
    await looks.stop();
    await warmRunner?.stop();
    await leases.stop();
    await partitions?.releaseAll(AbortSignal.timeout(stopTimeoutMs));
  }

  return {
    start() {
      if (warmRunner === undefined) return;
      // The first step at once: a job that is asked for right after the start should not wait for the next one.
      void leases.runOnce().then(() => {
        leases.start();
        looks.start();
      });
    },
    async stop() {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<"late">((resolve) => {
        timer = setTimeout(() => resolve("late"), stopTimeoutMs);
      });
      const ended = await Promise.race([stopAll(), late]);
      clearTimeout(timer);
      if (ended === "late") log.warn({ timeout_ms: stopTimeoutMs }, "background work did not end in time");
    },
  };
}
