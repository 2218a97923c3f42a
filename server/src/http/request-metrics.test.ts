import { describe, expect, it } from "vitest";
import { createPrometheusMetrics } from "../adapters/metrics/prometheus.js";
import { RequestNotes } from "../request-notes.js";
import { recordRequest } from "./request-metrics.js";
import type { RequestState } from "./request-state.js";

type Notes = Partial<Pick<RequestNotes, "shape" | "legs" | "rows" | "stableFilter" | "retried">>;

/** Records requests of 10 ms, 4 of them upstream's, and gives the series that came of it, sums and buckets left out. */
async function series(...requests: { state: Partial<RequestState>; status?: string; notes?: Notes }[]) {
  const metrics = createPrometheusMetrics({ monotonic: () => 0 }, { process: false });
  for (const { state, status = "200", notes = {} } of requests) {
    const written = Object.assign(new RequestNotes(), notes);
    written.upstreamCalled(102);
    written.upstreamAnswered(106);
    const whole = { requestId: "r", startedAt: 100, bytesIn: 0, bytesOut: 0, notes: written, ...state };
    recordRequest(metrics, { state: whole, status, endedAt: 110 });
  }
  const { text } = await metrics.render(() => true);
  return text
    .split("\n")
    .filter((line) => /^(layer|hevlayer)_/.test(line) && !/_bucket\{|_sum|^\S+ 0$/.test(line));
}

const direct = 'pipeline_id="direct",namespace="a",status="200"';

describe("a request that is over", () => {
  it("is timed as a query: the whole, upstream's part, and the rest", async () => {
    const metrics = createPrometheusMetrics({ monotonic: () => 0 }, { process: false });
    const notes = new RequestNotes();
    notes.upstreamCalled(102);
    notes.upstreamAnswered(106);
    const state = {
      requestId: "r",
      startedAt: 100,
      bytesIn: 0,
      bytesOut: 0,
      notes,
      operationId: "queryNamespace",
    };
    recordRequest(metrics, { state: { ...state, namespace: "a" }, status: "200", endedAt: 110 });
    const { text } = await metrics.render(() => true);
    expect(text).toContain(`layer_query_duration_seconds_sum{${direct}} 0.01\n`);
    expect(text).toContain(`layer_query_tpuf_seconds_sum{${direct}} 0.004\n`);
    expect(text).toContain(`layer_query_overhead_seconds_sum{${direct}} 0.006\n`);
  });

  it("counts the form of a query and what stable reads made of it", async () => {
    const state = { operationId: "queryNamespace", namespace: "a" };
    const lines = await series(
      { state, notes: { shape: "native" } },
      { state: { ...state, stableAsOf: 5 }, notes: { shape: "vector" } },
      { state: { ...state, stableAsOf: 5 }, notes: { shape: "native", stableFilter: true } },
      { state: { ...state, stableAsOf: 5 }, notes: { shape: "native", stableFilter: true, retried: true } },
      { state: { ...state, operationId: "queryTurbopufferNamespace" } },
    );
    for (const line of [
      'layer_query_shape_total{namespace="a",shape="native"} 3',
      'layer_query_shape_total{namespace="a",shape="vector"} 1',
      'layer_query_shape_total{namespace="a",shape="raw"} 1',
      'layer_stable_reads_total{namespace="a",treatment="none"} 1',
      'layer_stable_reads_total{namespace="a",treatment="plain"} 1',
      'layer_stable_reads_total{namespace="a",treatment="filtered"} 1',
      'layer_stable_reads_total{namespace="a",treatment="retried"} 1',
      'layer_requests_total{operation="queryNamespace",status="200"} 4',
    ])
      expect(lines).toContain(line);
  });

  it("counts a batch with its legs and the calls it took", async () => {
    const state = { operationId: "queryNamespace", namespace: "a" };
    const lines = await series({ state, notes: { shape: "batch", legs: 3 } });
    expect(lines).toContain('hevlayer_multi_query_total{namespace="a",status="200"} 1');
    expect(lines).toContain('hevlayer_multi_query_legs_count{namespace="a"} 1');
    expect(lines).toContain('hevlayer_multi_query_upstream_calls_count{namespace="a"} 1');
  });

  it.each([
    ["writeNamespace", "layer_upsert_duration_seconds_count"],
    ["getNamespaceMetadata", "layer_head_duration_seconds_count"],
    ["getTurbopufferNamespaceSchema", "layer_head_duration_seconds_count"],
  ])("is timed under its family when it is a %s", async (operationId, name) => {
    expect(await series({ state: { operationId, namespace: "a" } })).toContain(`${name}{${direct}} 1`);
  });

  it("is timed without a namespace when it is a listing", async () => {
    expect(await series({ state: { operationId: "listNamespaces" } })).toContain(
      'layer_list_duration_seconds_count{pipeline_id="direct",namespace="",status="200"} 1',
    );
  });

  it("is counted with the rows of a write and the ids of a fetch", async () => {
    const lines = await series(
      { state: { operationId: "writeNamespace", namespace: "a" }, notes: { rows: 20 } },
      { state: { operationId: "fetchDocuments", namespace: "a", cache: "hit" }, notes: { rows: 2 } },
      { state: { operationId: "fetchDocument", namespace: "a" }, status: "404" },
    );
    expect(lines).toContain('layer_upsert_batch_size_count{namespace="a"} 1');
    expect(lines).toContain('layer_fetch_batch_size_count{namespace="a"} 1');
    expect(lines).toContain('hevlayer_cache_demand_total{namespace="a"} 3');
    const fetch = (operation: string, result: string) =>
      `layer_fetch_duration_seconds_count{operation="${operation}",namespace="a",cache_result="${result}"} 1`;
    expect(lines).toContain(fetch("fetchDocuments", "hit"));
    expect(lines).toContain(fetch("fetchDocument", "none"));
  });

  it("is counted by its code when the gateway refused it", async () => {
    const lines = await series(
      { state: { operationId: "writeNamespace", namespace: "a", errorCode: "rate_limited" }, status: "429" },
      { state: { operationId: "hintCacheWarm", namespace: "a", errorCode: "cache_cold" }, status: "503" },
      { state: { errorCode: "not_found" }, status: "404" },
    );
    expect(lines).toContain('layer_refusals_total{code="rate_limited"} 1');
    expect(lines).toContain('layer_requests_total{operation="none",status="404"} 1');
    expect(lines).toContain('hevlayer_cache_cold_responses_total{namespace="other"} 1');
  });

  it("does not make a name that no answer has confirmed a label", async () => {
    const lines = await series(
      { state: { operationId: "queryNamespace", namespace: "made-up" }, status: "401" },
      { state: { operationId: "queryNamespace", namespace: "made-up-too" }, status: "404" },
    );
    expect(lines.join("\n")).not.toContain("made-up");
    expect(lines).toContain(
      'layer_query_duration_seconds_count{pipeline_id="direct",namespace="other",status="404"} 1',
    );
  });
});
