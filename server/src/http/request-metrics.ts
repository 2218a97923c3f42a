/** What a request that is over adds to the metrics. */

import type { routes } from "../generated/routes.js";
import type { Metrics } from "../metrics.js";
import type { RequestState } from "./request-state.js";

/** The series of a family that has them for whole requests, for upstream's part and for ours. */
type Timed = "query" | "upsert" | "head" | "list" | "fetch";

const timed: Readonly<Partial<Record<keyof typeof routes, Timed>>> = {
  queryNamespace: "query",
  queryTurbopufferNamespace: "query",
  writeNamespace: "upsert",
  getNamespaceMetadata: "head",
  getTurbopufferV1NamespaceMetadata: "head",
  getTurbopufferNamespaceSchema: "head",
  listNamespaces: "list",
  listTurbopufferNamespaces: "list",
  fetchDocument: "fetch",
  fetchDocuments: "fetch",
};

/** Traffic that no pipeline sends carries this label, which the contract fixes to be one value. */
const DIRECT = "direct";

/** A request that is over. */
export interface EndedRequest {
  readonly state: RequestState;
  /** Status of the answer; `aborted` when the caller left before it was out. */
  readonly status: string;
  /** Monotonic, ms. */
  readonly endedAt: number;
}

export function recordRequest(metrics: Metrics, ended: EndedRequest): void {
  const { state, status } = ended;
  const { operationId, namespace = "", errorCode } = state;
  metrics.add("layer_requests_total", { operation: operationId ?? "none", status });
  if (errorCode !== undefined) metrics.add("layer_refusals_total", { code: errorCode });
  if (errorCode === "cache_cold") metrics.add("hevlayer_cache_cold_responses_total", { namespace });
  const family = timed[operationId as keyof typeof routes];
  if (family === undefined) return;
  // Only upstream knows which namespaces exist, and anyone may name one.
  if (namespace !== "" && status.startsWith("2")) metrics.admit(namespace);
  const durationMs = ended.endedAt - state.startedAt;
  switch (family) {
    case "fetch":
      recordFetch(metrics, operationId as "fetchDocument" | "fetchDocuments", ended, durationMs);
      break;
    case "query":
      recordParts(metrics, "query", ended, durationMs);
      recordQuery(metrics, ended);
      break;
    case "upsert":
      recordParts(metrics, "upsert", ended, durationMs);
      if (state.notes.rows !== undefined)
        metrics.observe("layer_upsert_batch_size", { namespace }, state.notes.rows);
      break;
    default:
      metrics.observe(
        `layer_${family}_duration_seconds`,
        { pipeline_id: DIRECT, namespace, status },
        durationMs / 1_000,
      );
  }
}

function recordParts(
  metrics: Metrics,
  family: "query" | "upsert",
  { state, status, endedAt }: EndedRequest,
  durationMs: number,
): void {
  const labels = { pipeline_id: DIRECT, namespace: state.namespace ?? "", status };
  const upstreamMs = state.notes.upstreamMs(endedAt);
  metrics.observe(`layer_${family}_duration_seconds`, labels, durationMs / 1_000);
  metrics.observe(`layer_${family}_overhead_seconds`, labels, (durationMs - upstreamMs) / 1_000);
  if (state.notes.upstreamCalls > 0)
    metrics.observe(`layer_${family}_tpuf_seconds`, labels, upstreamMs / 1_000);
}

function recordQuery(metrics: Metrics, { state, status }: EndedRequest): void {
  const { namespace = "", operationId, notes, stableAsOf } = state;
  const shape = operationId === "queryTurbopufferNamespace" ? "raw" : notes.shape;
  if (shape !== undefined) metrics.add("layer_query_shape_total", { namespace, shape });
  if (shape !== "raw" && status.startsWith("2")) {
    const treatment = notes.retried
      ? "retried"
      : notes.stableFilter
        ? "filtered"
        : stableAsOf === undefined
          ? "none"
          : "plain";
    metrics.add("layer_stable_reads_total", { namespace, treatment });
  }
  if (shape !== "batch") return;
  metrics.add("hevlayer_multi_query_total", { namespace, status });
  if (notes.legs !== undefined) metrics.observe("hevlayer_multi_query_legs", { namespace }, notes.legs);
  metrics.observe("hevlayer_multi_query_upstream_calls", { namespace }, notes.upstreamCalls);
}

function recordFetch(
  metrics: Metrics,
  operation: "fetchDocument" | "fetchDocuments",
  { state }: EndedRequest,
  durationMs: number,
): void {
  const { namespace = "", cache = "none", notes } = state;
  metrics.observe(
    "layer_fetch_duration_seconds",
    { operation, namespace, cache_result: cache },
    durationMs / 1_000,
  );
  if (operation === "fetchDocument") metrics.add("hevlayer_cache_demand_total", { namespace });
  else if (notes.rows !== undefined) {
    metrics.add("hevlayer_cache_demand_total", { namespace }, notes.rows);
    metrics.observe("layer_fetch_batch_size", { namespace }, notes.rows);
  }
}
