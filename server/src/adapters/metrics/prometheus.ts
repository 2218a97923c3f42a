/**
 * Metrics in Prometheus' form, kept by prom-client. What this adds to it: names and types come from our own catalogue, the
 * number of namespaces is bounded, and a scrape may be refused their names.
 *
 * A namespace that loses its place takes its series with it, and what they had counted stays in `other`: a sum over all
 * namespaces never falls, which Prometheus would take for a restart.
 */

import { Counter, collectDefaultMetrics, Gauge, Histogram, type MetricValue, Registry } from "prom-client";
import type { Clock } from "../../clock.js";
import { type GaugeName, type MetricName, metricCatalogue } from "../../metric-catalogue.js";
import type { MetricDefinition } from "../../metric-tables/definition.js";
import type { Metrics, Reading } from "../../metrics.js";
import type { MetricRegistry } from "../../ports/metric-registry.js";
import { createNamespaceLabels, OTHER } from "./namespace-labels.js";
import { joined, NAME_LABELS, type Series, withoutNames } from "./series.js";

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

type AnyLabels = Readonly<Record<string, string>>;
type SeriesLabels = MetricValue<string>["labels"];

export function createPrometheusMetrics(
  clock: Pick<Clock, "monotonic">,
  options: PrometheusOptions = {},
): PrometheusMetrics {
  const registry = new Registry();
  const names = createNamespaceLabels(clock, {
    placesMax: options.namespacesMax ?? 100,
    idleMs: options.namespaceIdleMs ?? 3_600_000,
  });
  const recorders = createRecorders(registry, boundNames);
  if (options.process ?? true) collectDefaultMetrics({ register: registry });
  /** What retired namespaces had counted. */
  let retired: Series = [];
  /** One at a time: two would both fold the same names. */
  let collecting: Promise<Series> | undefined;

  function boundNames(labels: AnyLabels): AnyLabels {
    if (labels.namespace === undefined) return labels;
    const bounded: Record<string, string> = { ...labels, namespace: names.labelOf(labels.namespace) };
    if (labels.set !== undefined) bounded.set = names.labelOf(labels.set);
    return bounded;
  }

  async function collectNow(): Promise<Series> {
    await retireNames();
    const series = (await registry.getMetricsAsJSON()) as unknown as Series;
    if (retired.length === 0) return series;
    return (await joined([series, retired]).getMetricsAsJSON()) as unknown as Series;
  }

  async function retireNames(): Promise<void> {
    const leaving = names.retire();
    if (leaving.size === 0) return;
    const kept: Series[] = [retired];
    for (const [name, recorder] of recorders) {
      const definition: MetricDefinition = metricCatalogue[name];
      if (!definition.labels.includes("namespace")) continue;
      const metric = await recorder.metric.get();
      const values = metric.values.filter(({ labels }) => leaving.has(String(labels.namespace)));
      // Nothing is recorded under these names any more, so nothing is lost between reading and removing.
      for (const value of values) recorder.metric.remove(ownLabels(definition, value.labels));
      if (definition.kind === "gauge" || values.length === 0) continue;
      kept.push([
        { ...metric, values: values.map((value) => ({ ...value, labels: asOther(value.labels) })) },
      ]);
    }
    retired = (await joined(kept).getMetricsAsJSON()) as unknown as Series;
  }

  function collect(): Promise<Series> {
    collecting ??= collectNow().finally(() => {
      collecting = undefined;
    });
    return collecting;
  }

  return {
    add: (name, labels, amount = 1) => recorders.get(name)?.add(labels, amount),
    observe: (name, labels, value) => recorders.get(name)?.observe(labels, value),
    set: (name, labels, value) => recorders.get(name)?.set(labels, value),
    watch: (name, read) => recorders.get(name)?.watch(read as () => Iterable<Reading<GaugeName>>),
    admit: names.admit,
    collect,
    async render(shows) {
      const recordings = [await collect(), ...((await options.collectOthers?.()) ?? [])];
      const scrape = joined(recordings.map((series) => withoutNames(series, shows)));
      return { contentType: scrape.contentType, text: await scrape.metrics() };
    },
  };
}

/** One metric, with the ways of recording that its kind has; the others do nothing, and the types keep them from being used. */
interface Recorder {
  readonly metric: Counter | Gauge | Histogram;
  add(labels: AnyLabels, amount: number): void;
  observe(labels: AnyLabels, value: number): void;
  set(labels: AnyLabels, value: number): void;
  watch(read: () => Iterable<Reading<GaugeName>>): void;
}

interface RecorderConfig {
  readonly name: string;
  readonly help: string;
  readonly labelNames: string[];
  readonly registers: Registry[];
  readonly aggregator: NonNullable<MetricDefinition["aggregator"]>;
}

const nothing = { add() {}, observe() {}, set() {}, watch() {} };

function createRecorders(
  registry: Registry,
  bound: (labels: AnyLabels) => AnyLabels,
): ReadonlyMap<MetricName, Recorder> {
  const recorders = new Map<MetricName, Recorder>();
  for (const [name, definition] of Object.entries<MetricDefinition>(metricCatalogue)) {
    const config = {
      name,
      help: definition.description,
      labelNames: [...definition.labels],
      registers: [registry],
      aggregator: definition.aggregator ?? ("sum" as const),
    };
    recorders.set(name as MetricName, createRecorder(definition, config, bound));
  }
  return recorders;
}

function createRecorder(
  definition: MetricDefinition,
  config: RecorderConfig,
  bound: (labels: AnyLabels) => AnyLabels,
): Recorder {
  switch (definition.kind) {
    case "counter": {
      const metric = new Counter(config);
      return { ...nothing, metric, add: (labels, amount) => metric.inc(bound(labels), amount) };
    }
    case "histogram": {
      const metric = new Histogram({ ...config, buckets: [...(definition.buckets ?? [])] });
      return { ...nothing, metric, observe: (labels, value) => metric.observe(bound(labels), value) };
    }
    case "gauge": {
      const readers: (() => Iterable<Reading<GaugeName>>)[] = [];
      const metric = new Gauge({
        ...config,
        collect() {
          if (readers.length > 0) readGauge(this, readers, definition.aggregator ?? "sum", bound);
        },
      });
      return {
        ...nothing,
        metric,
        set: (labels, value) => metric.set(bound(labels), value),
        watch: (read) => void readers.push(read),
      };
    }
  }
}

const merges = {
  sum: (a: number, b: number) => a + b,
  max: Math.max,
  min: Math.min,
  first: (a: number) => a,
} as const;

/** What readers no longer give is gone. */
function readGauge(
  gauge: Gauge,
  readers: readonly (() => Iterable<Reading<GaugeName>>)[],
  aggregator: keyof typeof merges,
  bound: (labels: AnyLabels) => AnyLabels,
): void {
  const series = new Map<string, { labels: AnyLabels; value: number }>();
  for (const read of readers)
    for (const { labels, value } of read()) {
      const bounded = bound(labels);
      const key = JSON.stringify(Object.entries(bounded).sort());
      const known = series.get(key);
      series.set(key, { labels: bounded, value: known ? merges[aggregator](known.value, value) : value });
    }
  gauge.reset();
  for (const { labels, value } of series.values()) gauge.set(labels, value);
}

function ownLabels(definition: MetricDefinition, labels: SeriesLabels) {
  return Object.fromEntries(
    definition.labels.flatMap((name) => (labels[name] === undefined ? [] : [[name, labels[name]]])),
  );
}

function asOther(labels: SeriesLabels) {
  const others = NAME_LABELS.filter((label) => labels[label] !== undefined && labels[label] !== "");
  return { ...labels, ...Object.fromEntries(others.map((label) => [label, OTHER])) };
}
