/**
 * Metrics in Prometheus' form. prom-client writes them, joins those of several processes and measures the process itself; what
 * is ours is the catalogue, a quicker way to record (`series-store.ts`), a bound on the number of namespaces, and that a scrape
 * may be refused their names.
 *
 * A namespace that loses its place takes its series with it, and what they had counted stays in `other`: a sum over all
 * namespaces never falls, which Prometheus would take for a restart.
 */

import { collectDefaultMetrics, type Metric, Registry } from "prom-client";
import type { Clock } from "../../clock.js";
import { type GaugeName, type MetricName, metricCatalogue } from "../../metric-catalogue.js";
import type { MetricDefinition } from "../../metric-tables/definition.js";
import { processMetrics } from "../../metric-tables/process.js";
import type { Metrics, Reading } from "../../metrics.js";
import type { MetricRegistry } from "../../ports/metric-registry.js";
import { createNamespaceLabels, OTHER } from "./namespace-labels.js";
import { joined, NAME_LABEL, type Series, type SeriesValue, withoutNames } from "./series.js";
import { createSeriesStore, type Labels, type SeriesStore } from "./series-store.js";

export interface PrometheusMetrics extends Metrics, MetricRegistry {
  /** This process' series, to be joined with those of others. */
  collect(): Promise<Series>;
}

export interface PrometheusOptions {
  /** Most namespaces told apart. Default 100: a namespace has some 200 series. */
  readonly namespacesMax?: number;
  /** Unused for as long, a namespace may lose its place. Default an hour. */
  readonly namespaceIdleMs?: number;
  /** Whether to measure the process itself (CPU, memory, event loop). Default true. */
  readonly process?: boolean;
  /** Asks the other processes of this gateway for their series too. Default: there are none. */
  readonly collectOthers?: () => Promise<readonly Series[]>;
}

type Readings = Iterable<Reading<GaugeName>>;
type Reader = () => Readings | Promise<Readings>;

export function createPrometheusMetrics(
  clock: Pick<Clock, "monotonic">,
  options: PrometheusOptions = {},
): PrometheusMetrics {
  const registry = new Registry();
  const names = createNamespaceLabels(clock, {
    placesMax: options.namespacesMax ?? 100,
    idleMs: options.namespaceIdleMs ?? 3_600_000,
  });
  const toldAs = (label: string, value: string) => (label === NAME_LABEL ? names.labelOf(value) : value);
  const stores = new Map<MetricName, SeriesStore>();
  const readers = new Map<MetricName, Reader[]>();
  for (const [name, definition] of Object.entries<MetricDefinition>(metricCatalogue)) {
    const store = createSeriesStore(name, definition, toldAs);
    const read: Reader[] = [];
    stores.set(name as MetricName, store);
    readers.set(name as MetricName, read);
    registry.registerMetric(asMetric(name, definition, () => readValues(definition, store, read)));
  }
  if (options.process ?? true) measureProcess(registry);

  async function collect(): Promise<Series> {
    const leaving = names.retire();
    if (leaving.size > 0)
      for (const store of stores.values()) store.fold((labels) => withoutLeaving(labels, leaving));
    return (await registry.getMetricsAsJSON()) as unknown as Series;
  }

  return {
    add: (name, labels, amount = 1) => stores.get(name)?.add(labels, amount),
    observe: (name, labels, value) => stores.get(name)?.observe(labels, value),
    set: (name, labels, value) => stores.get(name)?.set(labels, value),
    watch: (name, read) => void readers.get(name)?.push(read as Reader),
    admit: names.admit,
    collect,
    async render(shows) {
      const recordings = [await collect(), ...((await options.collectOthers?.()) ?? [])];
      const scrape = joined(recordings.map((series) => withoutNames(series, shows)));
      return { contentType: scrape.contentType, text: await scrape.metrics() };
    },
  };
}

/** prom-client measures thirty things; those of the table stay. */
function measureProcess(registry: Registry): void {
  const others = new Registry();
  collectDefaultMetrics({ register: others });
  const table: Readonly<Record<string, MetricDefinition>> = processMetrics;
  for (const metric of others.getMetricsAsArray()) {
    const definition = table[metric.name];
    if (definition === undefined) continue;
    const { aggregator } = definition;
    registry.registerMetric(Object.assign(metric, aggregator && { aggregator }) as unknown as Metric);
  }
}

/** What a registry asks of a metric; its type names the classes of prom-client, its code only what is here. */
function asMetric(name: string, definition: MetricDefinition, values: () => Promise<SeriesValue[]>): Metric {
  const { description: help, kind: type, aggregator = "sum" } = definition;
  const about = { name, help, type, aggregator } as const;
  return { ...about, get: async () => ({ ...about, values: await values() }) } as unknown as Metric;
}

const merges = {
  sum: (a: number, b: number) => a + b,
  max: Math.max,
  min: Math.min,
  first: (a: number) => a,
} as const;

/** A gauge with readers is what they give at this time; what they no longer give is gone. */
async function readValues(
  { aggregator = "sum" }: MetricDefinition,
  store: SeriesStore,
  readers: readonly Reader[],
): Promise<SeriesValue[]> {
  if (readers.length === 0) return store.values();
  const readings = await Promise.all(readers.map((read) => read()));
  store.clear();
  for (const reading of readings)
    for (const { labels, value } of reading) store.merge(labels, value, merges[aggregator]);
  return store.values();
}

/** The labels of a series after names have left; undefined when it has none of them. */
function withoutLeaving(labels: Labels, leaving: ReadonlySet<string>): Labels | undefined {
  return leaving.has(labels[NAME_LABEL] ?? "") ? { ...labels, [NAME_LABEL]: OTHER } : undefined;
}
