import { parser } from "@prometheus-io/lezer-promql";
import { describe, expect, it } from "vitest";
import { metricCatalogue } from "./metric-catalogue.js";
import type { MetricDefinition } from "./metric-tables/definition.js";
import { processMetrics } from "./metric-tables/process.js";

const entries = Object.entries<MetricDefinition>({ ...metricCatalogue, ...processMetrics });

describe.each(entries)("%s", (name, { kind, unit, buckets, description, alert, labels }) => {
  it("is named as its kind and its unit are", () => {
    expect(name).toMatch(/^(layer|hevlayer|process|nodejs)_[a-z0-9_]+$/);
    expect(name.endsWith("_total")).toBe(kind === "counter");
    if (name.includes("_seconds")) expect(unit).toBe("seconds");
    if (unit === "bytes") expect(name).toContain("bytes");
  });

  it("has ascending buckets exactly when it is a histogram", () => {
    expect(buckets !== undefined).toBe(kind === "histogram");
    expect([...(buckets ?? [])].sort((a, b) => a - b)).toEqual(buckets ?? []);
  });

  it("says what it means, and has an alert about itself", () => {
    expect(description).toMatch(/^[A-Z1-9]/);
    expect(alert.expr).toContain(name);
    expect(problemsOf(alert.expr)).toEqual([]);
    expect(alert.for).toMatch(/^\d+[mh]$/);
    for (const label of labels) expect(label).toMatch(/^[a-z_]+$/);
  });
});

/** The parts of a PromQL expression that are none. */
function problemsOf(expression: string): string[] {
  const problems: string[] = [];
  parser.parse(expression).iterate({
    enter: ({ type, from, to }) => {
      if (type.isError) problems.push(`${from}: ${expression.slice(from, to)}`);
    },
  });
  return problems;
}

it("tells PromQL from what is none", () => {
  expect(problemsOf("rate(a_total[5m]) > 1")).toEqual([]);
  expect(problemsOf("rate(a_total[5m) > ")).not.toEqual([]);
});
