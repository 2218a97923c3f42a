/**
 * Puts measuring wrappers around what stands behind the ports, and says which gauges are read from where. Part of the
 * composition root: it knows every adapter's name and nothing of what is measured.
 */

import { type CallObserver, type EndedCall, observeCalls } from "./adapters/observed-calls.js";
import type { Clock } from "./clock.js";
import type { ReplicaState } from "./domain/consistency/replica.js";
import type { Domain } from "./domain/create-domain.js";
import type { ReportedStore } from "./domain/health/health.js";
import type { StoreState } from "./domain/health/store-watch.js";
import type { BodyBudget } from "./http/body-budget.js";
import type { DrainState } from "./http/drain.js";
import type { Metrics } from "./metrics.js";
import type { BlobStore } from "./ports/blob-store.js";
import type { CacheWrite, DocumentCache } from "./ports/document-cache.js";
import type { QueueStore } from "./ports/queue-store.js";
import { adapterOf, type StoresConfig } from "./store-config.js";

export interface OpenPorts {
  readonly documentCache: DocumentCache | undefined;
  readonly blobStore: BlobStore | undefined;
  readonly queueStore: QueueStore | undefined;
}

/** The same stores, their calls timed under the metric of the adapter that stands there. */
export function observeStores(
  { documentCache, blobStore, queueStore }: OpenPorts,
  config: StoresConfig,
  metrics: Metrics,
  clock: Pick<Clock, "monotonic">,
): OpenPorts {
  const observer = (adapter: string, store: string) => observerOf(adapter, store, metrics, clock);
  return {
    documentCache:
      documentCache &&
      observeCalls(
        documentCache,
        ["get", "put", "mergeIfPresent", "delete", "ensureEpoch", "changeEpoch", "scan"],
        measuringPayloads(observer(adapterOf(config.documentCache), "document_cache"), metrics),
      ),
    blobStore:
      blobStore &&
      observeCalls(
        blobStore,
        ["get", "putIfAbsent", "putIfMatch", "delete", "list"],
        observer(adapterOf(config.blobStore), "blob_store"),
      ),
    queueStore:
      queueStore &&
      observeCalls(
        queueStore,
        ["create", "describe", "list", "purge", "enqueue", "claim", "heartbeat", "move", "get", "counts"],
        observer(adapterOf(config.queueStore), "queue_store"),
      ),
  };
}

/** The same observer, which also measures the documents that are put. */
function measuringPayloads(observer: CallObserver, metrics: Metrics): CallObserver {
  return {
    ...observer,
    begun(operation, args) {
      observer.begun?.(operation, args);
      if (operation !== "put") return;
      for (const { attributes, vector } of args[1] as readonly CacheWrite[]) {
        if (attributes)
          metrics.observe("layer_cache_payload_bytes", { part: "attributes" }, attributes.byteLength);
        if (vector) metrics.observe("layer_cache_payload_bytes", { part: "vector" }, vector.byteLength);
      }
    },
  };
}

function observerOf(
  adapter: string,
  store: string,
  metrics: Metrics,
  clock: Pick<Clock, "monotonic">,
): CallObserver {
  switch (adapter) {
    case "aerospike": {
      let open = 0;
      metrics.watch("layer_aerospike_inflight", () => [{ labels: {}, value: open }]);
      return {
        clock,
        begun: () => open++,
        ended: (call) => {
          open--;
          metrics.observe("layer_aerospike_op_duration_seconds", labelsOf(call), call.seconds);
        },
      };
    }
    case "s3":
      return {
        clock,
        ended: (call) => metrics.observe("layer_s3_op_duration_seconds", labelsOf(call), call.seconds),
      };
    case "postgresql":
      return {
        clock,
        ended: (call) => metrics.observe("layer_pg_query_duration_seconds", labelsOf(call), call.seconds),
      };
    default:
      return {
        clock,
        ended: (call) =>
          metrics.observe("layer_lmdb_op_duration_seconds", { store, ...labelsOf(call) }, call.seconds),
      };
  }
}

function labelsOf({ operation, status }: EndedCall) {
  return { op: operation, status };
}

export interface WatchedParts {
  readonly drain: Pick<DrainState, "inFlight">;
  readonly budget: BodyBudget;
  readonly upstream: { readonly adapter: string; readonly state: () => StoreState };
  readonly stores: Readonly<Record<"document_cache" | "blob_store" | "queue_store", ReportedStore>>;
}

/** Gauges that are read when somebody looks. */
export function watchParts(metrics: Metrics, { drain, budget, upstream, stores }: WatchedParts): void {
  metrics.watch("layer_requests_inflight", () => [{ labels: {}, value: drain.inFlight }]);
  metrics.watch("layer_body_bytes_inflight", () => [{ labels: {}, value: budget.inFlightBytes }]);
  metrics.watch("layer_body_budget_bytes", () => [{ labels: {}, value: budget.limitBytes }]);
  metrics.watch("layer_dependency_up", () => [
    isUp("upstream", upstream.adapter, upstream.state()),
    ...Object.entries(stores).flatMap(([dependency, store]) =>
      "state" in store ? [isUp(dependency, store.adapter, store.state())] : [],
    ),
  ]);
  const cache = stores.document_cache;
  if (cache.adapter !== "aerospike" || !("state" in cache)) return;
  metrics.watch("layer_aerospike_connection_state", () => {
    const isDown = cache.state().lost !== undefined;
    return [
      { labels: { state: "up" }, value: isDown ? 0 : 1 },
      { labels: { state: "down" }, value: isDown ? 1 : 0 },
    ];
  });
}

const cacheStates = ["cold", "warming", "warm"] as const;
const replicaStates = ["sole", "shared", "degraded", "refusing"] as const;

/** What the domain knows of each namespace and of this replica, and what happens to the cache. */
export function watchDomain(
  metrics: Metrics,
  { consistency: { watcher, replica }, jobs }: Pick<Domain, "consistency" | "jobs">,
  { documentCache, storeKind }: { documentCache: DocumentCache | undefined; storeKind: string },
): void {
  metrics.watch("layer_watermark_lag_seconds", () =>
    [...watcher.snapshot()].flatMap(({ namespace, status, lagMs }) =>
      lagMs === undefined ? [] : [{ labels: { namespace }, value: status === "stable" ? 0 : lagMs / 1_000 }],
    ),
  );
  metrics.watch("layer_watched_namespaces", () => {
    const counts = { stable: 0, updating: 0, unknown: 0 };
    for (const { status } of watcher.snapshot()) counts[status]++;
    return Object.entries(counts).map(([status, value]) => ({ labels: { status }, value }));
  });
  metrics.watch("layer_replica_state", () => oneOf(replicaStates, stateOf(replica.state())));
  if (documentCache === undefined) return;
  metrics.watch("hevlayer_cache_state", async () => {
    const watched = [...watcher.snapshot()].slice(0, CACHE_STATES_MAX);
    const states = await Promise.all(
      watched.map(async ({ namespace }) => {
        const { state } = await jobs.cacheStates.stateOf(namespace);
        return oneOf(cacheStates, state, { namespace, store_kind: storeKind });
      }),
    );
    return states.flat();
  });
  metrics.add("hevlayer_document_cache_cold_starts_total", {}, 0);
  documentCache.onEvent((event) => {
    if (event.kind === "rebuilt" || (event.kind === "restored" && event.emptied))
      metrics.add("hevlayer_document_cache_cold_starts_total", {});
  });
}

/** Namespaces that a scrape asks the cache about: no more than are told apart (chosen). */
const CACHE_STATES_MAX = 100;

function stateOf({ kind, acceptsWrites, lost }: ReplicaState): (typeof replicaStates)[number] {
  if (kind === "sole") return "sole";
  if (lost === undefined) return "shared";
  return acceptsWrites ? "degraded" : "refusing";
}

/** 1 for the state that holds, 0 for the others. */
function oneOf<State extends string, Labels extends object>(
  states: readonly State[],
  held: string,
  labels: Labels = {} as Labels,
) {
  return states.map((state) => ({ labels: { ...labels, state }, value: state === held ? 1 : 0 }));
}

function isUp(dependency: string, adapter: string, { lost }: StoreState) {
  return { labels: { dependency, adapter }, value: lost === undefined ? 1 : 0 };
}
