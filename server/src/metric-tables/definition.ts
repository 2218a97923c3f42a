/**
 * What a metric is, and what its tables share. There is one table a family, as the contract groups them; `metric-catalogue.ts`
 * joins them.
 *
 * Names beginning `layer_` or `hevlayer_` are part of the contract or follow its style; `tpuf` in them stands for the
 * upstream, whichever it is. Durations are seconds and sizes are bytes, as Prometheus wants them.
 */

export type MetricFamily = "query" | "upsert" | "fetch" | "cache" | "storage" | "saturation";

export interface MetricDefinition {
  readonly kind: "counter" | "gauge" | "histogram";
  readonly family: MetricFamily;
  /** What one unit of the value is. */
  readonly unit: string;
  /** Label names; namespaces are bounded in number and shown only to a scrape that may see them. */
  readonly labels: readonly string[];
  readonly description: string;
  /** Upper bounds of a histogram, ascending. */
  readonly buckets?: readonly number[];
  /** How the values of several processes, or of several namespaces that may not be told apart, become one. Default sum. */
  readonly aggregator?: "sum" | "max" | "min" | "first";
  /** An alert worth starting from; thresholds belong to whoever runs the gateway. */
  readonly alert: { readonly summary: string; readonly expr: string; readonly for: string };
}

export type MetricTable = Readonly<Record<string, MetricDefinition>>;

/** From a cached answer to the write deadline. */
export const REQUEST_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
] as const;
/** What the gateway adds itself, and calls that stay on this machine or in its network. */
export const CLOSE_SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
] as const;
export const BATCH_SIZES = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000] as const;

/** Of a request whose answer comes from upstream: which namespace, and which status the caller got. */
export const REQUEST_LABELS = ["pipeline_id", "namespace", "status"] as const;
