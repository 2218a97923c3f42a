import { describe, expect, it } from "vitest";
import { metricCatalogue } from "../../metric-catalogue.js";
import { processMetrics } from "../../metric-tables/process.js";
import { createPrometheusMetrics, type PrometheusOptions } from "./prometheus.js";

function recorder(options: PrometheusOptions = {}) {
  let now = 0;
  const metrics = createPrometheusMetrics({ monotonic: () => now }, { process: false, ...options });
  const lines = async (shows: (namespace: string) => boolean = () => true) =>
    (await metrics.render(shows)).text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const value = async (series: string, shows?: (namespace: string) => boolean) => {
    const line = (await lines(shows)).find((candidate) => candidate.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length + 1));
  };
  return { metrics, lines, value, advance: (ms: number) => (now += ms) };
}

const query = (namespace: string) => ({ pipeline_id: "direct", namespace, status: "200" });

describe("the registry", () => {
  it("holds every metric of the catalogue under its kind, with its meaning", async () => {
    const { metrics } = recorder();
    const { text, contentType } = await metrics.render(() => true);
    expect(contentType).toBe("text/plain; version=0.0.4; charset=utf-8");
    for (const [name, { kind, description }] of Object.entries(metricCatalogue)) {
      expect(text).toContain(`# TYPE ${name} ${kind}\n`);
      expect(text).toContain(`# HELP ${name} ${description}\n`);
    }
  });

  it("holds what the table names of the process itself, and nothing else", async () => {
    const { metrics } = recorder({ process: true });
    const { text } = await metrics.render(() => true);
    const names = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, kind]) => [name, kind]);
    const tables = { ...metricCatalogue, ...processMetrics };
    expect(names.sort()).toEqual(
      Object.entries(tables)
        .map(([name, { kind }]) => [name, kind])
        .sort(),
    );
    for (const name of ["process_resident_memory_bytes", "nodejs_eventloop_lag_p99_seconds"])
      expect(Number(new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1])).toBeGreaterThan(0);
  });

  it("counts, observes and sets", async () => {
    const { metrics, value } = recorder();
    metrics.admit("a");
    metrics.add("layer_query_shape_total", { namespace: "a", shape: "native" });
    metrics.add("layer_query_shape_total", { namespace: "a", shape: "native" }, 2);
    metrics.observe("layer_query_duration_seconds", query("a"), 0.003);
    metrics.set("layer_replica_state", { state: "sole" }, 1);
    expect(await value('layer_query_shape_total{namespace="a",shape="native"}')).toBe(3);
    const labels = 'pipeline_id="direct",namespace="a",status="200"';
    expect(await value(`layer_query_duration_seconds_bucket{le="0.0025",${labels}}`)).toBe(0);
    expect(await value(`layer_query_duration_seconds_bucket{le="0.005",${labels}}`)).toBe(1);
    expect(await value(`layer_query_duration_seconds_sum{${labels}}`)).toBe(0.003);
    expect(await value('layer_replica_state{state="sole"}')).toBe(1);
  });

  it("reads a watched gauge anew for every scrape, and forgets what is no longer there", async () => {
    const { metrics, lines } = recorder();
    let lags: Record<string, number> = { a: 3, b: 4 };
    metrics.admit("a");
    metrics.admit("b");
    metrics.watch("layer_watermark_lag_seconds", () =>
      Object.entries(lags).map(([namespace, value]) => ({ labels: { namespace }, value })),
    );
    const shown = async () => (await lines()).filter((line) => line.startsWith("layer_watermark_lag"));
    expect(await shown()).toEqual([
      'layer_watermark_lag_seconds{namespace="a"} 3',
      'layer_watermark_lag_seconds{namespace="b"} 4',
    ]);
    lags = { b: 9 };
    expect(await shown()).toEqual(['layer_watermark_lag_seconds{namespace="b"} 9']);
  });
});

describe("the namespaces that metrics tell apart", () => {
  it("are those known to exist; any other name is counted as other", async () => {
    const { metrics, value } = recorder();
    metrics.add("layer_query_shape_total", { namespace: "made-up", shape: "native" });
    expect(await value('layer_query_shape_total{namespace="other",shape="native"}')).toBe(1);
  });

  it("are at most as many as there are places", async () => {
    const { metrics, lines } = recorder({ namespacesMax: 3 });
    for (let index = 0; index < 50; index++) {
      metrics.admit(`ns-${index}`);
      metrics.add("layer_query_shape_total", { namespace: `ns-${index}`, shape: "native" });
    }
    expect((await lines()).filter((line) => line.startsWith("layer_query_shape_total"))).toEqual([
      'layer_query_shape_total{namespace="ns-0",shape="native"} 1',
      'layer_query_shape_total{namespace="ns-1",shape="native"} 1',
      'layer_query_shape_total{namespace="ns-2",shape="native"} 1',
      'layer_query_shape_total{namespace="other",shape="native"} 47',
    ]);
  });

  it("give up their places when nobody uses them, and what they had counted stays in other", async () => {
    const { metrics, value, advance } = recorder({ namespacesMax: 2, namespaceIdleMs: 1_000 });
    for (const namespace of ["old", "busy"]) {
      metrics.admit(namespace);
      metrics.add("layer_query_shape_total", { namespace, shape: "native" }, 5);
      metrics.observe("layer_query_duration_seconds", query(namespace), 0.003);
    }
    await metrics.collect();
    advance(1_500);
    metrics.add("layer_query_shape_total", { namespace: "busy", shape: "native" });
    const total = () => value('layer_query_shape_total{shape="native"}', () => false);
    expect(await total()).toBe(11);
    expect(await value('layer_query_shape_total{namespace="old",shape="native"}')).toBeUndefined();
    expect(await value('layer_query_shape_total{namespace="other",shape="native"}')).toBe(5);
    const other = 'pipeline_id="direct",namespace="other",status="200"';
    expect(await value(`layer_query_duration_seconds_count{${other}}`)).toBe(1);
    expect(await value(`layer_query_duration_seconds_bucket{le="0.005",${other}}`)).toBe(1);
    metrics.admit("new");
    metrics.add("layer_query_shape_total", { namespace: "new", shape: "native" });
    metrics.add("layer_query_shape_total", { namespace: "old", shape: "native" });
    expect(await value('layer_query_shape_total{namespace="new",shape="native"}')).toBe(1);
    expect(await value('layer_query_shape_total{namespace="other",shape="native"}')).toBe(6);
    expect(await total()).toBe(13);
  });
});

describe("a scrape that may not see every namespace", () => {
  it("gets no name at all, and the sums over all of them", async () => {
    const { metrics, lines } = recorder();
    for (const [namespace, seconds] of [
      ["secret-a", 0.003],
      ["secret-b", 0.03],
    ] as const) {
      metrics.admit(namespace);
      metrics.observe("layer_query_duration_seconds", query(namespace), seconds);
      metrics.add("layer_cache_lookups_total", { set: "documents", namespace, result: "hit" }, 2);
    }
    const shown = (await lines(() => false)).join("\n");
    expect(shown).not.toContain("secret");
    expect(shown).not.toContain("namespace=");
    expect(shown).toContain(
      'layer_query_duration_seconds_bucket{le="0.005",pipeline_id="direct",status="200"} 1',
    );
    expect(shown).toContain('layer_query_duration_seconds_count{pipeline_id="direct",status="200"} 2');
    expect(shown).toContain('layer_cache_lookups_total{set="documents",result="hit"} 4');
  });

  it("gets the worst of gauges that say how bad something is", async () => {
    const { metrics, value } = recorder();
    for (const namespace of ["a", "b"]) metrics.admit(namespace);
    metrics.watch("layer_watermark_lag_seconds", () => [
      { labels: { namespace: "a" }, value: 7 },
      { labels: { namespace: "b" }, value: 90 },
    ]);
    expect(await value("layer_watermark_lag_seconds", () => false)).toBe(90);
    expect(await value('layer_watermark_lag_seconds{namespace="a"}')).toBe(7);
  });

  it("gets the names it was granted", async () => {
    const { metrics, lines } = recorder();
    for (const namespace of ["mine", "theirs"]) {
      metrics.admit(namespace);
      metrics.add("layer_query_shape_total", { namespace, shape: "native" });
    }
    expect(
      (await lines((name) => name === "mine")).filter((line) => line.startsWith("layer_query_shape")),
    ).toEqual([
      'layer_query_shape_total{namespace="mine",shape="native"} 1',
      'layer_query_shape_total{shape="native"} 1',
    ]);
  });
});

describe("series of several processes", () => {
  it("become one answer: counters added up, gauges by their aggregator", async () => {
    const other = recorder();
    other.metrics.admit("a");
    other.metrics.add("layer_query_shape_total", { namespace: "a", shape: "native" }, 10);
    other.metrics.set("layer_dependency_up", { dependency: "upstream", adapter: "engine" }, 0);
    const { metrics, value } = recorder({ collectOthers: async () => [await other.metrics.collect()] });
    metrics.admit("a");
    metrics.add("layer_query_shape_total", { namespace: "a", shape: "native" });
    metrics.set("layer_dependency_up", { dependency: "upstream", adapter: "engine" }, 1);
    expect(await value('layer_query_shape_total{namespace="a",shape="native"}')).toBe(11);
    expect(await value('layer_dependency_up{dependency="upstream",adapter="engine"}')).toBe(0);
  });
});
