/** The document cache as reads and writes use it. */

import { CLOSE_SECONDS, type MetricTable } from "./definition.js";

const PAYLOAD_BYTES = [256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216] as const;

export const cacheMetrics = {
  layer_cache_lookups_total: {
    kind: "counter",
    family: "cache",
    unit: "documents",
    labels: ["set", "namespace", "result"],
    description:
      "Documents looked up in the cache (the set `documents`): `hit`, `miss`, or `error` when the cache failed or its breaker was open",
    alert: {
      summary: "fewer than half of the lookups hit",
      expr: 'sum by (namespace) (rate(layer_cache_lookups_total{result="hit"}[15m])) < 0.5 * sum by (namespace) (rate(layer_cache_lookups_total[15m]))',
      for: "1h",
    },
  },
  layer_cache_lookup_duration_seconds: {
    kind: "histogram",
    family: "cache",
    unit: "seconds",
    labels: ["result"],
    buckets: CLOSE_SECONDS,
    description: "One call of the cache that looks documents up: `ok` or `error`",
    alert: {
      summary: "lookups come close to their limit of 200 ms",
      expr: "histogram_quantile(0.99, sum by (le) (rate(layer_cache_lookup_duration_seconds_bucket[5m]))) > 0.1",
      for: "10m",
    },
  },
  layer_cache_backfills_total: {
    kind: "counter",
    family: "cache",
    unit: "documents",
    labels: ["namespace", "result"],
    description:
      "Documents read upstream and put into the cache: `stored`, `conflict` (a write touched it meanwhile), `uncacheable`, `error`",
    alert: {
      summary: "backfills fail, so that every read of these documents goes upstream",
      expr: 'sum(rate(layer_cache_backfills_total{result="error"}[5m])) > 0.05 * sum(rate(layer_cache_backfills_total[5m]))',
      for: "10m",
    },
  },
  layer_cache_backfill_duration_seconds: {
    kind: "histogram",
    family: "cache",
    unit: "seconds",
    labels: ["result"],
    buckets: CLOSE_SECONDS,
    description: "One call of the cache that backfills documents: `ok` or `error`",
    alert: {
      summary: "backfills come close to their limit of 200 ms",
      expr: "histogram_quantile(0.99, sum by (le) (rate(layer_cache_backfill_duration_seconds_bucket[5m]))) > 0.1",
      for: "10m",
    },
  },
  layer_cache_payload_bytes: {
    kind: "histogram",
    family: "cache",
    unit: "bytes",
    labels: ["part"],
    buckets: PAYLOAD_BYTES,
    description: "Size of a document put into the cache: its `attributes`, and its `vector` where it has one",
    alert: {
      summary: "documents come close to the 1 MiB that the cache takes",
      expr: "histogram_quantile(0.99, sum by (le) (rate(layer_cache_payload_bytes_bucket[1h]))) > 5e5",
      for: "1h",
    },
  },
  hevlayer_cache_demand_total: {
    kind: "counter",
    family: "cache",
    unit: "documents",
    labels: ["namespace"],
    description: "Documents that callers asked for by id",
    alert: {
      summary: "a namespace is in demand whose cache has never been warmed",
      expr: 'sum by (namespace) (rate(hevlayer_cache_demand_total[15m])) > 100 and on (namespace) max by (namespace) (hevlayer_cache_state{state="cold"}) == 1',
      for: "1h",
    },
  },
  hevlayer_cache_state: {
    kind: "gauge",
    family: "cache",
    unit: "1 or 0",
    labels: ["namespace", "store_kind", "state"],
    aggregator: "max",
    description:
      "1 for how warm the cache is for a watched namespace, 0 for the others: `cold`, `warming`, `warm`; `store_kind` is what stands behind the gateway, `engine` or `turbopuffer`",
    alert: {
      summary: "warming a namespace does not come to an end",
      expr: 'hevlayer_cache_state{state="warming"} == 1',
      for: "1h",
    },
  },
  hevlayer_document_cache_cold_starts_total: {
    kind: "counter",
    family: "cache",
    unit: "times",
    labels: [],
    description:
      "Times that the document cache was found empty after it had been lost, or was begun anew because its files were damaged",
    alert: {
      summary: "the document cache has lost what it held",
      expr: "increase(hevlayer_document_cache_cold_starts_total[15m]) > 0",
      for: "0m",
    },
  },
  hevlayer_cache_cold_responses_total: {
    kind: "counter",
    family: "cache",
    unit: "requests",
    labels: ["namespace"],
    description: "Requests answered 503 `cache_cold`: they need the cache, and it is not there",
    alert: {
      summary: "callers are refused for want of the cache",
      expr: "sum(rate(hevlayer_cache_cold_responses_total[5m])) > 0",
      for: "5m",
    },
  },
} as const satisfies MetricTable;
