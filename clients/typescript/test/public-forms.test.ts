/**
 * The forms that the public documentation uses, letter for letter: each compiles, under strict options, and runs. A form is
 * added here with its operation.
 */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Hevlayer } from "../src/index.js";
import { type FaultServer, startFaultServer } from "./fault-server.js";

let server: FaultServer;

beforeEach(async () => {
  server = await startFaultServer({
    body: { id: "products", layer: {}, namespaces: [], rows: [], status: "OK" },
  });
  vi.stubEnv("LAYER_GATEWAY_URL", server.url);
  vi.stubEnv("LAYER_GATEWAY_API_KEY", "tpuf_local");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server.close();
});

it("the forms of the public documentation compile and run as written", async () => {
  const client = new Hevlayer({
    baseUrl: process.env.LAYER_GATEWAY_URL,
    apiKey: process.env.LAYER_GATEWAY_API_KEY,
  });
  new Hevlayer({ fallbackToTurbopuffer: false });
  await client.getNamespaceMetadata("products");
  await client.listNamespaces({ prefix: "prod", pageSize: 100 });
  await client.hintCacheWarm("products");
  await client.hintCacheWarm("products", { turbopuffer: false, documents: false, snapshots: true });
  const job = await client.warmCache("products", { pageSize: 1000 });
  await client.getWarmJob("products", job.id);
  await client.warmNamespace("products");

  expect(server.requests.map(({ method, target }) => `${method} ${target}`)).toEqual([
    "GET /v2/namespaces/products/metadata",
    "GET /v2/namespaces?prefix=prod&page_size=100",
    "GET /v1/namespaces/products/hint_cache_warm",
    "GET /v1/namespaces/products/hint_cache_warm?turbopuffer=false&documents=false&snapshots=true",
    "POST /v2/namespaces/products/warm?page_size=1000",
    "GET /v2/namespaces/products/warm-jobs/products",
    "POST /v2/namespaces/products/warm",
  ]);
  expect(server.requests[0]?.headers.authorization).toBe("Bearer tpuf_local");
});

it("an unset variable stands for an option that is not given", async () => {
  vi.stubEnv("LAYER_GATEWAY_API_KEY", undefined);
  const client = new Hevlayer({ apiKey: process.env.LAYER_GATEWAY_API_KEY, turbopufferApiKey: undefined });
  await client.getNamespaceMetadata("products");
  expect(server.requests[0]?.headers).not.toHaveProperty("authorization");
});

it("a call takes a signal, a query also its text and labels", async () => {
  const client = new Hevlayer({ timeout: 30000 });
  await client.fetchDocument("products", "a", {
    includeAttributes: ["title"],
    signal: AbortSignal.timeout(5000),
  });
  const { data, perf } = await client.queryNamespace(
    "products",
    { vector: [0.1], top_k: 5 },
    { withPerf: true },
  );
  expect(data.rows).toEqual([]);
  expect([perf.latencyMs > 0, perf.cacheStatus, perf.fallback]).toEqual([true, null, null]);
});
