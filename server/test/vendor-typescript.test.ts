/**
 * Turbopuffer's own TypeScript client, unchanged, pointed at the gateway with the store's key: what it could do before, it
 * can do here.
 */
import Turbopuffer from "@turbopuffer/turbopuffer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KEY, type RunningGateway, startGateway } from "../../scripts/running-gateway.js";

let gateway: RunningGateway;
let client: Turbopuffer;

beforeAll(async () => {
  gateway = await startGateway();
  client = new Turbopuffer({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0 });
});

afterAll(async () => {
  await gateway.stop();
});

describe("the vendor's TypeScript client", () => {
  it("writes rows, queries by vector and by text, reads metadata and schema, lists and deletes", async () => {
    const films = client.namespace("vendor-films");
    const written = await films.write({
      upsert_rows: [
        { id: 1, vector: [0.1, 0.9], title: "Trail shoe", price: 89 },
        { id: 2, vector: [0.9, 0.1], title: "Rain jacket", price: 129 },
        { id: 3, vector: [0.2, 0.8], title: "Road shoe", price: 99 },
      ],
      distance_metric: "cosine_distance",
      schema: { title: { type: "string", full_text_search: true } },
    });
    expect(written.rows_affected).toBe(3);

    const near = await films.query({
      rank_by: ["vector", "ANN", [0.1, 0.9]],
      top_k: 2,
      include_attributes: ["title"],
    });
    expect(near.rows?.map((row) => row.id)).toEqual([1, 3]);
    expect(near.rows?.[0]?.title).toBe("Trail shoe");

    const text = await films.query({ rank_by: ["title", "BM25", "jacket"], top_k: 5 });
    expect(text.rows?.map((row) => row.id)).toEqual([2]);

    const cheap = await films.query({ rank_by: ["price", "asc"], top_k: 5, filters: ["price", "Lt", 100] });
    expect(cheap.rows?.map((row) => row.id)).toEqual([1, 3]);

    const metadata = await films.metadata();
    expect(metadata.approx_row_count).toBe(3);
    expect(Object.keys(await films.schema())).toContain("title");

    const listed: string[] = [];
    for await (const namespace of client.namespaces({ prefix: "vendor-" })) listed.push(namespace.id);
    expect(listed).toEqual(["vendor-films"]);

    await films.deleteAll();
    expect(await films.exists()).toBe(false);
    await expect(films.query({ rank_by: ["id", "asc"], top_k: 1 })).rejects.toThrow(
      Turbopuffer.NotFoundError,
    );
  });

  it("patches, deletes by id and by filter, and writes on a condition", async () => {
    const stock = client.namespace("vendor-stock");
    await stock.write({
      upsert_rows: [1, 2, 3].map((id) => ({ id, version: 2, state: id === 3 ? "old" : "new" })),
    });
    await stock.write({ patch_rows: [{ id: 1, state: "sold" }], deletes: [2] });
    const conditional = await stock.write({
      upsert_rows: [{ id: 1, version: 1, state: "stale" }],
      upsert_condition: ["version", "Lt", { $ref_new: "version" }],
    });
    expect(conditional.rows_affected).toBe(0);
    const removed = await stock.write({ delete_by_filter: ["state", "Eq", "old"] });
    expect(removed.rows_deleted).toBe(1);
    const left = await stock.query({ rank_by: ["id", "asc"], top_k: 10, include_attributes: ["state"] });
    expect(left.rows).toEqual([{ id: 1, state: "sold" }]);
  });

  it("hints, measures recall and compresses", async () => {
    const compressed = new Turbopuffer({
      apiKey: KEY,
      baseURL: gateway.url,
      compression: true,
      maxRetries: 0,
    });
    const big = compressed.namespace("vendor-big");
    const rows = Array.from({ length: 500 }, (_, id) => ({
      id,
      vector: [id / 500, 1 - id / 500],
      text: `row number ${id} of many`,
    }));
    await big.write({ upsert_rows: rows, distance_metric: "euclidean_squared" });
    expect((await big.hintCacheWarm()).status).toMatch(/^(ACCEPTED|OK)$/);
    expect((await big.recall({ num: 2, top_k: 3 })).avg_recall).toBe(1);
    const all = await big.query({ rank_by: ["id", "asc"], top_k: 500, include_attributes: true });
    expect(all.rows).toHaveLength(500);
  });

  it("gets a typed error for a wrong key, a missing namespace and a refused name", async () => {
    const stranger = new Turbopuffer({ apiKey: "tpuf_wrong", baseURL: gateway.url, maxRetries: 0 });
    await expect(stranger.namespace("vendor-films").metadata()).rejects.toThrow(
      Turbopuffer.AuthenticationError,
    );
    await expect(client.namespace("vendor-none").metadata()).rejects.toThrow(/was not found/);
    await expect(
      client.namespace("vendor-none").write({ upsert_rows: [{ id: 1, _hevlayer_shard: 3 }] }),
    ).rejects.toThrow(Turbopuffer.UnprocessableEntityError);
  });
});
