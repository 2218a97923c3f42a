import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Json } from "../json.js";
import { startTestEngine, type TestEngine } from "./test-engine.js";

let t: TestEngine;
beforeAll(async () => {
  t = await startTestEngine();
});
afterAll(() => t.stop());

const shop = async () => {
  const ns = t.fresh();
  await t.write(ns, {
    upsert_columns: {
      id: [1, 2, 3, 4, 5],
      color: ["red", "blue", "red", null, "blue"],
      size: [1, 2, 3, 4, 5],
      price: [1.5, 2, 2.5, 3, 3.5],
      tags: [["a", "b"], ["b", "b"], ["a"], null, []],
    },
  });
  return ns;
};

describe("groups, diversity and order", () => {
  it("63 groups by attributes in key order, null first, with several labels", async () => {
    const ns = await shop();
    const aggregate_by = { n: ["Count"], total: ["Sum", "size"], money: ["Sum", "price"] };
    const { body } = await t.query(ns, { aggregate_by, group_by: ["color"] });
    expect(body.aggregation_groups).toEqual([
      { color: null, n: 1, total: 4, money: 3 },
      { color: "blue", n: 2, total: 7, money: 5.5 },
      { color: "red", n: 2, total: 4, money: 4 },
    ]);
    for (const limit of [{ top_k: 1 }, { limit: 1 }]) {
      const limited = await t.query(ns, { aggregate_by, group_by: ["color"], ...limit });
      expect(limited.body.aggregation_groups).toHaveLength(1);
    }
  });

  it("63 groups by each distinct element of an array", async () => {
    const ns = await shop();
    const { body } = await t.query(ns, {
      aggregate_by: { n: ["Count"] },
      group_by: [{ tag: ["ForEachUnique", "tags"] }],
      filters: ["tags", "NotEq", null],
    });
    expect(body.aggregation_groups).toEqual([
      { tag: "a", n: 2 },
      { tag: "b", n: 2 },
    ]);
  });

  it("63 refuses two keys or totals of one name, of which a group could show only one", async () => {
    const ns = await shop();
    for (const body of [
      { aggregate_by: { color: ["Count"] }, group_by: ["color"] },
      { aggregate_by: { n: ["Count"] }, group_by: ["color", "color"] },
      { aggregate_by: { n: ["Count"] }, group_by: ["color", { color: ["ForEachUnique", "tags"] }] },
    ]) {
      const reply = await t.query(ns, body);
      expect([reply.status, reply.body.error]).toEqual([400, expect.stringContaining("'color'")]);
    }
  });

  it("63 sums nothing to 0 and large integers exactly", async () => {
    const ns = t.fresh();
    await t.write(ns, '{"upsert_rows":[{"id":1,"n":9007199254740993},{"id":2,"n":2}]}');
    const sum = (filters: Json) => t.query(ns, { aggregate_by: { s: ["Sum", "n"] }, filters });
    expect((await sum(["id", "Gt", 5])).body.aggregations).toEqual({ s: 0 });
    expect((await sum(["id", "Gt", 0])).text).toContain('"s":9007199254740995');
  });

  it("63 keeps an overflowing sum a number", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: [1, 2].map((id) => ({ id, f: 1.7e308 })), schema: { f: "float" } });
    const aggregate_by = { s: ["Sum", "f"] };
    expect((await t.query(ns, { aggregate_by })).body.aggregations).toEqual({ s: Number.MAX_VALUE });
  });

  it("64 keeps at most so many rows per key, and only when ordering by attribute", async () => {
    const ns = await shop();
    const per = { total: 10, per: { attributes: ["color"], limit: 1 } };
    expect(await t.ids(ns, { rank_by: ["size", "desc"], limit: per })).toEqual([5, 4, 3]);
    expect(await t.ids(ns, { rank_by: ["size", "desc"], limit: { ...per, total: 2 } })).toEqual([5, 4]);
    const scored = await t.query(ns, { rank_by: ["color", "Eq", "red"], limit: per });
    expect([scored.status, scored.body.error]).toEqual([
      400,
      "`limit.per` is only supported when ranking by an attribute",
    ]);
  });

  it.each([
    ["nope", '"nope" not found in schema'],
    ["vector", '"vector" is a vector'],
  ])("64 counts no rows by the attribute %s", async (attribute, message) => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: [{ id: 1, vector: [1] }], distance_metric: "euclidean_squared" });
    const limit = { total: 1, per: { attributes: [attribute], limit: 1 } };
    const { status, body } = await t.query(ns, { rank_by: ["id", "asc"], limit });
    expect([status, body.error]).toEqual([400, expect.stringContaining(`limit.per attribute ${message}`)]);
  });

  it("65 orders by several attributes", async () => {
    const ns = await shop();
    const rank_by = [
      ["color", "asc"],
      ["size", "desc"],
    ];
    expect(await t.ids(ns, { rank_by, limit: 10 })).toEqual([4, 5, 2, 3, 1]);
  });

  it("77 skips offset rows, given a ranking and a limit", async () => {
    const ns = await shop();
    expect(await t.ids(ns, { rank_by: ["size", "desc"], limit: 2, offset: 1 })).toEqual([4, 3]);
    expect(await t.ids(ns, { rank_by: ["size", "desc"], limit: 2, offset: 99 })).toEqual([]);
    expect((await t.query(ns, { limit: 2, offset: 1 })).status).toBe(400);
  });
});

describe("fusion", () => {
  const pair = async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_columns: { id: [1, 2], a: ["x", "y"], b: [1, 2] } });
    const queries = [
      { rank_by: ["id", "asc"], limit: 1, filters: ["a", "Eq", "x"], include_attributes: ["a"] },
      { rank_by: ["id", "asc"], limit: 1, filters: ["a", "Eq", "y"], include_attributes: ["b"] },
    ];
    return { ns, queries };
  };

  it("66 fuses lists by reciprocal rank", async () => {
    const { ns, queries } = await pair();
    const { body } = await t.query(ns, { queries, rerank_by: ["RRF"] });
    expect(body.results).toEqual([
      {
        rows: [
          { id: 1, a: "x", $dist: 1 / 61 },
          { id: 2, b: 2, $dist: 1 / 61 },
        ],
      },
    ]);
    const [first] = queries;
    const twice = await t.query(ns, { queries: [first as Json, first as Json], rerank_by: ["RRF"] });
    expect((twice.body.results as { rows: { $dist: number }[] }[])[0]?.rows[0]?.$dist).toBeCloseTo(
      2 / 61,
      12,
    );
  });

  it("66 weighs the lists, limits the fused one, and checks its options", async () => {
    const { ns, queries } = await pair();
    const fuse = (options: Json, root: { [key: string]: Json } = {}) =>
      t.query(ns, { queries, rerank_by: ["RRF", options], ...root });
    const ids = async (reply: Promise<{ body: { [key: string]: Json } }>) =>
      ((await reply).body.results as { rows: { id: number }[] }[])[0]?.rows.map(({ id }) => id);
    expect(await ids(fuse({ weights: [1, 5] }, { limit: 1 }))).toEqual([2]);
    expect(await ids(fuse({ weights: [5, 1] }, { limit: { total: 1 } }))).toEqual([1]);
    expect(await ids(fuse({ weights: [5, 1] }, { limit: 1, offset: 1 }))).toEqual([2]);
    const long = `{"queries":${JSON.stringify(queries)},"rerank_by":["RRF",{"weights":[1,10000000000000000000],"rank_constant":10000000000000000000}]}`;
    expect(await ids(t.query(ns, long))).toEqual([2, 1]);
    expect((await fuse({ weights: [1] })).status).toBe(400);
    expect((await fuse({ weights: [1, 0] })).status).toBe(400);
    expect((await fuse({ rank_constant: 0 })).status).toBe(400);
    const endless = `{"queries":${JSON.stringify(queries)},"rerank_by":["RRF",{"weights":[1e999,1]}]}`;
    expect((await t.query(ns, endless)).status).toBe(400);
    const [first] = queries;
    const twice = {
      queries: [first as Json, first as Json],
      rerank_by: ["RRF", { rank_constant: 1e-300, weights: [1e308, 1e308] }],
    };
    const { body } = await t.query(ns, twice);
    expect((body.results as { rows: Json[] }[])[0]?.rows).toMatchObject([{ $dist: Number.MAX_VALUE }]);
  });
});

describe("patterns", () => {
  const dens = async () => {
    const ns = t.fresh();
    await t.write(ns, {
      upsert_columns: { id: [1, 2, 3, 4], s: ["cat", "walrus den", "ECHO", "delta"] },
      schema: { s: { type: "string", glob: true, regex: true, fuzzy: true } },
    });
    return (filters: Json) => t.ids(ns, { limit: 10, filters });
  };

  it("67 matches globs, regular expressions and approximate text", async () => {
    const ids = await dens();
    expect(await ids(["s", "Glob", "c*"])).toEqual([1]);
    expect(await ids(["s", "Glob", "{cat,d?lta}"])).toEqual([1, 4]);
    expect(await ids(["s", "IGlob", "E*"])).toEqual([3]);
    expect(await ids(["s", "NotGlob", "c*"])).toEqual([2, 3, 4]);
    expect(await ids(["s", "Regex", "^(alpha|delta)$"])).toEqual([4]);
    expect(await ids(["s", "Regex", "(?i)echo|rus\\b"])).toEqual([2, 3]);
    const within = (distance: number) => ({ max_edit_distance: [{ min_query_chars: 6, distance }] });
    expect(await ids(["s", "Fuzzy", "walruss", within(1)])).toEqual([2]);
    expect(await ids(["s", "Fuzzy", "walruss", within(0)])).toEqual([]);
    expect(await ids(["s", "Fuzzy", "wal", within(1)])).toEqual([]);
    expect(await ids(["s", "Fuzzy", "WALRUS", { ...within(0), case_sensitive: false }])).toEqual([2]);
  });

  it("67 refuses patterns that no automaton can run, and indexes that are missing", async () => {
    const ns = t.fresh();
    await t.write(ns, {
      upsert_rows: [{ id: 1, s: "aaaa", plain: "a", n: 1 }],
      schema: { s: { type: "string", regex: true } },
    });
    for (const filters of [
      ["s", "Regex", "(?=a)a"],
      ["s", "Regex", "(a)\\1"],
      ["s", "Regex", "("],
      ["s", "Regex", "((a{1000}){1000}){1000}"],
      ["s", "Regex", "x".repeat(2_000)],
      ["s", "Glob", "a*"],
      ["plain", "Regex", "a"],
      ["plain", "Fuzzy", "abc", { max_edit_distance: [{ min_query_chars: 3, distance: 0 }] }],
      ["plain", "Glob", "[a"],
      ["n", "Glob", "1"],
    ]) {
      const reply = await t.query(ns, { limit: 1, filters });
      expect([filters, reply.status]).toEqual([filters, 400]);
      expect(reply.body.error).toMatch(/^filter error in key/);
    }
  });

  it("67 keeps catastrophic patterns linear", async () => {
    const ns = t.fresh();
    await t.write(ns, {
      upsert_rows: [{ id: 1, s: `${"a".repeat(4_000)}!` }],
      schema: { s: { type: "string", regex: true, filterable: true } },
    });
    const started = performance.now();
    expect(await t.ids(ns, { limit: 1, filters: ["s", "Regex", "^(a+)+$"] })).toEqual([]);
    expect(await t.ids(ns, { limit: 1, filters: ["s", "Glob", `${"*a".repeat(200)}b`] })).toEqual([]);
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});
