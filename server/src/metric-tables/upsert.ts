/** Writes. */

import {
  BATCH_SIZES,
  CLOSE_SECONDS,
  type MetricTable,
  REQUEST_LABELS,
  REQUEST_SECONDS,
} from "./definition.js";

export const upsertMetrics = {
  layer_upsert_duration_seconds: {
    kind: "histogram",
    family: "upsert",
    unit: "seconds",
    labels: REQUEST_LABELS,
    buckets: REQUEST_SECONDS,
    description: "A write of any kind, from its first byte to the last of its answer",
    alert: {
      summary: "the slowest twentieth of writes takes more than 5 s",
      expr: "histogram_quantile(0.95, sum by (le) (rate(layer_upsert_duration_seconds_bucket[5m]))) > 5",
      for: "10m",
    },
  },
  layer_upsert_tpuf_seconds: {
    kind: "histogram",
    family: "upsert",
    unit: "seconds",
    labels: REQUEST_LABELS,
    buckets: REQUEST_SECONDS,
    description: "The part of a write during which upstream's call was open",
    alert: {
      summary: "upstream takes more than 3 s for the slowest twentieth of writes",
      expr: "histogram_quantile(0.95, sum by (le) (rate(layer_upsert_tpuf_seconds_bucket[5m]))) > 3",
      for: "10m",
    },
  },
  layer_upsert_overhead_seconds: {
    kind: "histogram",
    family: "upsert",
    unit: "seconds",
    labels: REQUEST_LABELS,
    buckets: CLOSE_SECONDS,
    description: "The rest of a write: reading its body, stamping it, keeping the cache in step",
    alert: {
      summary: "the gateway itself adds more than 1 s to the slowest twentieth of writes",
      expr: "histogram_quantile(0.95, sum by (le) (rate(layer_upsert_overhead_seconds_bucket[5m]))) > 1",
      for: "10m",
    },
  },
  layer_upsert_batch_size: {
    kind: "histogram",
    family: "upsert",
    unit: "rows",
    labels: ["namespace"],
    buckets: BATCH_SIZES,
    description: "Rows that a write stamps, in rows or in columns; the patch of a filter counts as one",
    alert: {
      summary: "writers send single rows, which upstream takes far slower than batches",
      expr: "histogram_quantile(0.9, sum by (le, namespace) (rate(layer_upsert_batch_size_bucket[30m]))) <= 1 and sum by (namespace) (rate(layer_upsert_batch_size_count[30m])) > 10",
      for: "30m",
    },
  },
  hevlayer_tpuf_billable_bytes_written_total: {
    kind: "counter",
    family: "upsert",
    unit: "bytes",
    labels: ["namespace"],
    description: "Bytes that upstream bills as written, as its answers say",
    alert: {
      summary: "writes are billed for more than 100 GB an hour",
      expr: "sum(increase(hevlayer_tpuf_billable_bytes_written_total[1h])) > 1e11",
      for: "1h",
    },
  },
  hevlayer_tpuf_logical_bytes: {
    kind: "gauge",
    family: "upsert",
    unit: "bytes",
    labels: ["namespace"],
    aggregator: "max",
    description: "Size of a namespace as upstream's metadata last said it",
    alert: {
      summary: "a namespace has doubled within a day",
      expr: "hevlayer_tpuf_logical_bytes > 2 * (hevlayer_tpuf_logical_bytes offset 1d) and hevlayer_tpuf_logical_bytes > 1e9",
      for: "1h",
    },
  },
} as const satisfies MetricTable;
