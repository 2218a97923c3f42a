/** Stable reads through whole gateways: two that share one upstream, and one whose object store goes away. */

import { afterEach, describe, expect, it, vi } from "vitest";
import { type Fault, startFaultProxy } from "./fault-proxy.js";
import { startMoto } from "./moto-server.js";
import { type RunningGateway, startGateway } from "./running-gateway.js";

const open: { stop(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.stop();
  vi.unstubAllEnvs();
});

async function start(environment: Record<string, string>): Promise<RunningGateway> {
  const gateway = await startGateway({ CONSISTENCY_POLL_INTERVAL_MS: "40", ...environment });
  open.push(gateway);
  return gateway;
}

const upsert = (gateway: RunningGateway, namespace: string, ids: readonly number[]) =>
  gateway.request(`/v2/namespaces/${namespace}`, {
    json: { upsert_rows: ids.map((id) => ({ id, vector: [id, 1] })), distance_metric: "euclidean_squared" },
  });

async function layerOf(gateway: RunningGateway, namespace: string) {
  const answer = await gateway.request(`/v2/namespaces/${namespace}/metadata`);
  return ((await answer.json()) as { layer: { stable_as_of: number | null; is_stable: boolean } }).layer;
}

async function idsOf(gateway: RunningGateway, namespace: string) {
  const answer = await gateway.request(`/v2/namespaces/${namespace}/query`, {
    json: { rank_by: ["id", "asc"], top_k: 10 },
  });
  const { rows } = (await answer.json()) as { rows: { id: number }[] };
  return { ids: rows.map(({ id }) => id), stableAsOf: Number(answer.headers.get("x-layer-stable-as-of")) };
}

async function replicaOf(gateway: RunningGateway) {
  const health = (await (await gateway.request("/health")).json()) as { replica: Record<string, unknown> };
  return health.replica;
}

describe("two gateways in front of one upstream", () => {
  it("hold reads to what the other has written and settled", async () => {
    const first = await start({ LAYER_ENGINE_INDEX_LAG_MS: "1500" });
    const second = await start({
      TPUF_URL: first.engineUrl ?? "",
      TURBOPUFFER_API_KEY: first.key,
      LAYER_DATA_DIR: first.dataDir,
    });
    expect((await upsert(first, "shared", [1])).status).toBe(200);
    await layerOf(second, "shared");
    await expect.poll(async () => (await layerOf(second, "shared")).stable_as_of).not.toBeNull();
    expect(await replicaOf(second)).toEqual({ kind: "shared", status: "ok", others: 1 });
    const written = Date.now();
    await expect.poll(async () => (await idsOf(second, "shared")).ids, { interval: 50 }).toEqual([1]);
    await expect.poll(async () => (await layerOf(second, "shared")).stable_as_of).toBeGreaterThan(written);

    expect((await upsert(first, "shared", [2])).status).toBe(200);
    await expect.poll(async () => (await layerOf(second, "shared")).is_stable).toBe(false);
    const during = await idsOf(second, "shared");
    expect(during.ids).toEqual([1]);
    expect(during.stableAsOf).toBeGreaterThan(written);
    await expect
      .poll(() => idsOf(second, "shared"))
      .toMatchObject({ ids: [1, 2], stableAsOf: expect.any(Number) });
  }, 60_000);
});

describe("a gateway whose object store goes away", () => {
  it("refuses writes and keeps reading, says since when, and recovers by itself", async () => {
    const moto = await startMoto("layer");
    open.push(moto);
    const proxy = await startFaultProxy(moto.port);
    open.push({ stop: () => proxy.close() });
    vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
    const gateway = await start({ S3_BUCKET: "layer", S3_ENDPOINT: proxy.endpoint });
    const faults = ["GET", "PUT"].map((method): Fault => ({ kind: "hang", method, times: 1_000 }));
    for (const fault of faults) proxy.inject(fault);

    const refused = await upsert(gateway, "n", [1]);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await refused.json()).toMatchObject({ error: "service_unavailable" });
    expect(await replicaOf(gateway)).toMatchObject({
      kind: "shared",
      status: "degraded",
      since: expect.stringMatching(/^20/),
      detail: expect.stringMatching(/^writes are refused: /),
    });
    const read = await gateway.request("/v2/namespaces/n/query", {
      json: { rank_by: ["id", "asc"], top_k: 1 },
    });
    expect(read.status).toBe(404);

    for (const fault of faults) fault.times = 0;
    await expect
      .poll(async () => (await upsert(gateway, "n", [1])).status, { timeout: 20_000, interval: 200 })
      .toBe(200);
    await expect.poll(async () => (await replicaOf(gateway)).status).toBe("ok");
    expect((await idsOf(gateway, "n")).ids).toEqual([1]);
  }, 90_000);
});
