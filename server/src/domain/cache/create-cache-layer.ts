/** The parts that stand between requests and the document cache, wired to each other. */

import type { Clock } from "../../clock.js";
import type { Log } from "../../log.js";
import { type Metrics, noMetrics } from "../../metrics.js";
import type { BlobStore } from "../../ports/blob-store.js";
import { CACHE_BUDGET_MS, type DocumentCache } from "../../ports/document-cache.js";
import type { Upstream } from "../../ports/upstream.js";
import type { Timers } from "../../timers.js";
import type { Watcher } from "../consistency/watcher.js";
import type { RequestContext } from "../context.js";
import { createDocumentReads, type OriginDocument } from "../documents/document-reads.js";
import type { IdTypes } from "../documents/id-types.js";
import { UpstreamRefused } from "../forwarding/relay.js";
import type { BackgroundReads } from "../jobs/background-reads.js";
import type { SeedResolver } from "../queries/seed-resolver.js";
import { guardCache } from "./cache-guard.js";
import { createCachedDocuments, noCachedDocuments } from "./cached-documents.js";
import { type CachedReads, createCachedReads } from "./cached-reads.js";
import { createDirtyFlags } from "./dirty-flags.js";
import { createEpochs, type Epochs } from "./epochs.js";
import { createMirror, type Mirror, noMirror } from "./mirror.js";
import { createMirroredTypes } from "./mirrored-types.js";
import { createPageFill } from "./page-fill.js";
import { createPendingRecords } from "./pending-records.js";
import { createSeedResolver } from "./seeds.js";
import { type CacheWarmSink, createWarmSink } from "./warm-sink.js";
import { createWarmth, type Warmth } from "./warmth.js";

/** Everything that goes through the cache, or would if there were one. */
export interface CacheLayer {
  readonly reads: CachedReads;
  readonly seeds: SeedResolver;
  readonly mirror: Mirror;
  /** Undefined without a cache. */
  readonly cache: ConfiguredCache | undefined;
}

export interface ConfiguredCache {
  readonly epochs: Epochs;
  readonly warmth: Warmth;
  readonly sink: CacheWarmSink;
  /** Looks at dirty flags and repeats what could not be said to the cache; about every second. Never rejects. */
  runOnce(signal?: AbortSignal): Promise<void>;
}

export interface CacheLayerDependencies {
  readonly upstream: Upstream;
  /** Undefined: there is no cache, and every read goes upstream. */
  readonly cache: DocumentCache | undefined;
  readonly blobs: BlobStore | undefined;
  readonly idTypes: IdTypes;
  readonly watcher: Pick<Watcher, "register" | "on">;
  readonly backgroundReads: BackgroundReads;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Random bytes in hexadecimal. */
  readonly random: (bytes: number) => string;
  readonly log: Pick<Log, "info" | "warn" | "error">;
  readonly metrics?: Metrics | undefined;
  /** Told, once a namespace and connection, of a miss after the cache came back. */
  readonly onMissAfterReturn?: ((namespace: string) => void) | undefined;
}

export interface CacheLayerOptions {
  /** Unique to this process's life. */
  readonly replicaId: string;
  /** Longest a write may take to be applied after it was sent, ms. */
  readonly writeDeadlineMs: number;
  /** Longest the cache may hold anybody up at a time, ms. Default 200. */
  readonly budgetMs?: number | undefined;
}

/** Replicas may differ about the time by as much, ms. */
const SLACK_MS = 60_000;
/** Budgets that a page of a warm job has: nobody waits for it, and a busy machine is no reason to give it up. */
const PAGE_BUDGETS = 10;

export function createCacheLayer(
  dependencies: CacheLayerDependencies,
  options: CacheLayerOptions,
): CacheLayer {
  const { upstream, idTypes } = dependencies;
  const reads = createDocumentReads({ upstream, idTypes });
  if (dependencies.cache === undefined) {
    const uncached = createCachedReads({ reads, documents: noCachedDocuments });
    return {
      reads: uncached,
      seeds: createSeedResolver({ reads: uncached }),
      mirror: noMirror,
      cache: undefined,
    };
  }
  return withCache(dependencies, dependencies.cache, reads, options);
}

function withCache(
  dependencies: CacheLayerDependencies,
  store: DocumentCache,
  reads: ReturnType<typeof createDocumentReads>,
  { replicaId, writeDeadlineMs, budgetMs = CACHE_BUDGET_MS }: CacheLayerOptions,
): CacheLayer {
  const { blobs, clock, timers, random, log, watcher, idTypes } = dependencies;
  const tombstoneMs = writeDeadlineMs + SLACK_MS;
  const cache = guardCache({ cache: store, clock, timers, budgetMs });
  const flags = blobs && createDirtyFlags({ blobs, clock, replicaId });
  const onEvent = store.onEvent.bind(store);
  const epochs = createEpochs({ cache: { ...cache, onEvent }, flags, replicaId, clock, timers, log });
  const warmth = createWarmth({ cache, clock });
  const documents = createCachedDocuments({
    cache,
    epochs,
    clock,
    random,
    metrics: dependencies.metrics ?? noMetrics,
    register: watcher.register,
    onLost: (namespace) => void warmth.clear(namespace),
    onMiss: missesAfterReturn(store, dependencies.onMissAfterReturn),
  });
  const reread = createReread(dependencies);
  // Apart from what readers wait for: a page that is late says nothing of a single document.
  const patient = guardCache({ cache: store, clock, timers, budgetMs: budgetMs * PAGE_BUDGETS });
  const pages = createPageFill({ cache: patient, documents, reread, clock, timers }, { tombstoneMs });
  store.onEvent((event) => {
    warmth.onCacheEvent(event);
    if (event.kind === "dropped" && event.cause === "evicted") pages.noteEviction();
  });
  watcher.on({
    foreignWrite: (namespace) => void epochs.change(namespace, "somebody wrote around the gateway"),
    dropped(namespace) {
      epochs.disavow(namespace);
      idTypes.forget(namespace);
      void epochs.change(namespace, "it is not watched any more");
    },
    accounted: epochs.vouch,
  });
  const pending = createPendingRecords({ cache, clock }, { tombstoneMs });
  const types = createMirroredTypes({ idTypes, clock });
  const mirror = createMirror(
    { pending, epochs, warmth, types, clock, timers, random, log },
    { writeDeadlineMs, budgetMs },
  );
  const cached = createCachedReads({ reads, documents });
  return {
    reads: cached,
    seeds: createSeedResolver({ reads: cached }),
    mirror,
    cache: {
      epochs,
      warmth,
      sink: createWarmSink({ epochs, pages, warmth, register: watcher.register }),
      async runOnce(signal) {
        await epochs.runOnce(signal);
        await warmth.runOnce();
      },
    },
  };
}

/** Namespaces told of for one connection; beyond, further ones go untold. */
const TOLD_MAX = 10_000;

/** The first miss of each namespace since the cache came back, for whoever warms it again. */
function missesAfterReturn(
  store: Pick<DocumentCache, "health">,
  tell: ((namespace: string) => void) | undefined,
): (namespace: string) => void {
  if (tell === undefined) return () => undefined;
  let connection = 1;
  const told = new Set<string>();
  return (namespace) => {
    const present = store.health().connection;
    if (present <= 1) return;
    if (present !== connection) {
      connection = present;
      told.clear();
    }
    if (told.has(namespace) || told.size >= TOLD_MAX) return;
    told.add(namespace);
    tell(namespace);
  };
}

function createReread({ upstream, idTypes, backgroundReads, random }: CacheLayerDependencies) {
  return async (namespace: string, ids: readonly string[]): Promise<ReadonlyMap<string, OriginDocument>> => {
    const throttled: Pick<Upstream, "send"> = {
      send: (request) => backgroundReads.run(namespace, () => upstream.send(request)),
    };
    const context = backgroundContext(random);
    const reads = createDocumentReads({ upstream: throttled, idTypes });
    const known = await reads.typesFor(context, namespace, ids);
    const found = await reads.read(context, namespace, ids, known, true);
    if (found.kind === "refused") throw new UpstreamRefused(found.relay);
    return found.rows;
  };
}

/** For reads that no caller waits for. */
function backgroundContext(random: (bytes: number) => string): RequestContext {
  return {
    requestId: `background-${random(8)}`,
    principal: { name: "background", scopes: new Set(), grants: [] },
    headers: {},
    rawQuery: "",
    signal: new AbortController().signal,
  };
}
