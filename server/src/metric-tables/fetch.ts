/** Reads of documents by id. */

import { BATCH_SIZES, type MetricTable, REQUEST_SECONDS } from "./definition.js";

export const fetchMetrics = {
  layer_fetch_duration_seconds: {
    kind: "histogram",
    family: "fetch",
    unit: "seconds",
    labels: ["operation", "namespace", "cache_result"],
    buckets: REQUEST_SECONDS,
    description:
      "A fetch, by operation and by where its answer came from: `hit`, `miss`, `miss-on-error` (the cache failed), or `none` when there was no answer",
    alert: {
      summary: "the slowest hundredth of fetches that hit the cache takes more than 50 ms",
      expr: 'histogram_quantile(0.99, sum by (le) (rate(layer_fetch_duration_seconds_bucket{cache_result="hit"}[5m]))) > 0.05',
      for: "10m",
    },
  },
  layer_fetch_batch_size: {
    kind: "histogram",
    family: "fetch",
    unit: "ids",
    labels: ["namespace"],
    buckets: BATCH_SIZES,
    description: "Ids of a batch fetch",
    alert: {
      summary: "batch fetches are nearly always close to the limit of 10,000 ids",
      expr: "histogram_quantile(0.5, sum by (le) (rate(layer_fetch_batch_size_bucket[1h]))) > 5000",
      for: "1h",
    },
  },
} as const satisfies MetricTable;
