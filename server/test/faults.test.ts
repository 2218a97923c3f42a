/**
 * What callers see, what the signals say and how it ends when a dependency fails: the whole gateway over ports that fail on
 * command. docs/failure-modes.md names these tests.
 */

import { afterEach, describe, expect, it } from "vitest";
import { createFaultyBlobStore } from "./faults/faulty-blob-store.js";
import { createFaultyDocumentCache } from "./faults/faulty-document-cache.js";
import { createFaultyUpstream } from "./faults/faulty-upstream.js";
import { type RunningGateway, startGateway } from "./running-gateway.js";

const WATCH_MS = 50;
const NS = "/v2/namespaces/products";

let gateway: RunningGateway;
afterEach(() => gateway?.stop());

async function start(environment: Record<string, string> = {}) {
  const upstream = createFaultyUpstream();
  const blobs = createFaultyBlobStore();
  const cache = createFaultyDocumentCache();
  gateway = await startGateway(
    { CONSISTENCY_POLL_INTERVAL_MS: "20", CONSISTENCY_SAFETY_MARGIN_MS: "1", ...environment },
    {
      watchIntervalMs: WATCH_MS,
      wrap: { upstream: upstream.wrap, blobStore: blobs.wrap, documentCache: cache.wrap },
    },
  );
  return { upstream, blobs, cache };
}

const write = (id: number, title = "Trail shoe") =>
  gateway.request(NS, { json: { upsert_rows: [{ id, title }] } });
const query = () =>
  gateway.request(`${NS}/query`, {
    json: { rank_by: ["id", "asc"], top_k: 100, consistency: { level: "strong" } },
  });
const fetchDocument = (id: number) => gateway.request(`${NS}/documents/${id}`);
const fetchedFrom = async (id: number) => (await fetchDocument(id)).headers.get("x-layer-cache");

async function ids(): Promise<number[]> {
  const { rows } = (await (await query()).json()) as { rows: { id: number }[] };
  return rows.map(({ id }) => id);
}

interface StoreHealth {
  readonly status: string;
  readonly since?: string;
  readonly detail?: string;
}

async function healthOf(store: "upstream" | "document_cache" | "blob_store"): Promise<StoreHealth> {
  const { stores } = (await (await gateway.request("/health")).json()) as {
    stores: Record<typeof store, StoreHealth>;
  };
  return stores[store];
}

/** Values of the series that begin so, in the order of the scrape. */
async function metric(series: string): Promise<number[]> {
  const text = await (await gateway.request("/metrics")).text();
  const lines = text.split("\n").filter((line) => line.startsWith(series));
  return lines.map((line) => Number(line.slice(line.lastIndexOf(" ") + 1)));
}

const up = (dependency: string) => metric(`layer_dependency_up{dependency="${dependency}"`);

const lines = (text: string) => gateway.logLines.filter(({ msg }) => msg === text);

describe("upstream", () => {
  it("that cannot be reached costs callers a 502, and a write is surely not applied", async () => {
    const { upstream } = await start();
    expect((await write(1)).status).toBe(200);
    upstream.fail({ kind: "reset-before" });
    const before = Date.now();
    const refused = await write(2);
    expect(refused.status).toBe(502);
    expect(await refused.json()).toMatchObject({
      error: "upstream_error",
      message: expect.stringContaining("the write was not applied"),
    });
    expect((await query()).status).toBe(502);
    expect((await gateway.request("/ready")).status).toBe(503);
    const health = await healthOf("upstream");
    expect(health).toMatchObject({ status: "degraded", detail: expect.stringContaining("connection reset") });
    expect(Date.parse(health.since ?? "")).toBeGreaterThanOrEqual(before);
    expect(await up("upstream")).toEqual([0]);
    expect(lines("upstream does not answer")).toHaveLength(1);

    upstream.heal();
    await expect.poll(async () => (await gateway.request("/ready")).status).toBe(200);
    expect(await ids()).toEqual([1]);
    expect(await healthOf("upstream")).toMatchObject({ status: "ok" });
    expect(await up("upstream")).toEqual([1]);
    expect(lines("upstream answers again").length).toBeGreaterThan(0);
  });

  it("that is cut off after a write leaves its outcome unknown, and says so with a 504", async () => {
    const { upstream } = await start();
    upstream.fail({ kind: "reset-after", times: 1, operations: ["POST products"] });
    const unknown = await write(1);
    expect(unknown.status).toBe(504);
    expect(await unknown.json()).toMatchObject({
      error: "gateway_timeout",
      message: expect.stringContaining("the outcome of the write is unknown"),
    });
    expect(await metric('layer_upstream_calls_total{effect="write",outcome="unknown"}')).toEqual([1]);
    // It was applied here; a caller who repeats it loses nothing.
    expect(await ids()).toEqual([1]);
    expect((await write(1)).status).toBe(200);
  });

  it("that is cut off after a write never lets the cache show what the write left unknown", async () => {
    const { upstream } = await start();
    await write(1, "old");
    await expect.poll(() => fetchedFrom(1)).toBe("hit");
    upstream.fail({ kind: "reset-after", times: 1, operations: ["POST products"] });
    expect((await write(1, "new")).status).toBe(504);
    const document = (await (await fetchDocument(1)).json()) as { attributes: { title: string } };
    expect(document.attributes.title).toBe("new");
  });

  it("that cannot be reached does not keep cached documents from being fetched", async () => {
    const { upstream } = await start();
    await write(1);
    await expect.poll(() => fetchedFrom(1)).toBe("hit");
    upstream.fail({ kind: "reset-before" });
    expect(await fetchedFrom(1)).toBe("hit");
    expect((await fetchDocument(2)).status).toBe(502);
  });

  it("that throttles is asked once more with the watermark, and then relayed", async () => {
    const { upstream } = await start();
    await write(1);
    await expect.poll(async () => (await query()).headers.has("x-layer-stable-as-of")).toBe(true);
    upstream.fail({ kind: "throttled", times: 1, operations: ["POST query"] });
    const unranked = { json: { rank_by: ["id", "asc"], top_k: 10 } };
    expect((await gateway.request(`${NS}/query`, unranked)).status).toBe(200);
    await expect.poll(() => lines("request").filter(({ retried }) => retried).length).toBe(1);
    expect(await metric('layer_stable_reads_total{namespace="products",treatment="retried"}')).toEqual([1]);

    upstream.fail({ kind: "throttled", operations: ["POST query", "POST products"] });
    const relayed = await gateway.request(`${NS}/query`, unranked);
    expect([relayed.status, relayed.headers.get("retry-after")]).toEqual([429, "7"]);
    const refused = await write(2);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "7"]);
    expect(await refused.json()).toEqual({ status: "error", error: "too many requests" });
    upstream.heal();
    expect(await ids()).toEqual([1]);
    expect((await healthOf("upstream")).status).toBe("ok");
  });

  it("that fails on its own is relayed, and is not taken for one that cannot be reached", async () => {
    const { upstream } = await start();
    upstream.fail({ kind: "failing", operations: ["POST products"] });
    const relayed = await write(1);
    expect([relayed.status, await relayed.json()]).toEqual([503, { status: "error", error: "overloaded" }]);
    expect(await metric('layer_upstream_calls_total{effect="write",outcome="failed"}')).toEqual([1]);
    expect((await healthOf("upstream")).status).toBe("ok");
  });

  it("that answers by halves is a 502 wherever the gateway has to read the answer", async () => {
    const { upstream } = await start({ NAMESPACE_LIST_CACHE_TTL_MS: "0" });
    await write(1);
    upstream.fail({ kind: "half-answer", operations: ["GET metadata", "GET namespaces"] });
    for (const path of [`${NS}/metadata`, "/v2/namespaces"]) {
      const answer = await gateway.request(path);
      expect([path, answer.status]).toEqual([path, 502]);
      expect(await answer.json()).toMatchObject({ error: "upstream_error" });
    }
    upstream.heal();
    expect((await gateway.request(`${NS}/metadata`)).status).toBe(200);
  });

  it("that is slow shows in the log line and the metrics as its own time, not the gateway's", async () => {
    const { upstream } = await start();
    await write(1);
    upstream.fail({ kind: "slow", delayMs: 300, operations: ["POST query"] });
    expect((await query()).status).toBe(200);
    const own = () => lines("request").filter(({ operation }) => operation === "queryNamespace");
    await expect.poll(() => own().length).toBe(1);
    const { duration_ms: duration, upstream_ms: theirs } = own()[0] as Record<string, number>;
    expect(theirs).toBeGreaterThanOrEqual(300);
    expect(duration).toBeGreaterThanOrEqual(theirs as number);
    const [sum] = await metric("layer_query_tpuf_seconds_sum");
    expect(sum).toBeGreaterThanOrEqual(0.3);
  });
});

describe("the document cache", () => {
  it("that is down costs callers nothing: reads go upstream, and a write is answered in time", async () => {
    const { cache } = await start();
    await write(1);
    await expect.poll(() => fetchedFrom(1)).toBe("hit");
    const before = Date.now();
    cache.fail({ kind: "down" });
    expect(await fetchedFrom(1)).toBe("miss-on-error");
    expect((await write(2)).status).toBe(200);
    expect((await fetchDocument(2)).status).toBe(200);
    await expect.poll(async () => (await healthOf("document_cache")).status).toBe("degraded");
    expect(Date.parse((await healthOf("document_cache")).since ?? "")).toBeGreaterThanOrEqual(before);
    expect(await up("document_cache")).toEqual([0]);
    const [errors] = await metric(
      'layer_cache_lookups_total{set="documents",namespace="products",result="error"}',
    );
    expect(errors).toBeGreaterThan(0);

    cache.heal();
    await expect.poll(() => fetchedFrom(2)).toBe("hit");
    await expect.poll(() => up("document_cache")).toEqual([1]);
  });

  it("that hangs holds callers up once and no longer than its budget", async () => {
    const { cache } = await start({ LAYER_CACHE_BUDGET_MS: "200" });
    await write(1);
    cache.fail({ kind: "slow", delayMs: 60_000 });
    const timed = async (run: () => Promise<unknown>) => {
      const began = performance.now();
      await run();
      return performance.now() - began;
    };
    expect(await timed(() => fetchDocument(1))).toBeGreaterThanOrEqual(190);
    // The breaker is open: at best nothing is waited for, however busy the machine.
    const later = [];
    for (let at = 0; at < 5; at += 1) later.push(await timed(() => fetchDocument(1)));
    expect(Math.min(...later)).toBeLessThan(150);
    // Whoever might still serve the old row is given the time to hear of it, once.
    expect(await timed(() => write(2))).toBeLessThan(15_000);
    const writes = [];
    for (let id = 3; id < 8; id += 1) writes.push(await timed(() => write(id)));
    expect(Math.min(...writes)).toBeLessThan(1_000);
  });

  it("that never learnt of a write serves nothing old when it is back", async () => {
    const { cache } = await start();
    await write(1, "old");
    await expect.poll(() => fetchedFrom(1)).toBe("hit");
    cache.fail({ kind: "down" });
    expect((await write(1, "new")).status).toBe(200);
    cache.heal();
    const title = async () => {
      const answer = await fetchDocument(1);
      const { attributes } = (await answer.json()) as { attributes: { title: string } };
      return [answer.headers.get("x-layer-cache"), attributes.title];
    };
    const seen: unknown[] = [];
    await expect
      .poll(async () => {
        seen.push(await title());
        return seen.at(-1);
      })
      .toEqual(["hit", "new"]);
    expect(seen.map((entry) => (entry as string[])[1])).not.toContain("old");
  });

  it("that comes back empty is counted as a cold start", async () => {
    const { cache } = await start();
    expect(await metric("hevlayer_document_cache_cold_starts_total")).toEqual([0]);
    cache.tell({ kind: "lost", reason: "connection closed" });
    cache.tell({ kind: "restored", connection: 2, emptied: true });
    expect(await metric("hevlayer_document_cache_cold_starts_total")).toEqual([1]);
  });
});

describe("the blob store", () => {
  it("that is slow slows no request down", async () => {
    const { blobs } = await start();
    await write(1);
    blobs.fail({ kind: "slow", delayMs: 4_000 });
    const began = performance.now();
    expect((await write(2)).status).toBe(200);
    expect((await query()).status).toBe(200);
    expect((await fetchDocument(1)).status).toBe(200);
    expect(performance.now() - began).toBeLessThan(3_800);
    blobs.heal();
  });

  it("that is down keeps reads going, and health and metrics say since when", async () => {
    const { blobs } = await start();
    await write(1);
    const before = Date.now();
    blobs.fail({ kind: "down" });
    await expect.poll(async () => (await healthOf("blob_store")).status).toBe("degraded");
    expect(Date.parse((await healthOf("blob_store")).since ?? "")).toBeGreaterThanOrEqual(before);
    expect(await up("blob_store")).toEqual([0]);
    expect(lines("a store does not answer")).toMatchObject([{ store: "blob store" }]);
    expect(await ids()).toEqual([1]);
    expect((await fetchDocument(1)).status).toBe(200);
    await expect.poll(() => metric('layer_replica_state{state="degraded"}')).toEqual([1]);

    blobs.heal();
    await expect.poll(async () => (await healthOf("blob_store")).status).toBe("ok");
    await expect.poll(() => metric('layer_replica_state{state="shared"}')).toEqual([1]);
    expect((await write(2)).status).toBe(200);
  });

  it("whose answers get lost settles the doubt by reading back", async () => {
    const { blobs } = await start();
    blobs.fail({ kind: "unknown", times: 3 });
    await expect.poll(async () => (await write(1)).status).toBe(200);
    expect(await ids()).toEqual([1]);
  });
});

describe("the gateway itself", () => {
  it("that is full of bodies refuses more with 429, and takes them again when there is room", async () => {
    const { upstream } = await start({ LAYER_BODY_BUDGET_BYTES: String(1024 * 1024) });
    upstream.fail({ kind: "slow", delayMs: 500, operations: ["POST products"] });
    const body = (id: number) => ({
      upsert_rows: [{ id, title: "x".repeat(400_000) }],
      schema: { title: { type: "string", filterable: false } },
    });
    const first = gateway.request(NS, { json: body(1) });
    await expect.poll(() => metric("layer_body_bytes_inflight")).toEqual([expect.closeTo(800_000, -5)]);
    const refused = await gateway.request(NS, { json: body(2) });
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "1"]);
    expect(await refused.json()).toMatchObject({ error: "rate_limited" });
    expect(await metric('layer_refusals_total{code="rate_limited"}')).toEqual([1]);
    expect((await first).status).toBe(200);
    await expect.poll(() => metric("layer_body_bytes_inflight")).toEqual([0]);
    expect((await gateway.request(NS, { json: body(2) })).status).toBe(200);
  });
});
