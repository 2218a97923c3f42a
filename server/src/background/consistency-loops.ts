/**
 * What keeps stable reads going: a beat of this replica about once a second, and the watcher's polls. They are two loops, so that a
 * slow upstream cannot make the others take this replica for dead.
 */

import { setTimeout as pause } from "node:timers/promises";
import type { Consistency } from "../domain/consistency/create-consistency.js";
import type { Log } from "../log.js";
import { createLoop, type Loop } from "./loop.js";

export interface ConsistencyLoops {
  readonly beats: Loop;
  readonly polls: Loop;
  start(): void;
  /** Polls no more, stores watermarks, tells the others that this replica leaves. Ends within `stopTimeoutMs`; never rejects. */
  stop(): Promise<void>;
}

export interface ConsistencyLoopsOptions {
  /** Of the watcher's fast tier, ms. */
  readonly pollIntervalMs: number;
  /** From beat to beat, ms. Default 1,000: within a time to live of 15 s many may fail. */
  readonly beatIntervalMs?: number;
  readonly stopTimeoutMs: number;
  /** 0 to 1. */
  readonly random: () => number;
}

const BEAT_INTERVAL_MS = 1_000;
/** How late a poll may be, as a share of the fast tier, and within which bounds, ms. */
const TICK_SHARE = 0.25;
const TICK_MIN_MS = 5;
const TICK_MAX_MS = 250;
/** How often a leaving replica looks whether its writes are over, ms. */
const LEAVE_STEP_MS = 25;

export function createConsistencyLoops(
  { holds, replica, watcher }: Consistency,
  log: Pick<Log, "info" | "warn" | "error">,
  options: ConsistencyLoopsOptions,
): ConsistencyLoops {
  const isShared = replica.state().kind === "shared";
  let isLost = false;

  function report(): void {
    const { lost } = replica.state();
    if (lost !== undefined && !isLost)
      log.warn({ detail: lost.detail }, "the other replicas cannot be told of writes");
    if (lost === undefined && isLost) log.info("the other replicas can be told of writes again");
    isLost = lost !== undefined;
  }

  const beats = createLoop((signal) => replica.runOnce(watcher.size > 0, signal).finally(report), {
    intervalMs: options.beatIntervalMs ?? BEAT_INTERVAL_MS,
    random: options.random,
    onFailure: (error) => {
      // What the store did not do is in the state; anything else is a defect.
      if (replica.state().lost === undefined) log.error({ err: error }, "a beat failed");
    },
  });
  const polls = createLoop((signal) => watcher.runOnce(signal), {
    intervalMs: Math.min(TICK_MAX_MS, Math.max(TICK_MIN_MS, options.pollIntervalMs * TICK_SHARE)),
    random: options.random,
    overlaps: true,
    onFailure: (error) => log.error({ err: error }, "polls failed"),
  });

  /** One that leaves while a write may still land makes the others wait longer. */
  async function settle(signal: AbortSignal): Promise<void> {
    while (isShared && holds.isBusy() && !signal.aborted) await pause(LEAVE_STEP_MS);
  }

  return {
    beats,
    polls,
    start() {
      polls.start();
      if (isShared) beats.start();
    },
    async stop() {
      const signal = AbortSignal.timeout(options.stopTimeoutMs);
      await polls.stop();
      await Promise.all([watcher.flush(signal), settle(AbortSignal.timeout(options.stopTimeoutMs / 2))]);
      await beats.stop();
      await replica.leave(signal).catch((error: unknown) => {
        log.warn({ err: error }, "the other replicas could not be told that this one leaves");
      });
    },
  };
}
