/** The parts of stable reads, wired to each other: stamps, this replica among others, and the watcher. */

import type { Clock } from "../../clock.js";
import type { BlobStore } from "../../ports/blob-store.js";
import type { Upstream } from "../../ports/upstream.js";
import type { BackgroundReads } from "../jobs/background-reads.js";
import { createReplica, createSoleReplica, type Replica } from "./replica.js";
import { createWatcher, type Watcher, type WatcherOptions } from "./watcher.js";
import { createWatermarkRecords } from "./watermark-records.js";
import { createWriteHolds, type WriteHolds } from "./write-holds.js";

/** `holds` takes stamps, `replica` says when that may be, `watcher` says what has settled. */
export interface Consistency {
  readonly holds: WriteHolds;
  readonly replica: Replica;
  readonly watcher: Watcher;
}

export interface ConsistencyDependencies {
  readonly upstream: Pick<Upstream, "send">;
  readonly clock: Clock;
  /** What replicas share; without it this process takes itself for the only one and remembers nothing past its end. */
  readonly blobs: BlobStore | undefined;
  readonly backgroundReads: BackgroundReads;
  /** 0 to 1. */
  readonly random: () => number;
  /** Gives up a call of the blob store after `ms`. Default `AbortSignal.timeout`. */
  readonly timeout?: (ms: number) => AbortSignal;
}

export interface ConsistencyOptions extends Partial<WatcherOptions> {
  /** Unique to this process's life. */
  readonly replicaId: string;
  /** Longest a write may take to be applied after it was sent, or after its sender was cut off, ms. Default 60,000. */
  readonly writeDeadlineMs?: number;
}

const WRITE_DEADLINE_MS = 60_000;
/** The contract's. */
const intervals = { pollIntervalMs: 1_000, stablePollIntervalMs: 60_000, marginMs: 500 };

export function createConsistency(
  { blobs, ...dependencies }: ConsistencyDependencies,
  options: ConsistencyOptions,
): Consistency {
  const { replicaId, writeDeadlineMs = WRITE_DEADLINE_MS, ...given } = options;
  const watching = { ...intervals, ...given };
  const holds = createWriteHolds(dependencies.clock, {
    marginMs: watching.marginMs,
    unknownMs: writeDeadlineMs,
  });
  const replica =
    blobs === undefined
      ? createSoleReplica()
      : createReplica({ ...dependencies, blobs, holds }, { id: replicaId, writeDeadlineMs });
  const records = blobs && createWatermarkRecords(blobs);
  const watcher = createWatcher({ ...dependencies, holds, replica, records }, watching);
  return { holds, replica, watcher };
}
