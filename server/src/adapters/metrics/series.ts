/**
 * Recorded series as values: one process gives them to another, and names are taken out of them. Histograms and counters of
 * series that become the same are added up; gauges go by their aggregator.
 */

import {
  AggregatorRegistry,
  type MetricObjectWithValues,
  type MetricValue,
  type MetricValueWithName,
  type Registry,
} from "prom-client";

/** What `Registry.getMetricsAsJSON()` gives: plain data. */
export type Series = readonly MetricObjectWithValues<SeriesValue>[];

/** One value with its labels; of a histogram with the name of its part. */
export type SeriesValue = MetricValue<string> | MetricValueWithName<string>;

/** The label whose values are names of namespaces. */
export const NAME_LABEL = "namespace";

/** One registry out of many recordings; series with the same labels become one. */
export function joined(recordings: readonly Series[]): Registry {
  return AggregatorRegistry.aggregate(recordings as object[]);
}

/** The same series without the names that `shows` refuses. */
export function withoutNames(series: Series, shows: (namespace: string) => boolean): Series {
  return series.map((metric) => ({ ...metric, values: metric.values.map((value) => unnamed(value, shows)) }));
}

function unnamed(value: SeriesValue, shows: (namespace: string) => boolean): SeriesValue {
  const { [NAME_LABEL]: name, ...labels } = value.labels;
  return name === undefined || name === "" || shows(String(name)) ? value : { ...value, labels };
}
