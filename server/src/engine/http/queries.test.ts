import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Json } from "../json.js";
import { startTestEngine, type TestEngine } from "./test-engine.js";

let t: TestEngine;
beforeAll(async () => {
  t = await startTestEngine();
});
afterAll(() => t.stop());

const BY_ID = { rank_by: ["id", "asc"], limit: 100 };

async function diagonal(metric: string, count: number): Promise<string> {
  const ns = t.fresh();
  const ids = Array.from({ length: count }, (_, i) => i);
  await t.write(ns, {
    upsert_columns: { id: ids, vector: ids.map((i) => [i / 10, i / 10]), even: ids.map((i) => i % 2 === 0) },
    distance_metric: metric,
  });
  return ns;
}

describe("ranking", () => {
  it("35 ranks by squared euclidean distance, a distance of 0 included", async () => {
    const ns = await diagonal("euclidean_squared", 5);
    const rows = await t.rows(ns, { rank_by: ["vector", "ANN", [0, 0]], limit: 5 });
    expect(rows.map(({ id }) => id)).toEqual([0, 1, 2, 3, 4]);
    const expected = [0, 0.02, 0.08, 0.18, 0.32];
    rows.forEach(({ $dist }, i) => {
      expect($dist).toBeCloseTo(expected[i] as number, 6);
    });
    expect(rows[0]?.$dist).toBe(0);
  });

  it("35 breaks ties of equal float32 distances by ascending id", async () => {
    const ns = await diagonal("euclidean_squared", 98);
    const ids = await t.ids(ns, { rank_by: ["vector", "ANN", [1.5, 1.6]], limit: 5 });
    expect(ids).toEqual([15, 16, 14, 17, 18]);
  });

  it("36 ranks by cosine distance ascending", async () => {
    const ns = t.fresh();
    await t.write(ns, {
      upsert_rows: [
        { id: 1, vector: [1, 2] },
        { id: 2, vector: [3, 4] },
        { id: 3, vector: [0, 0] },
      ],
      distance_metric: "cosine_distance",
    });
    const rows = await t.rows(ns, { rank_by: ["vector", "ANN", [1, 1]], limit: 3 });
    expect(rows.map(({ id }) => id)).toEqual([2, 1, 3]);
    expect(rows[0]?.$dist).toBeCloseTo(0.010051, 6);
    expect(rows[1]?.$dist).toBeCloseTo(0.051317, 6);
    expect(rows[2]?.$dist).toBe(1);
    const encoded = Buffer.from(Float32Array.of(1, 1).buffer).toString("base64");
    expect(await t.ids(ns, { rank_by: ["vector", "ANN", encoded], limit: 1 })).toEqual([2]);
    expect((await t.query(ns, { rank_by: ["vector", "ANN", [1]], limit: 1 })).status).toBe(400);
  });

  it("37 filters nearest neighbours, and requires filters for kNN", async () => {
    const ns = await diagonal("euclidean_squared", 10);
    const filters = ["even", "Eq", true];
    const ann = await t.rows(ns, { rank_by: ["vector", "ANN", [0.5, 0.5]], filters, limit: 3 });
    expect(ann.map(({ id }) => id)).toEqual([4, 6, 2]);
    expect(await t.rows(ns, { rank_by: ["vector", "kNN", [0.5, 0.5]], filters, limit: 3 })).toEqual(ann);
    expect((await t.query(ns, { rank_by: ["vector", "kNN", [0, 0]], limit: 3 })).status).toBe(400);
  });

  it("38 orders by an attribute without a distance", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_columns: { id: [1, 2, 3, 4, 5], a: ["5", "4", "3", "2", "1"] } });
    const rows = await t.rows(ns, { rank_by: ["a", "asc"], limit: 10 });
    expect(rows).toEqual([5, 4, 3, 2, 1].map((id) => ({ id })));
  });

  it("38 orders text by UTF-8 bytes and uint ids by number", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_columns: { id: [10, 2, 3], a: ["\u{1F600}", "\uFFFD", "z"] } });
    expect(await t.ids(ns, { rank_by: ["a", "asc"], limit: 10 })).toEqual([3, 2, 10]);
    expect(await t.ids(ns, BY_ID)).toEqual([2, 3, 10]);
    expect(await t.ids(ns, { rank_by: ["id", "desc"], limit: 10 })).toEqual([10, 3, 2]);
  });

  it("39 puts nulls first ascending and last descending, ties by ascending id", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_columns: { id: [1, 2, 3, 4, 5], a: [2, null, 1, null, 2] } });
    expect(await t.ids(ns, { rank_by: ["a", "asc"], limit: 10 })).toEqual([2, 4, 3, 1, 5]);
    expect(await t.ids(ns, { rank_by: ["a", "desc"], limit: 10 })).toEqual([1, 5, 3, 2, 4]);
    expect((await t.query(ns, { rank_by: ["nope", "asc"], limit: 10 })).body.error).toContain("not found");
  });

  it("40 takes limit, limit.total and top_k alike, and insists on 1 to 10000", async () => {
    const ns = await diagonal("euclidean_squared", 5);
    for (const limit of [{ limit: 2 }, { limit: { total: 2 } }, { top_k: 2 }]) {
      expect(await t.ids(ns, { rank_by: ["id", "asc"], ...limit })).toEqual([0, 1]);
    }
    const none = await t.query(ns, { rank_by: ["id", "asc"] });
    expect([none.status, none.body.error]).toEqual([400, "rank_by queries must specify top_k or limit"]);
    for (const top_k of [0, 10_001]) {
      const reply = await t.query(ns, { rank_by: ["id", "asc"], top_k });
      expect([reply.status, reply.body.error]).toEqual([400, "top_k must be between 1 and 10000"]);
    }
    expect((await t.query(ns, { rank_by: [], limit: 1 })).body.error).toBe("rank_by cannot be empty");
  });
});

describe("attributes of rows", () => {
  it("41 returns the attributes asked for", async () => {
    const ns = t.fresh();
    await t.write(ns, {
      upsert_rows: [{ id: 1, vector: [1, 0], x: 1, y: 2 }],
      distance_metric: "cosine_distance",
    });
    const row = async (body: { [key: string]: Json }) => (await t.rows(ns, { ...BY_ID, ...body }))[0];
    expect(await row({})).toEqual({ id: 1 });
    expect(await row({ include_attributes: false })).toEqual({ id: 1 });
    expect(await row({ include_attributes: [] })).toEqual({ id: 1 });
    expect(await row({ include_attributes: ["x"] })).toEqual({ id: 1, x: 1 });
    expect(await row({ include_attributes: true })).toEqual({ id: 1, vector: [1, 0], x: 1, y: 2 });
    expect(await row({ exclude_attributes: ["vector"] })).toEqual({ id: 1, x: 1, y: 2 });
  });

  it("42 refuses unknown names to include, ignores them to exclude, and refuses both at once", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: [{ id: 1, x: 1 }] });
    const unknown = await t.query(ns, { ...BY_ID, include_attributes: ["nope"] });
    expect(unknown.status).toBe(400);
    expect(unknown.body.error).toContain('attribute "nope" not found in schema, cannot be part of');
    expect(await t.rows(ns, { ...BY_ID, exclude_attributes: ["nope"] })).toEqual([{ id: 1, x: 1 }]);
    const both = await t.query(ns, { ...BY_ID, include_attributes: ["x"], exclude_attributes: ["x"] });
    expect(both.body.error).toBe("cannot specify both include_attributes and exclude_attributes");
  });
});

describe("full text", () => {
  const text = async (texts: Record<string, string>, options: Json = true) => {
    const ns = t.fresh();
    await t.write(ns, {
      upsert_rows: Object.entries(texts).map(([id, content]) => ({ id: Number(id), content })),
      schema: { content: { type: "string", full_text_search: options } },
    });
    return ns;
  };
  const scores = async (ns: string, query: string) =>
    (await t.rows(ns, { rank_by: ["content", "BM25", query], limit: 10 })).map(({ id, $dist }) => [
      id,
      Number(($dist as number).toFixed(6)),
    ]);

  it("48 scores by BM25 exactly and leaves zero scores out", async () => {
    const ns = await text({ 1: "red fox", 2: "red fox red fox", 3: "blue bird sings" });
    expect(await scores(ns, "red")).toEqual([
      [2, 0.590862],
      [1, 0.544215],
    ]);
    expect(await scores(ns, "fox red")).toEqual([
      [2, 1.181723],
      [1, 1.088429],
    ]);
    expect(await scores(ns, "blue")).toEqual([[3, 0.980829]]);
    expect(await scores(ns, "red red")).toEqual([
      [2, 1.063551],
      [1, 0.979587],
    ]);
    expect(await scores(ns, "sings bird")).toEqual([[3, 1.961659]]);
    expect(await scores(ns, "zebra")).toEqual([]);
  });

  it("48 gives the documented scores of a second corpus, before and after rewrites", async () => {
    const ns = await text({ 1: "gone", 2: "pufferfish clownfish swordfish", 3: "quick walrus sea mammal" });
    await t.write(ns, { upsert_rows: [{ id: 1, content: "walrus narwhal arctic mammal" }] });
    expect(await scores(ns, "quick walrus")).toEqual([
      [3, 1.398811],
      [1, 0.453151],
    ]);
    expect(await scores(ns, "walrus")).toEqual([
      [1, 0.453151],
      [3, 0.453151],
    ]);
    await t.write(ns, { deletes: [1] });
    expect(await t.ids(ns, { rank_by: ["content", "BM25", "walrus"], limit: 10 })).toEqual([3]);
  });

  it("48 refuses BM25 on an attribute without a full-text index", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: [{ id: 1, plain: "text" }] });
    expect((await t.query(ns, { rank_by: ["plain", "BM25", "text"], limit: 1 })).status).toBe(400);
  });

  it("49 adds, multiplies and takes the largest of clauses", async () => {
    const ns = await text({ 1: "red fox", 2: "red fox red fox", 3: "blue bird sings" });
    const top = async (rank_by: Json) =>
      (await t.rows(ns, { rank_by, limit: 1 }))[0] as { id: number; $dist: number };
    const red = ["content", "BM25", "red"];
    const blue = ["content", "BM25", "blue"];
    expect((await top(["Sum", [red, ["content", "BM25", "fox"]]])).$dist).toBeCloseTo(1.181723, 6);
    expect(await top(["Max", [red, blue]])).toMatchObject({ id: 3, $dist: expect.closeTo(0.980829, 6) });
    for (const product of [
      ["Product", 2, red],
      ["Product", red, 2],
    ]) {
      expect((await top(product)).$dist).toBeCloseTo(1.181723, 5);
    }
    expect((await t.query(ns, { rank_by: ["Product", -1, red], limit: 1 })).status).toBe(400);
  });

  it("50 matches documents with all the tokens", async () => {
    const ns = await text({ 1: "marine life has mammals", 2: "marine biology" });
    const ids = (query: string) => t.ids(ns, { ...BY_ID, filters: ["content", "ContainsAllTokens", query] });
    expect(await ids("marine mammals")).toEqual([1]);
    expect(await ids("MARINE")).toEqual([1, 2]);
    expect(await ids("marine mammals whale")).toEqual([]);
  });
});

describe("aggregations and several queries", () => {
  it("51 counts without rows", async () => {
    const ns = await diagonal("euclidean_squared", 7);
    for (const count of [["Count"], ["Count", "id"]]) {
      const { body } = await t.query(ns, { aggregate_by: { c: count }, filters: ["even", "Eq", true] });
      expect(body.aggregations).toEqual({ c: 4 });
      expect(body).not.toHaveProperty("rows");
    }
    const other = await t.query(ns, { aggregate_by: { c: ["Count", "even"] } });
    expect(other.body.error).toContain('aggregate_by with attributes other than "id" not yet supported');
    const limited = await t.query(ns, { aggregate_by: { c: ["Count"] }, top_k: 1 });
    expect(limited.body.error).toContain("top_k is not supported in aggregation queries without group_by");
    expect((await t.query(ns, { aggregate_by: { c: ["Count"] }, rank_by: ["id", "asc"] })).status).toBe(400);
  });

  it("52 answers several queries in order", async () => {
    const ns = t.fresh();
    await t.write(ns, {
      upsert_rows: [
        { id: 1, vector: [1, 0], content: "a" },
        { id: 2, vector: [0, 1], content: "fox" },
      ],
      distance_metric: "cosine_distance",
      schema: { content: { type: "string", full_text_search: true } },
    });
    const { body } = await t.query(ns, {
      queries: [
        { rank_by: ["vector", "ANN", [1, 0]], limit: 1 },
        { rank_by: ["content", "BM25", "fox"], limit: 5 },
        { aggregate_by: { n: ["Count"] } },
      ],
    });
    expect(body.results).toMatchObject([
      { rows: [{ id: 1 }] },
      { rows: [{ id: 2 }] },
      { aggregations: { n: 2 } },
    ]);
    expect(body).toHaveProperty("billing");
    expect(body).toHaveProperty("performance");
    expect((await t.query(ns, { queries: [] })).body.error).toContain("must send at least one sub-query");
    const many = await t.query(ns, { queries: new Array(17).fill({ limit: 1 }) });
    expect(many.body.error).toContain("requires 17 permits, max is 16");
  });

  it("53 reports billing and performance with every required field", async () => {
    const ns = await diagonal("euclidean_squared", 98);
    const query = { rank_by: ["vector", "ANN", [0, 0]], limit: 2, filters: ["even", "Eq", true] };
    const { body } = await t.query(ns, query);
    expect(body.billing).toEqual({
      billable_logical_bytes_queried: 256_000_000,
      billable_logical_bytes_returned: 24,
    });
    expect(body.performance).toEqual({
      cache_hit_ratio: 1,
      cache_temperature: "hot",
      server_total_ms: expect.any(Number),
      query_execution_ms: expect.any(Number),
      exhaustive_search_count: 98,
      approx_namespace_size: 98,
    });
  });

  it("53 bills five rows with a 2-d vector and five bytes of text as 105 bytes", async () => {
    const ns = t.fresh();
    const ids = [1, 2, 3, 4, 5];
    await t.write(ns, {
      upsert_columns: {
        id: ids,
        vector: ids.map((i) => [i, i]),
        hello: ids.map((i) => (i === 1 ? "world" : null)),
      },
      distance_metric: "euclidean_squared",
    });
    const query = { rank_by: ["vector", "ANN", [0, 0]], limit: 5, include_attributes: ["vector", "hello"] };
    expect((await t.query(ns, query)).body.billing).toMatchObject({ billable_logical_bytes_returned: 105 });
  });

  it("54 shows a write to the query right after it, at either consistency level", async () => {
    const ns = t.fresh();
    for (let id = 1; id <= 5; id++) {
      await t.write(ns, { upsert_rows: [{ id }] });
      for (const level of ["strong", "eventual"]) {
        expect(await t.ids(ns, { ...BY_ID, consistency: { level } })).toHaveLength(id);
      }
    }
  });
});
