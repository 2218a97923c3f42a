/**
 * Every metric of the gateway as data: the registry behind `/metrics`, the types of whoever records, and
 * `docs/observability.md` are all made from this table, so none of them can name a metric that the others do not.
 */

import { cacheMetrics } from "./metric-tables/cache.js";
import type { MetricTable } from "./metric-tables/definition.js";
import { fetchMetrics } from "./metric-tables/fetch.js";
import { queryMetrics } from "./metric-tables/query.js";
import { saturationMetrics } from "./metric-tables/saturation.js";
import { storageMetrics } from "./metric-tables/storage.js";
import { upsertMetrics } from "./metric-tables/upsert.js";

export const metricCatalogue = {
  ...queryMetrics,
  ...upsertMetrics,
  ...fetchMetrics,
  ...cacheMetrics,
  ...storageMetrics,
  ...saturationMetrics,
} as const satisfies MetricTable;

export type MetricName = keyof typeof metricCatalogue;

type Named<Kind> = {
  [Name in MetricName]: (typeof metricCatalogue)[Name]["kind"] extends Kind ? Name : never;
}[MetricName];

export type CounterName = Named<"counter">;
export type GaugeName = Named<"gauge">;
export type HistogramName = Named<"histogram">;

/** A value for each label of a metric. */
export type LabelsOf<Name extends MetricName> = Readonly<
  Record<(typeof metricCatalogue)[Name]["labels"][number], string>
>;
