/** Background work of this replica, wired: which namespaces are its own, and the warm jobs it carries on. */

import type { Clock } from "../../clock.js";
import type { Log } from "../../log.js";
import type { BlobStore } from "../../ports/blob-store.js";
import type { Upstream } from "../../ports/upstream.js";
import type { Timers } from "../../timers.js";
import type { Warmth } from "../cache/warmth.js";
import { createLeases } from "../replicas/leases.js";
import { createPartitionOwner, type PartitionOwner, partitionOf } from "../replicas/partitions.js";
import type { BackgroundReads } from "./background-reads.js";
import { type CacheStates, createCacheStates } from "./cache-states.js";
import { createJobBoard, type JobBoard } from "./job-board.js";
import { createMemoryShelf } from "./memory-shelf.js";
import { createOriginPages } from "./origin-pages.js";
import type { WarmJob } from "./warm-job.js";
import { createWarmLook, type WarmLookDependencies } from "./warm-look.js";
import { createWarmRequests, type WarmRequests } from "./warm-requests.js";
import { createWarmRunner, type WarmRunner, type WarmSink } from "./warm-runner.js";

export interface Jobs {
  readonly warmJobs: JobBoard<WarmJob>;
  readonly warmRequests: WarmRequests;
  readonly cacheStates: CacheStates;
  /** Undefined without a cache to warm. */
  readonly warmRunner: WarmRunner | undefined;
  /** Undefined without a blob store: then every namespace is this replica's. */
  readonly partitions: PartitionOwner | undefined;
}

export interface JobsDependencies {
  readonly upstream: Pick<Upstream, "send">;
  /** Undefined: jobs end with the process, and no other replica sees them. */
  readonly blobs: BlobStore | undefined;
  /** Undefined without a cache. */
  readonly cache: { readonly sink: WarmSink; readonly warmth: Pick<Warmth, "state"> } | undefined;
  readonly watcher: WarmLookDependencies["watcher"];
  readonly backgroundReads: BackgroundReads;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Random bytes in hexadecimal. */
  readonly random: (bytes: number) => string;
  /** 0 to 1. */
  readonly spread: () => number;
  readonly log: Pick<Log, "info" | "warn">;
}

/** @param options.owner unique to this process's life */
export function createJobs(dependencies: JobsDependencies, options: { readonly owner: string }): Jobs {
  const { upstream, blobs, cache, watcher, backgroundReads, clock, timers, log } = dependencies;
  const warmJobs = createJobBoard<WarmJob>({ blobs: blobs ?? createMemoryShelf(), clock }, { kind: "warm" });
  const partitions =
    blobs &&
    createPartitionOwner({
      blobs,
      leases: createLeases({ blobs, clock }, options),
      random: dependencies.spread,
    });
  const generationOf = (namespace: string): number | undefined =>
    partitions === undefined
      ? 1
      : partitions.held().find(({ partition }) => partition === partitionOf(namespace))?.generation;
  const warmRunner =
    cache &&
    createWarmRunner({
      board: warmJobs,
      origin: createOriginPages({ upstream, reads: backgroundReads }),
      sink: cache.sink,
      look: createWarmLook({ watcher }),
      generationOf,
      clock,
      pause: (ms, signal) => abortable(timers, ms, signal),
      log,
    });
  const warmRequests = createWarmRequests({
    board: warmJobs,
    wake: (namespace) => warmRunner?.wake(namespace),
    register: watcher.register,
    clock,
    random: dependencies.random,
    log,
  });
  const cacheStates = createCacheStates({ board: warmJobs, warmth: cache?.warmth, clock, timers });
  return { warmJobs, warmRequests, cacheStates, warmRunner, partitions };
}

function abortable(timers: Timers, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      cancel();
      reject(signal.reason);
    };
    const cancel = timers.after(ms, () => {
      signal.removeEventListener("abort", abort);
      resolve();
    });
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}
