/** Calls of what stands behind the ports, and whether it answers. */

import { CLOSE_SECONDS, type MetricTable } from "./definition.js";

export const storageMetrics = {
  layer_aerospike_op_duration_seconds: {
    kind: "histogram",
    family: "storage",
    unit: "seconds",
    labels: ["op", "status"],
    buckets: CLOSE_SECONDS,
    description:
      "One call of the document cache in Aerospike: `ok`, or `error` when it was refused or failed",
    alert: {
      summary: "Aerospike fails one call in a hundred",
      expr: 'sum(rate(layer_aerospike_op_duration_seconds_count{status="error"}[5m])) > 0.01 * sum(rate(layer_aerospike_op_duration_seconds_count[5m]))',
      for: "5m",
    },
  },
  layer_s3_op_duration_seconds: {
    kind: "histogram",
    family: "storage",
    unit: "seconds",
    labels: ["op", "status"],
    buckets: CLOSE_SECONDS,
    description:
      "One call of the blob store in S3: `ok`, `conflict` when a conditional write lost its race, `error` otherwise",
    alert: {
      summary: "S3 fails one call in twenty",
      expr: 'sum(rate(layer_s3_op_duration_seconds_count{status="error"}[5m])) > 0.05 * sum(rate(layer_s3_op_duration_seconds_count[5m]))',
      for: "5m",
    },
  },
  layer_pg_query_duration_seconds: {
    kind: "histogram",
    family: "storage",
    unit: "seconds",
    labels: ["op", "status"],
    buckets: CLOSE_SECONDS,
    description: "One call of the queue store in PostgreSQL: `ok` or `error`",
    alert: {
      summary: "PostgreSQL takes more than 1 s for the slowest twentieth of calls",
      expr: "histogram_quantile(0.95, sum by (le) (rate(layer_pg_query_duration_seconds_bucket[5m]))) > 1",
      for: "10m",
    },
  },
  layer_lmdb_op_duration_seconds: {
    kind: "histogram",
    family: "storage",
    unit: "seconds",
    labels: ["store", "op", "status"],
    buckets: CLOSE_SECONDS,
    description:
      "One call of an embedded store (`document_cache`, `blob_store`, `queue_store`): `ok`, `conflict`, `error`",
    alert: {
      summary: "the disk under the embedded stores takes more than 250 ms for the slowest twentieth of calls",
      expr: "histogram_quantile(0.95, sum by (le, store) (rate(layer_lmdb_op_duration_seconds_bucket[5m]))) > 0.25",
      for: "10m",
    },
  },
  layer_upstream_calls_total: {
    kind: "counter",
    family: "storage",
    unit: "calls",
    labels: ["effect", "outcome"],
    description:
      "Calls of upstream, `read` or `write`, by outcome: `ok`, `throttled` (429), `refused` (another 4xx), `failed` (5xx), `unreachable` (no answer, and a write was surely not applied), `unknown` (a write whose answer never came), `cancelled` (the caller left)",
    alert: {
      summary: "upstream cannot be reached for one call in a hundred",
      expr: 'sum(rate(layer_upstream_calls_total{outcome=~"failed|unreachable|unknown"}[5m])) > 0.01 * sum(rate(layer_upstream_calls_total[5m]))',
      for: "5m",
    },
  },
  layer_dependency_up: {
    kind: "gauge",
    family: "storage",
    unit: "1 or 0",
    labels: ["dependency", "adapter"],
    aggregator: "min",
    description:
      "1 while a dependency answers, 0 while it does not: `upstream`, `document_cache`, `blob_store`, `queue_store`; nothing for one that is off",
    alert: {
      summary: "a dependency does not answer; docs/failure-modes.md says what that means",
      expr: "layer_dependency_up == 0",
      for: "1m",
    },
  },
  layer_pg_pool_connections: {
    kind: "gauge",
    family: "storage",
    unit: "connections",
    labels: ["pool", "state"],
    description:
      "PostgreSQL connections of the pools `data` and `control`: `idle`, `busy`, and calls `waiting` for one",
    alert: {
      summary: "calls have been waiting for a PostgreSQL connection",
      expr: 'min_over_time(layer_pg_pool_connections{state="waiting"}[5m]) > 0',
      for: "5m",
    },
  },
} as const satisfies MetricTable;
