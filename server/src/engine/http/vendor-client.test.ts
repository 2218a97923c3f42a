import Turbopuffer, {
  AuthenticationError,
  BadRequestError,
  NotFoundError,
  UnprocessableEntityError,
} from "@turbopuffer/turbopuffer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestEngine, TEST_KEY, type TestEngine } from "./test-engine.js";

/** The vendor's published client, unchanged: what it sends is what the engine must take. */
let t: TestEngine;
let client: Turbopuffer;

beforeAll(async () => {
  t = await startTestEngine();
  client = new Turbopuffer({ apiKey: TEST_KEY, baseURL: t.url, maxRetries: 0 });
});
afterAll(() => t.stop());

async function animals(name = t.fresh()) {
  const ns = client.namespace(name);
  await ns.write({
    upsert_rows: [
      { id: 1, vector: [1, 2], text: "walrus narwhal arctic mammal", kind: "a", n: 1 },
      { id: 2, vector: [3, 4], text: "pufferfish clownfish swordfish", kind: "b", n: 2 },
      { id: 3, vector: [4, 3], text: "quick walrus sea mammal", kind: "a", n: 3 },
    ],
    distance_metric: "cosine_distance",
    schema: { text: { type: "string", full_text_search: true } },
  });
  return ns;
}

describe("the vendor's TypeScript client", () => {
  it("writes rows and columns, queries, orders, filters and counts", async () => {
    const ns = await animals();
    const columns = await ns.write({ upsert_columns: { id: [4], vector: [[0, 1]], text: ["fox"], n: [4] } });
    expect(columns.rows_affected).toBe(1);
    const near = await ns.query({ rank_by: ["vector", "ANN", [1, 1]], limit: 2 });
    expect(near.rows?.map(({ id }) => id)).toEqual([2, 3]);
    expect(near.performance.approx_namespace_size).toBe(4);
    const ranked = await ns.query({
      rank_by: ["text", "BM25", "quick walrus"],
      limit: 5,
      include_attributes: ["kind"],
    });
    expect(ranked.rows?.map(({ id, kind }) => [id, kind])).toEqual([
      [3, "a"],
      [1, "a"],
    ]);
    const ordered = await ns.query({ rank_by: ["n", "desc"], limit: 2, filters: ["kind", "Eq", "a"] });
    expect(ordered.rows?.map(({ id }) => id)).toEqual([3, 1]);
    const counted = await ns.query({ aggregate_by: { count: ["Count"] }, filters: ["n", "Gte", 2] });
    expect(counted.aggregations).toEqual({ count: 3 });
  });

  it("sends several queries at once and fuses them", async () => {
    const ns = await animals();
    const queries = [
      { rank_by: ["vector", "ANN", [1, 2]] as ["vector", "ANN", number[]], limit: 1 },
      { rank_by: ["text", "BM25", "quick"] as ["text", "BM25", string], limit: 1 },
    ];
    const { results } = await ns.multiQuery({ queries });
    expect(results.map(({ rows }) => rows?.map(({ id }) => id))).toEqual([[1], [3]]);
    const fused = await ns.multiQuery({ queries, rerank_by: ["RRF"] });
    expect(fused.results[0]?.rows?.map(({ id }) => id)).toEqual([1, 3]);
  });

  it("patches, writes under conditions, deletes by id and by filter", async () => {
    const ns = await animals();
    const patched = await ns.write({ patch_rows: [{ id: 1, n: 10 }] });
    expect(patched.rows_patched).toBe(1);
    const conditional = await ns.write({
      upsert_rows: [{ id: 1, vector: [1, 1], n: 5 }],
      upsert_condition: ["n", "Lt", { $ref_new: "n" }],
    });
    expect(conditional.rows_affected).toBe(0);
    expect((await ns.write({ deletes: [2] })).rows_deleted).toBe(1);
    expect((await ns.write({ delete_by_filter: ["n", "Gte", 10] })).rows_affected).toBe(1);
    expect((await ns.query({ rank_by: ["id", "asc"], limit: 9 })).rows?.map(({ id }) => id)).toEqual([3]);
  });

  it("reads and updates schema and metadata, hints, evaluates recall, explains", async () => {
    const ns = await animals();
    expect((await ns.schema()).n).toMatchObject({ type: "int", filterable: true });
    const updated = await ns.updateSchema({ schema: { n: { type: "int", filterable: false } } });
    expect(updated.n).toMatchObject({ filterable: false });
    expect(await ns.metadata()).toMatchObject({ approx_row_count: 3, index: { status: "up-to-date" } });
    expect((await ns.updateMetadata({ pinning: true })).pinning).toEqual({ replicas: 1 });
    expect((await ns.hintCacheWarm()).status).toBe("ACCEPTED");
    expect((await ns.recall({ num: 1, top_k: 2 })).avg_recall).toBe(1);
    expect((await ns.explainQuery({ rank_by: ["id", "asc"], limit: 1 })).plan_text).not.toBe("");
  });

  it("copies, branches, lists in pages and deletes", async () => {
    await animals("animals");
    const copy = client.namespace("vendor-copy");
    const branch = client.namespace("vendor-branch");
    expect((await copy.copyFrom({ source_namespace: "animals" })).status).toBe("OK");
    expect((await branch.branchFrom({ source_namespace: "animals" })).status).toBe("OK");
    const names: string[] = [];
    for await (const { id } of client.namespaces({ prefix: "vendor-", page_size: 1 })) names.push(id);
    expect(names).toEqual(["vendor-branch", "vendor-copy"]);
    expect(await copy.exists()).toBe(true);
    await copy.deleteAll();
    expect(await copy.exists()).toBe(false);
  });

  it("exchanges base64 vectors and compressed bodies", async () => {
    const zipped = new Turbopuffer({ apiKey: TEST_KEY, baseURL: t.url, maxRetries: 0, compression: true });
    const ns = zipped.namespace(t.fresh());
    const ids = Array.from({ length: 500 }, (_, id) => id);
    await ns.write({
      upsert_columns: { id: ids, vector: ids.map((id) => [id, 0.1, 0.2]), s: ids.map((id) => `row ${id}`) },
      distance_metric: "euclidean_squared",
    });
    const { rows } = await ns.query({
      rank_by: ["vector", "ANN", [0, 0, 0]],
      limit: 500,
      include_attributes: true,
      vector_encoding: "base64",
    });
    expect(rows).toHaveLength(500);
    expect(typeof rows?.[0]?.vector).toBe("string");
  });

  it("raises its typed errors", async () => {
    const missing = client.namespace("vendor-missing");
    await expect(missing.query({ rank_by: ["id", "asc"], limit: 1 })).rejects.toBeInstanceOf(NotFoundError);
    await expect(client.namespace("bad name").schema()).rejects.toBeInstanceOf(BadRequestError);
    const ns = await animals();
    await expect(ns.query({ rank_by: ["id", "asc"], limit: 0 })).rejects.toBeInstanceOf(BadRequestError);
    const shape = { upsert_rows: { id: 1 } } as unknown as Parameters<typeof ns.write>[0];
    await expect(ns.write(shape)).rejects.toBeInstanceOf(UnprocessableEntityError);
    const stranger = new Turbopuffer({ apiKey: "tpuf_wrong", baseURL: t.url, maxRetries: 0 });
    await expect(stranger.namespace("a").schema()).rejects.toBeInstanceOf(AuthenticationError);
  });

  it("works with a region in the base URL's path", async () => {
    const regional = new Turbopuffer({
      apiKey: TEST_KEY,
      baseURL: `${t.url}/{region}`,
      region: "gcp-us-central1",
    });
    const ns = regional.namespace(t.fresh());
    await ns.write({ upsert_rows: [{ id: 1 }] });
    expect((await ns.query({ rank_by: ["id", "asc"], limit: 1 })).rows).toEqual([{ id: 1 }]);
  });
});
