/**
 * Opens the adapters that stand behind the document cache, the blob store and the queue store, and watches them. Part of the
 * composition root: it knows every adapter, and nothing of what they are for.
 *
 * A start fails in one line where a store cannot be used at all: its package is missing, S3 or PostgreSQL does not answer, a
 * server lacks conditional writes, files are damaged that hold what must not be lost. A cache that does not answer is no
 * reason to stay down.
 */

import { openEmbeddedBlobStore } from "./adapters/blobs/embedded.js";
import { openS3BlobStore } from "./adapters/blobs/s3.js";
import { openAerospikeDocumentCache } from "./adapters/documents/aerospike.js";
import { openEmbeddedDocumentCache } from "./adapters/documents/embedded.js";
import { PackageMissing } from "./adapters/optional-package.js";
import { openEmbeddedQueueStore } from "./adapters/queues/embedded.js";
import { openPostgresQueueStore } from "./adapters/queues/postgres.js";
import type { Clock } from "./clock.js";
import { prepareDataDir } from "./data-dir.js";
import type { ReportedStore, ReportedStores } from "./domain/health/health.js";
import { type StoreState, type StoreWatch, watchStore } from "./domain/health/store-watch.js";
import { StartError } from "./errors.js";
import type { Log } from "./log.js";
import { type Metrics, noMetrics } from "./metrics.js";
import { type BlobStore, BlobStoreError } from "./ports/blob-store.js";
import type { DocumentCache } from "./ports/document-cache.js";
import { type QueueStore, QueueStoreError } from "./ports/queue-store.js";
import type { Upstream } from "./ports/upstream.js";
import { limits } from "./settings.js";
import {
  type AerospikeConfig,
  adapterOf,
  type BlobStoreConfig,
  type DocumentCacheConfig,
  locationOf,
  type QueueStoreConfig,
  type StoresConfig,
} from "./store-config.js";

export interface Stores {
  /** Each is undefined where it is not configured. */
  readonly documentCache: DocumentCache | undefined;
  readonly blobStore: BlobStore | undefined;
  readonly queueStore: QueueStore | undefined;
  readonly reports: ReportedStores;
  /** Ends watches and connections, giving up on what does not end within `storeCloseTimeoutMs`. Never rejects. */
  close(): Promise<void>;
}

export interface StoresDependencies {
  readonly clock: Clock;
  readonly log: Log;
  /** Where an adapter measures what only it knows. */
  readonly metrics?: Metrics;
  /** How the optional packages are loaded; the tests give their own. */
  readonly packages?: OptionalPackages;
  /** Put between the adapters and everything else: tests have ports that fail on command. */
  readonly wrap?: PortWrappers;
  /** How often each store is asked whether it answers, ms. Default `limits.storeWatchIntervalMs`. */
  readonly watchIntervalMs?: number;
}

export interface PortWrappers {
  readonly upstream?: (upstream: Upstream) => Upstream;
  readonly documentCache?: (cache: DocumentCache) => DocumentCache;
  readonly blobStore?: (store: BlobStore) => BlobStore;
  readonly queueStore?: (store: QueueStore) => QueueStore;
}

export interface OptionalPackages {
  readonly aerospike?: () => Promise<unknown>;
  readonly pg?: () => Promise<typeof import("pg")>;
}

/** A set of the cache that no namespace can have: it is read to see whether the cache answers. */
const WATCH_SET = "~watch";

/** @throws StartError naming the variable, what is wrong, and what to do */
export async function openStores(config: StoresConfig, dependencies: StoresDependencies): Promise<Stores> {
  const { documentCache: cacheConfig, blobStore: blobConfig, queueStore: queueConfig } = config;
  const opening = await Promise.allSettled([
    openDocumentCache(cacheConfig, dependencies),
    openBlobStore(blobConfig, dependencies),
    openQueueStore(queueConfig, dependencies),
  ] as const);
  const [cache, blobs, queue] = opening;
  const open = opening.flatMap((each) => (each.status === "fulfilled" && each.value ? [each.value] : []));
  if (cache.status === "rejected" || blobs.status === "rejected" || queue.status === "rejected") {
    await closeAll(open, dependencies.log);
    const failed = opening.find((each) => each.status === "rejected");
    throw failed?.reason;
  }
  const stores = wrapped(
    { documentCache: cache.value, blobStore: blobs.value, queueStore: queue.value },
    dependencies.wrap,
  );
  const watches = watchStores(stores, dependencies);
  return {
    ...stores,
    reports: {
      documentCache: reported(cacheConfig, () => cacheState(stores.documentCache, watches.documentCache)),
      blobStore: reported(blobConfig, () => watches.blobStore?.state() ?? {}),
      queueStore: reported(queueConfig, () => watches.queueStore?.state() ?? {}),
      aerospike: aerospikeReport(cacheConfig, cache.value),
    },
    async close() {
      for (const watch of Object.values(watches)) watch?.stop();
      await closeAll(open, dependencies.log);
    },
  };
}

type OpenStores = Pick<Stores, "documentCache" | "blobStore" | "queueStore">;

function wrapped({ documentCache, blobStore, queueStore }: OpenStores, wrap: PortWrappers = {}): OpenStores {
  return {
    documentCache: documentCache && (wrap.documentCache?.(documentCache) ?? documentCache),
    blobStore: blobStore && (wrap.blobStore?.(blobStore) ?? blobStore),
    queueStore: queueStore && (wrap.queueStore?.(queueStore) ?? queueStore),
  };
}

/** The options of the Aerospike adapter that a configuration stands for. */
export function aerospikeOptions({ kind: _, tls, ...options }: AerospikeConfig) {
  if (tls === undefined) return options;
  const { caFile: cafile, certFile: certfile, keyFile: keyfile } = tls;
  return {
    ...options,
    tls: { enable: true, cafile, ...(certfile === undefined ? {} : { certfile, keyfile }) },
  };
}

async function openDocumentCache(
  config: DocumentCacheConfig,
  { clock, log, packages }: StoresDependencies,
): Promise<DocumentCache | undefined> {
  if (config.kind === "off") return undefined;
  if (config.kind === "embedded") {
    const { directory, bytesMax } = config;
    await prepareDataDir(directory);
    return explained(`document cache in ${directory}`, () =>
      openEmbeddedDocumentCache({ directory, bytesMax, clock, log }),
    );
  }
  const load = packages?.aerospike;
  return explained(`AEROSPIKE_HOSTS=${config.hosts}`, () =>
    openAerospikeDocumentCache({
      ...aerospikeOptions(config),
      clock,
      log,
      ...(load === undefined ? {} : { load }),
    }),
  );
}

async function openBlobStore(
  config: BlobStoreConfig,
  { clock, log }: StoresDependencies,
): Promise<BlobStore | undefined> {
  if (config.kind === "off") return undefined;
  if (config.kind === "embedded") {
    const { directory } = config;
    await prepareDataDir(directory);
    return explained(`blob store in ${directory}`, () => openEmbeddedBlobStore({ directory, clock, log }));
  }
  const { kind: _, ...options } = config;
  const place = config.endpoint === undefined ? "" : ` S3_ENDPOINT=${config.endpoint}`;
  return explained(`S3_BUCKET=${config.bucket}${place}`, () => openS3BlobStore(options));
}

async function openQueueStore(
  config: QueueStoreConfig,
  { clock, log, metrics = noMetrics, packages }: StoresDependencies,
): Promise<QueueStore | undefined> {
  if (config.kind === "off") return undefined;
  if (config.kind === "embedded") {
    const { directory } = config;
    await prepareDataDir(directory);
    return explained(`queue store in ${directory}`, async () => openEmbeddedQueueStore({ directory, clock }));
  }
  const { kind: _, ...options } = config;
  const load = packages?.pg;
  return explained(`DATABASE_URL (${locationOf(config)})`, () =>
    openPostgresQueueStore({ ...options, log, metrics, ...(load === undefined ? {} : { load }) }),
  );
}

/** Makes one line for the operator of what an adapter says about a bad start. */
async function explained<T>(what: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    if (!isOperators(cause)) throw cause;
    const line = cause instanceof PackageMissing ? message : `${what}: ${message}`;
    throw new StartError(line.replace(/\s*\n\s*/g, " "), { cause });
  }
}

/** Whether an operator can do something about it: what an adapter has named, the file system, lmdb, a native package. */
function isOperators(cause: unknown): boolean {
  if ([PackageMissing, BlobStoreError, QueueStoreError].some((type) => cause instanceof type)) return true;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return typeof code === "number" || /^(E(?!RR_)|ERR_DLOPEN_FAILED)/.test(String(code));
}

function watchStores(
  { documentCache, blobStore, queueStore }: OpenStores,
  { clock, log, watchIntervalMs = limits.storeWatchIntervalMs }: StoresDependencies,
) {
  const watch = (name: string, ping: (signal: AbortSignal) => Promise<void>): StoreWatch =>
    watchStore({
      name,
      ping,
      intervalMs: watchIntervalMs,
      timeoutMs: limits.storeWatchTimeoutMs,
      now: clock.now,
      log,
    });
  return {
    documentCache: documentCache && watch("document cache", () => readWatched(documentCache)),
    blobStore: blobStore && watch("blob store", (signal) => blobStore.ping({ signal })),
    queueStore: queueStore && watch("queue store", () => queueStore.ping()),
  };
}

async function readWatched(cache: DocumentCache): Promise<void> {
  try {
    await cache.get(WATCH_SET, ["watch"], []);
  } catch (error) {
    // A loss that the cache itself has noticed is in its own health, with its own line in the log.
    if (cache.health().state === "up") throw error;
  }
}

function cacheState(cache: DocumentCache | undefined, watch: StoreWatch | undefined): StoreState {
  const health = cache?.health();
  return health?.state === "down"
    ? { lost: { since: health.since, detail: health.reason ?? "it does not answer" } }
    : (watch?.state() ?? {});
}

function reported(
  config: DocumentCacheConfig | BlobStoreConfig | QueueStoreConfig,
  state: () => StoreState,
): ReportedStore {
  if (config.kind === "off") return { adapter: "none", detail: config.detail };
  return { adapter: adapterOf(config), location: locationOf(config) ?? "", state };
}

/** Remembers the last loss, which the cache forgets once it is back. */
function aerospikeReport(
  config: DocumentCacheConfig,
  cache: DocumentCache | undefined,
): ReportedStores["aerospike"] {
  if (config.kind !== "aerospike" || cache === undefined) return () => ({ connected: false, generation: 0 });
  let lastLoss = cache.health().reason;
  cache.onEvent((event) => {
    if (event.kind === "lost") lastLoss = event.reason;
  });
  return () => {
    const { state, connection } = cache.health();
    return {
      connected: state === "up",
      generation: connection,
      ...(lastLoss === undefined ? {} : { last_error: lastLoss }),
    };
  };
}

async function closeAll(stores: readonly { close(): Promise<void> }[], log: Log): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), limits.storeCloseTimeoutMs);
  });
  const ending = Promise.allSettled(stores.map((store) => store.close()));
  const ended = await Promise.race([ending, late]);
  clearTimeout(timer);
  if (ended === "late")
    return log.warn({ timeout_ms: limits.storeCloseTimeoutMs }, "a store did not close in time");
  for (const outcome of ended)
    if (outcome.status === "rejected") log.warn({ err: outcome.reason }, "a store did not close");
}
