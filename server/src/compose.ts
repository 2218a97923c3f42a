/**
 * The composition root: the one place that knows every part and decides which adapter stands behind each port. Everything
 * else gets what it needs as parameters.
 */

import { randomUUID } from "node:crypto";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { createPrometheusMetrics, type PrometheusMetrics } from "./adapters/metrics/prometheus.js";
import { connectEngine, createEmbeddedUpstream } from "./adapters/upstream/embedded.js";
import {
  type EngineEvent,
  type EngineProcess,
  startEngineProcess,
} from "./adapters/upstream/engine-process.js";
import { observeUpstream } from "./adapters/upstream/observed.js";
import { createTurbopuffer } from "./adapters/upstream/turbopuffer.js";
import { createCacheLoop } from "./background/cache-loop.js";
import { createConsistencyLoops } from "./background/consistency-loops.js";
import { createJobLoops } from "./background/job-loops.js";
import { type Clock, systemClock } from "./clock.js";
import { observeStores, watchDomain, watchParts } from "./compose-metrics.js";
import { openStores, type Stores, type StoresDependencies } from "./compose-stores.js";
import type { Config, UpstreamConfig } from "./config.js";
import { prepareDataDir } from "./data-dir.js";
import type { ConsistencyOptions } from "./domain/consistency/create-consistency.js";
import type { ReplicaState } from "./domain/consistency/replica.js";
import { createDomain } from "./domain/create-domain.js";
import { createExposition } from "./domain/health/exposition.js";
import { createHealth } from "./domain/health/health.js";
import { LANGUAGES_WITHOUT_STEMMER } from "./engine/schema/languages.js";
import { StartError } from "./errors.js";
import { garbageCollector } from "./garbage.js";
import { createDocumentsHandlers } from "./handlers/documents.js";
import { createHealthHandlers } from "./handlers/health.js";
import { createMetricsHandlers } from "./handlers/metrics.js";
import { createNamespacesHandlers } from "./handlers/namespaces.js";
import { createQueryHandlers } from "./handlers/query.js";
import { createWarmHandlers } from "./handlers/warm.js";
import { createApp } from "./http/app.js";
import { createStoreKeyAuthenticator } from "./http/auth.js";
import { createBodyBudget } from "./http/body-budget.js";
import { createDrainState, type DrainState } from "./http/drain.js";
import { createIdleCollection, type IdleCollection } from "./http/idle-collection.js";
import { createPage } from "./http/page.js";
import type { Served } from "./http/server.js";
import { readSpec } from "./http/spec-document.js";
import type { Log } from "./log.js";
import type { Upstream } from "./ports/upstream.js";
import { createRandomHex } from "./random.js";
import { LOCAL_KEY, limits } from "./settings.js";
import { systemTimers } from "./timers.js";
import { readVersion } from "./version.js";

export interface Gateway {
  /** What a server serves. */
  readonly served: Served;
  /** Where rows live, in words for people: a directory or a URL. */
  readonly storeLocation: string;
  /** What stands behind the other ports. */
  readonly stores: Stores;
  /** This process as one of the gateways in front of its upstream. */
  readonly replica: { readonly id: string; readonly state: () => ReplicaState };
  /** The embedded engine's own endpoint, where there is one. */
  readonly engineUrl: string | undefined;
  /**
   * Ends what runs and what holds state, in order: the loops, this replica's part among others, the stores, then connections
   * upstream and the engine's process. Call after the server has closed.
   */
  close(): Promise<void>;
}

export interface ComposeDependencies extends Omit<StoresDependencies, "clock"> {
  readonly clock?: Clock;
  /** Where measurements go, and `/metrics` comes from. Default: a registry of this process alone. */
  readonly metrics?: PrometheusMetrics;
  /** The engine, where another process has started it; closing the gateway closes this. */
  readonly engine?: EngineProcess;
  /** Which of several processes of one gateway this is. */
  readonly worker?: { readonly id: number; readonly of: number };
}

/** @throws StartError naming what keeps the gateway from starting */
export async function compose(
  config: Config,
  { clock = systemClock, metrics = createPrometheusMetrics(clock), ...dependencies }: ComposeDependencies,
): Promise<Gateway> {
  const { log } = dependencies;
  const [spec, page] = await Promise.all([
    readSpec(),
    createPage({ localKey: config.usesLocalKey ? LOCAL_KEY : undefined }),
  ]);
  const { store, stores: bareStores } = await openAll(config, { ...dependencies, clock, metrics });
  const bareUpstream = dependencies.wrap?.upstream?.(store.upstream) ?? store.upstream;
  const upstream = observeUpstream(bareUpstream, { metrics, clock, log });
  const stores = { ...bareStores, ...observeStores(bareStores, config.stores, metrics, clock) };
  const drain = createDrainState(config.drainMarkerPath);
  const memory = giveMemoryBack(drain);
  const budget = createBodyBudget(config.bodyBudgetBytes, memory?.released);
  await drain.poll();
  drain.start(limits.drainMarkerPollMs);
  const replicaId = randomUUID();
  const domain = createDomain(
    {
      upstream,
      clock,
      random: createRandomHex(),
      blobs: stores.blobStore,
      documentCache: stores.documentCache,
      log,
      metrics,
      spread: Math.random,
    },
    {
      listingCacheTtlMs: config.listCacheTtlMs,
      cacheBudgetMs: config.cacheBudgetMs,
      consistency: consistencyOptions(config, replicaId),
    },
  );
  const loops = createConsistencyLoops(domain.consistency, log, {
    pollIntervalMs: config.consistency.pollIntervalMs,
    stopTimeoutMs: limits.replicaLeaveTimeoutMs,
    random: Math.random,
  });
  const cacheLoop = createCacheLoop(domain.cache, log, Math.random);
  await cacheLoop.runOnce();
  cacheLoop.start();
  loops.start();
  const jobLoops = createJobLoops(domain.jobs, log, {
    replicas: () => 1 + domain.consistency.replica.state().others,
    stopTimeoutMs: limits.jobsStopTimeoutMs,
    random: Math.random,
  });
  jobLoops.start();
  const { documentCache, blobStore, queueStore } = stores.reports;
  watchDomain(metrics, domain, { documentCache: stores.documentCache, storeKind: store.adapter });
  watchParts(metrics, {
    drain,
    budget,
    upstream: { adapter: store.adapter, state: upstream.state },
    stores: { document_cache: documentCache, blob_store: blobStore, queue_store: queueStore },
  });
  const health = createHealth({
    upstream,
    isDraining: () => drain.draining,
    version: readVersion(),
    store: { adapter: store.adapter, location: store.location, state: upstream.state },
    stores: stores.reports,
    replica: domain.consistency.replica.state,
    isLocationPublic: config.usesLocalKey,
    readinessTimeoutMs: limits.readinessTimeoutMs,
    worker: dependencies.worker,
    engine:
      config.upstream.kind === "embedded"
        ? { languages_without_stemmer: [...LANGUAGES_WITHOUT_STEMMER] }
        : undefined,
  });
  const app = createApp(
    {
      handlers: {
        documents: createDocumentsHandlers(domain.documents),
        namespaces: createNamespacesHandlers(domain.writes, domain.namespaces),
        query: createQueryHandlers(domain.queries),
        warm: createWarmHandlers(domain.warming),
        health: createHealthHandlers(health),
        metrics: createMetricsHandlers(
          createExposition({ registry: metrics, clock }, { isPublic: config.metricsPublic }),
        ),
      },
      spec,
      page,
      clock,
      log,
      newId: randomUUID,
      authenticate: createStoreKeyAuthenticator(config.upstream.storeKey, {
        isWellKnown: config.usesLocalKey,
      }),
      bodies: {
        maxBytes: limits.bodyMaxBytes,
        parsedMaxBytes: limits.parsedBodyMaxBytes,
        budget,
      },
      drain,
      metrics,
    },
    { corsOrigins: config.corsOrigins, validateResponses: config.validateResponses },
  );
  return {
    served: { ...app, drain, log, metrics, newId: randomUUID },
    storeLocation: store.location,
    engineUrl: store.engineUrl,
    stores,
    replica: { id: replicaId, state: domain.consistency.replica.state },
    async close() {
      drain.stop();
      memory?.stop();
      await jobLoops.stop();
      await cacheLoop.stop();
      await loops.stop();
      await stores.close();
      await upstream.close();
    },
  };
}

function consistencyOptions(
  { consistency, upstreamTimeoutMs }: Config,
  replicaId: string,
): ConsistencyOptions {
  // A write is given up after the upstream timeout, and may be applied for a while after that.
  return { ...consistency, replicaId, writeDeadlineMs: Math.max(limits.writeDeadlineMs, upstreamTimeoutMs) };
}

function giveMemoryBack(drain: DrainState): IdleCollection | undefined {
  const collect = garbageCollector();
  return collect && createIdleCollection({ timers: systemTimers, collect, inFlight: () => drain.inFlight });
}

/**
 * The engine alone, without a gateway.
 * @param onListening told where it listens, at the start and after every restart
 * @throws StartError
 */
export async function startEngine(
  config: UpstreamConfig & { readonly kind: "embedded" },
  log: Log,
  onListening?: (url: string) => void,
): Promise<EngineProcess> {
  const options = await engineOptions(config, log);
  const onEvent = (event: EngineEvent) => {
    options.onEvent(event);
    if (event.type === "listening") onListening?.(event.url);
  };
  return explained(startEngineProcess({ ...options, onEvent }));
}

interface OpenStore {
  readonly upstream: Upstream;
  readonly adapter: "engine" | "turbopuffer";
  readonly location: string;
  readonly engineUrl: string | undefined;
}

/** Opens the upstream and the stores side by side; when one fails, nothing stays open. */
async function openAll(
  config: Config,
  { engine, ...dependencies }: StoresDependencies & Pick<ComposeDependencies, "engine">,
) {
  const [upstream, stores] = await Promise.allSettled([
    openStore(config, dependencies.log, engine),
    openStores(config.stores, dependencies),
  ]);
  if (upstream.status === "fulfilled" && stores.status === "fulfilled")
    return { store: upstream.value, stores: stores.value };
  if (stores.status === "fulfilled") await stores.value.close();
  if (upstream.status === "fulfilled") await upstream.value.upstream.close();
  throw upstream.status === "rejected" ? upstream.reason : (stores as PromiseRejectedResult).reason;
}

async function openStore(
  { upstream: config, upstreamTimeoutMs }: Config,
  log: Log,
  engine: EngineProcess | undefined,
): Promise<OpenStore> {
  if (config.kind === "remote") {
    const upstream = createTurbopuffer({
      url: config.url,
      apiKey: config.storeKey,
      timeoutMs: upstreamTimeoutMs,
    });
    return { upstream, adapter: "turbopuffer", location: config.url, engineUrl: undefined };
  }
  const options = await engineOptions(config, log);
  const transport = { timeoutMs: upstreamTimeoutMs };
  const upstream = engine
    ? connectEngine(engine, { apiKey: config.storeKey, transport })
    : await explained(createEmbeddedUpstream({ ...options, transport }));
  return { upstream, adapter: "engine", location: options.dataDir, engineUrl: upstream.url() };
}

async function engineOptions(config: UpstreamConfig & { readonly kind: "embedded" }, log: Log) {
  const dataDir = path.join(config.dataDir, "engine");
  await prepareDataDir(dataDir);
  const { faults, indexLagMs, heapMib } = config;
  if (faults !== undefined || indexLagMs > 0)
    log.warn({ index_lag_ms: indexLagMs, faults: faults !== undefined }, "the engine simulates trouble");
  // The sources run through a loader during development; the entry is whatever this file itself is.
  const extension = path.extname(fileURLToPath(import.meta.url));
  return {
    entry: fileURLToPath(new URL(`./engine/main${extension}`, import.meta.url)),
    dataDir,
    port: config.port,
    apiKey: config.storeKey,
    indexLagMs,
    heapMib,
    ...(faults === undefined ? {} : { faults }),
    onEvent: (event: EngineEvent) => logEngineEvent(log, event),
  };
}

function logEngineEvent(log: Log, { type, ...fields }: EngineEvent): void {
  if (type === "listening") log.debug(fields, "engine listens");
  else if (type === "exited") log.warn(fields, "engine left and is started again");
  else log.error(fields, "engine could not be started again");
}

/** What the engine says about a bad start is already one line for its operator. */
async function explained<T>(start: Promise<T>): Promise<T> {
  try {
    return await start;
  } catch (cause) {
    throw new StartError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
