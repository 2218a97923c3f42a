import { afterEach, describe, expect, it } from "vitest";
import { KEY, type RecordedCall, startTestApp, type TestApp } from "../../test/recording-app.js";
import { createPrometheusMetrics } from "../adapters/metrics/prometheus.js";

const json = { "content-type": "application/json" };

let app: TestApp;
afterEach(() => app.close());

describe("the log line of a request", () => {
  it("says what was learnt on the way: upstream's time, the cache, the watermark and what it did", async () => {
    app = await startTestApp({
      answer: async ({ context: { notes } }: RecordedCall) => {
        notes.upstreamCalled(1_000);
        notes.upstreamAnswered(1_007.25);
        notes.upstreamCalled(1_010);
        notes.upstreamAnswered(1_011);
        notes.stableFilter = true;
        notes.retried = true;
        const headers = { "x-layer-cache": "miss", "x-layer-stable-as-of": "1715600400000" };
        return { status: 200, headers, json: {} };
      },
    });
    await (
      await app.request("/v2/namespaces/products/query", { method: "POST", headers: json, body: "{}" })
    ).text();
    expect(app.logLines).toMatchObject([
      {
        operation: "queryNamespace",
        namespace: "products",
        principal: "store-key",
        status: 200,
        upstream_ms: 8.25,
        upstream_calls: 2,
        cache: "miss",
        stable_as_of: 1715600400000,
        stable_filter: true,
        retried: true,
      },
    ]);
  });

  it("leaves out what did not happen", async () => {
    app = await startTestApp();
    await (await app.request("/v2/namespaces/products/metadata")).text();
    const fields = Object.keys(app.logLines[0] ?? {});
    for (const field of [
      "upstream_ms",
      "upstream_calls",
      "cache",
      "stable_as_of",
      "stable_filter",
      "retried",
      "err",
    ])
      expect(fields).not.toContain(field);
  });

  it("holds neither the key nor what was sent", async () => {
    app = await startTestApp({
      answer: async () => {
        throw new Error("a defect");
      },
    });
    const body = '{"upsert_rows":[{"id":1,"title":"private"}]}';
    await app.request("/v2/namespaces/products?api_key=tpuf_secret", { method: "POST", headers: json, body });
    await app.request("/v2/nothing?api_key=tpuf_secret");
    const lines = JSON.stringify(app.logLines);
    expect(app.logLines).toHaveLength(2);
    for (const secret of [KEY, "private", "tpuf_secret"]) expect(lines).not.toContain(secret);
  });
});

describe("the id of a request", () => {
  it.each([
    ["harmless", "tpreq_1:a/b+c=", "tpreq_1:a/b+c="],
    ["too long", "x".repeat(129), "id-1"],
    ["anything but one word", "a b; drop", "id-1"],
    ["empty", "", "id-1"],
  ])("is the caller's own or a new one when that is %s", async (_what, given, kept) => {
    app = await startTestApp();
    const answer = await app.request("/health", { headers: { "x-request-id": given } });
    expect(answer.headers.get("x-request-id")).toBe(kept);
    expect(app.calls[0]?.context.requestId).toBe(kept);
  });
});

it("counts a caller who leaves as aborted", async () => {
  const metrics = createPrometheusMetrics({ monotonic: () => 0 }, { process: false });
  let arrived = () => {};
  const arrival = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  app = await startTestApp({
    metrics,
    answer: () => {
      arrived();
      return new Promise(() => {});
    },
  });
  const leaving = new AbortController();
  const request = app.request("/v2/namespaces/a/metadata", { signal: leaving.signal });
  await arrival;
  leaving.abort();
  await expect(request).rejects.toThrow();
  const line = 'layer_requests_total{operation="getNamespaceMetadata",status="aborted"} 1';
  await expect.poll(async () => (await metrics.render(() => true)).text).toContain(line);
});
