import { describe, expect, it } from "vitest";
import { metricCatalogue } from "./metric-catalogue.js";
import type { MetricDefinition } from "./metric-tables/definition.js";

const entries = Object.entries<MetricDefinition>(metricCatalogue);

describe.each(entries)("%s", (name, { kind, unit, buckets, description, alert, labels }) => {
  it("is named as its kind and its unit are", () => {
    expect(name).toMatch(/^(layer|hevlayer)_[a-z0-9_]+$/);
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
    expect(alert.for).toMatch(/^\d+[mh]$/);
    for (const label of labels) expect(label).toMatch(/^[a-z_]+$/);
  });
});
