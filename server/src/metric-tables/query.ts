/** Queries, metadata, listings, and the watermark that stable reads are held to. */

import { CLOSE_SECONDS, type MetricTable, REQUEST_LABELS, REQUEST_SECONDS } from "./definition.js";

const LEGS = [1, 2, 3, 4, 6, 8, 12, 16] as const;

export const queryMetrics = {
  layer_query_duration_seconds: {
    kind: "histogram",
    family: "query",
    unit: "seconds",
    labels: REQUEST_LABELS,
    buckets: REQUEST_SECONDS,
    description: "A query of any form, from its first byte to the last of its answer",
    alert: {
      summary: "the slowest hundredth of queries takes more than 2 s",
      expr: "histogram_quantile(0.99, sum by (le) (rate(layer_query_duration_seconds_bucket[5m]))) > 2",
      for: "10m",
    },
  },
  layer_query_tpuf_seconds: {
    kind: "histogram",
    family: "query",
    unit: "seconds",
    labels: REQUEST_LABELS,
    buckets: REQUEST_SECONDS,
    description: "The part of a query during which at least one call of upstream was open",
    alert: {
      summary: "upstream takes more than 1 s for the slowest twentieth of queries",
      expr: "histogram_quantile(0.95, sum by (le) (rate(layer_query_tpuf_seconds_bucket[5m]))) > 1",
      for: "10m",
    },
  },
  layer_query_overhead_seconds: {
    kind: "histogram",
    family: "query",
    unit: "seconds",
    labels: REQUEST_LABELS,
    buckets: CLOSE_SECONDS,
    description: "The rest of a query: the gateway's own time, and the caller's in sending and receiving",
    alert: {
      summary: "the gateway itself adds more than 50 ms to the slowest hundredth of queries",
      expr: "histogram_quantile(0.99, sum by (le) (rate(layer_query_overhead_seconds_bucket[5m]))) > 0.05",
      for: "10m",
    },
  },
  layer_query_shape_total: {
    kind: "counter",
    family: "query",
    unit: "queries",
    labels: ["namespace", "shape"],
    description:
      "Queries by form: `native`, `vector`, `nearest_to_id`, `batch`, or `raw` for upstream's own query route",
    alert: {
      summary: "a fifth of all queries goes past stable reads by the raw route",
      expr: 'sum(rate(layer_query_shape_total{shape="raw"}[1h])) > 0.2 * sum(rate(layer_query_shape_total[1h]))',
      for: "1h",
    },
  },
  layer_stable_reads_total: {
    kind: "counter",
    family: "query",
    unit: "queries",
    labels: ["namespace", "treatment"],
    description:
      "Queries by what stable reads made of them: `none` (no watermark is known), `plain` (the index is caught up), `filtered` (held to the watermark), `retried` (held to it after upstream answered 429)",
    alert: {
      summary: "more than half of the queries have been held to an old watermark for half an hour",
      expr: 'sum by (namespace) (rate(layer_stable_reads_total{treatment="filtered"}[10m])) > 0.5 * sum by (namespace) (rate(layer_stable_reads_total[10m]))',
      for: "30m",
    },
  },
  hevlayer_multi_query_total: {
    kind: "counter",
    family: "query",
    unit: "requests",
    labels: ["namespace", "status"],
    description: "Batch queries",
    alert: {
      summary: "one batch query in twenty fails",
      expr: 'sum(rate(hevlayer_multi_query_total{status=~"5.."}[5m])) > 0.05 * sum(rate(hevlayer_multi_query_total[5m]))',
      for: "10m",
    },
  },
  hevlayer_multi_query_legs: {
    kind: "histogram",
    family: "query",
    unit: "legs",
    labels: ["namespace"],
    buckets: LEGS,
    description: "Legs of a batch query",
    alert: {
      summary: "batches are nearly always at the limit of 16 legs",
      expr: "histogram_quantile(0.5, sum by (le) (rate(hevlayer_multi_query_legs_bucket[1h]))) > 12",
      for: "1h",
    },
  },
  hevlayer_multi_query_upstream_calls: {
    kind: "histogram",
    family: "query",
    unit: "calls",
    labels: ["namespace"],
    buckets: LEGS,
    description: "Calls of upstream that a batch query took, reads of seed vectors among them",
    alert: {
      summary: "a batch query takes more than four calls of upstream on average",
      expr: "sum(rate(hevlayer_multi_query_upstream_calls_sum[10m])) / sum(rate(hevlayer_multi_query_upstream_calls_count[10m])) > 4",
      for: "30m",
    },
  },
  hevlayer_tpuf_billable_bytes_queried_total: {
    kind: "counter",
    family: "query",
    unit: "bytes",
    labels: ["namespace"],
    description: "Bytes that upstream bills as queried, as its answers say",
    alert: {
      summary: "queries are billed for more than 1 TB an hour",
      expr: "sum(increase(hevlayer_tpuf_billable_bytes_queried_total[1h])) > 1e12",
      for: "1h",
    },
  },
  hevlayer_tpuf_billable_bytes_returned_total: {
    kind: "counter",
    family: "query",
    unit: "bytes",
    labels: ["namespace"],
    description: "Bytes that upstream bills as returned, as its answers say",
    alert: {
      summary: "queries return more than 100 GB an hour",
      expr: "sum(increase(hevlayer_tpuf_billable_bytes_returned_total[1h])) > 1e11",
      for: "1h",
    },
  },
  hevlayer_tpuf_billing_unread_total: {
    kind: "counter",
    family: "query",
    unit: "answers",
    labels: [],
    description:
      "Answers whose billing was not counted, because they were compressed and very large, or in an encoding unknown here",
    alert: {
      summary: "the counts of billed bytes miss one answer in ten",
      expr: "sum(rate(hevlayer_tpuf_billing_unread_total[1h])) > 0.1 * sum(rate(layer_upstream_calls_total[1h]))",
      for: "1h",
    },
  },
  layer_head_duration_seconds: {
    kind: "histogram",
    family: "query",
    unit: "seconds",
    labels: REQUEST_LABELS,
    buckets: REQUEST_SECONDS,
    description: "A read of a namespace's metadata or schema",
    alert: {
      summary: "metadata takes more than 1 s for the slowest twentieth of its readers",
      expr: "histogram_quantile(0.95, sum by (le) (rate(layer_head_duration_seconds_bucket[5m]))) > 1",
      for: "10m",
    },
  },
  layer_list_duration_seconds: {
    kind: "histogram",
    family: "query",
    unit: "seconds",
    labels: REQUEST_LABELS,
    buckets: REQUEST_SECONDS,
    description: "A listing of namespaces; its namespace is empty",
    alert: {
      summary: "a listing takes more than 5 s for the slowest twentieth of its readers",
      expr: "histogram_quantile(0.95, sum by (le) (rate(layer_list_duration_seconds_bucket[5m]))) > 5",
      for: "10m",
    },
  },
  layer_watermark_lag_seconds: {
    kind: "gauge",
    family: "query",
    unit: "seconds",
    labels: ["namespace"],
    aggregator: "max",
    description:
      "How far a namespace's watermark is behind the clock, while its index is catching up or its state is unknown; 0 while it is caught up",
    alert: {
      summary: "reads of a namespace show a cut that is more than five minutes old",
      expr: "layer_watermark_lag_seconds > 300",
      for: "5m",
    },
  },
  layer_watched_namespaces: {
    kind: "gauge",
    family: "query",
    unit: "namespaces",
    labels: ["status"],
    aggregator: "max",
    description:
      "Namespaces whose index is watched, by what the last poll said: `stable`, `updating`, `unknown`",
    alert: {
      summary: "the index state of most namespaces is unknown, so reads of them are not held stable",
      expr: 'sum(layer_watched_namespaces{status="unknown"}) > 0.5 * sum(layer_watched_namespaces)',
      for: "10m",
    },
  },
} as const satisfies MetricTable;
