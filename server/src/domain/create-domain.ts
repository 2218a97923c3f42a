/** Wires the domain's parts to each other, so that the composition root needs to know only what comes from outside. */

import type { Clock } from "../clock.js";
import type { Log } from "../log.js";
import type { Metrics } from "../metrics.js";
import type { BlobStore } from "../ports/blob-store.js";
import type { DocumentCache } from "../ports/document-cache.js";
import type { Upstream } from "../ports/upstream.js";
import { systemTimers, type Timers } from "../timers.js";
import { type ConfiguredCache, createCacheLayer } from "./cache/create-cache-layer.js";
import {
  type Consistency,
  type ConsistencyOptions,
  createConsistency,
} from "./consistency/create-consistency.js";
import { eventualPolicy } from "./consistency/view.js";
import { createWatermarkRecords } from "./consistency/watermark-records.js";
import { createDocuments } from "./documents/documents.js";
import { createIdTypes } from "./documents/id-types.js";
import { createBackgroundReads } from "./jobs/background-reads.js";
import { createJobs, type Jobs } from "./jobs/create-jobs.js";
import { createSnapshotMirror } from "./jobs/snapshot-mirror.js";
import { createWarming } from "./jobs/warming.js";
import { createListing } from "./namespaces/listing.js";
import { createNamespaces } from "./namespaces/namespaces.js";
import type { Documents, Namespaces, Queries, Warming, Writes } from "./operations.js";
import { createQueries } from "./queries/queries.js";
import type { RandomHex } from "./queries/trace-context.js";
import { createWrites } from "./writes/writes.js";

export interface Domain {
  writes: Writes;
  queries: Queries;
  documents: Documents;
  namespaces: Namespaces;
  warming: Warming;
  /** For the loops of `background/`, which drive it. */
  consistency: Consistency;
  /** For a loop that drives it, and for whoever warms it; undefined where there is no document cache. */
  cache: ConfiguredCache | undefined;
  /** For the loops of `background/`, which drive it. */
  jobs: Jobs;
}

export interface DomainDependencies {
  upstream: Upstream;
  clock: Clock;
  random: RandomHex;
  /** What replicas share; without it this process takes itself for the only one. */
  blobs?: BlobStore | undefined;
  /** Undefined: every read of documents goes upstream. */
  documentCache?: DocumentCache | undefined;
  /** Default: the host's. */
  timers?: Timers | undefined;
  /** Default: nothing is logged. */
  log?: Pick<Log, "info" | "warn" | "error"> | undefined;
  metrics?: Metrics | undefined;
  /** 0 to 1, to spread work over time. Default: nothing is spread. */
  spread?: (() => number) | undefined;
  /** Gives up a call of the blob store after `ms`. Default `AbortSignal.timeout`. */
  timeout?: ((ms: number) => AbortSignal) | undefined;
}

export interface DomainOptions {
  /** Deadline of a copy or branch, ms. Default 900,000. */
  copyTimeoutMs?: number | undefined;
  /** The largest write body upstream takes, stamps included, bytes. Default 512 MiB, which is Turbopuffer's. */
  writeBytesMax?: number | undefined;
  /** How long a listing page is kept, ms; 0 keeps none. Default 10,000. */
  listingCacheTtlMs?: number | undefined;
  /** Longest the document cache may hold a request up at a time, ms. Default 200. */
  cacheBudgetMs?: number | undefined;
  /** This replica's id and the intervals of stable reads. Default: the contract's. */
  consistency?: ConsistencyOptions | undefined;
}

const silentLog = { info() {}, warn() {}, error() {} };

export function createDomain(dependencies: DomainDependencies, options: DomainOptions = {}): Domain {
  const { upstream, clock, random, blobs, documentCache, spread = () => 0, timeout } = dependencies;
  const { timers = systemTimers, log = silentLog } = dependencies;
  const idTypes = createIdTypes({ upstream, clock });
  const backgroundReads = createBackgroundReads();
  const consistencyOptions = options.consistency ?? { replicaId: "this" };
  const consistency = createConsistency(
    {
      upstream,
      clock,
      blobs,
      backgroundReads,
      random: spread,
      ...(timeout === undefined ? {} : { timeout }),
    },
    consistencyOptions,
  );
  const { watcher } = consistency;
  const { reads, seeds, mirror, cache } = createCacheLayer(
    {
      upstream,
      idTypes,
      watcher,
      backgroundReads,
      clock,
      random,
      blobs,
      cache: documentCache,
      timers,
      log,
      metrics: dependencies.metrics,
      onMissAfterReturn: (namespace) => void jobs.warmRequests.suggest(namespace),
    },
    {
      replicaId: consistencyOptions.replicaId,
      writeDeadlineMs: consistencyOptions.writeDeadlineMs ?? 60_000,
      budgetMs: options.cacheBudgetMs,
    },
  );
  const jobs = createJobs(
    { upstream, blobs, cache, watcher, backgroundReads, clock, timers, random, spread, log },
    { owner: consistencyOptions.replicaId },
  );
  const listing = createListing(
    { upstream, clock, cacheStateOf: jobs.cacheStates.stateOf },
    { cacheTtlMs: options.listingCacheTtlMs ?? 10_000 },
  );
  return {
    consistency,
    cache,
    jobs,
    writes: createWrites(
      { ...consistency, upstream, mirror, onWritten: listing.noteWritten },
      {
        copyTimeoutMs: options.copyTimeoutMs ?? 900_000,
        bodyBytesMax: options.writeBytesMax ?? 512 * 1024 ** 2,
      },
    ),
    queries: createQueries({ upstream, views: watcher, policy: eventualPolicy, seeds, random }),
    documents: createDocuments({ reads }),
    namespaces: createNamespaces({
      upstream,
      listing,
      watcher,
      cached: cache?.epochs,
      onDeleted: (namespace) => {
        watcher.forget(namespace);
        listing.noteDeleted(namespace);
        idTypes.forget(namespace);
      },
      purges: blobs === undefined ? [] : [createWatermarkRecords(blobs).forget, jobs.warmJobs.forget],
    }),
    warming: createWarming({
      upstream,
      board: jobs.warmJobs,
      requests: jobs.warmRequests,
      snapshots: createSnapshotMirror({ blobs, cache: documentCache }),
      isCacheUp: () => documentCache?.health().state === "up",
    }),
  };
}
