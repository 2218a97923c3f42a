import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestEngine, type TestEngine } from "./test-engine.js";

let t: TestEngine;
beforeAll(async () => {
  t = await startTestEngine({ limits: { deleteByFilterRows: 2, patchByFilterRows: 2 } });
});
afterAll(() => t.stop());

const ALL = { rank_by: ["id", "asc"], limit: 100, include_attributes: true };

describe("writes", () => {
  it("11 upserts a row with a vector and reports it", async () => {
    const reply = await t.write(t.fresh(), {
      upsert_rows: [{ id: 1, vector: [1, 1] }],
      distance_metric: "cosine_distance",
    });
    expect(reply.status).toBe(200);
    expect(reply.body).toMatchObject({
      status: "OK",
      message: "documents committed successfully",
      rows_affected: 1,
      rows_upserted: 1,
      billing: { billable_logical_bytes_written: 16 },
    });
    expect(reply.body).not.toHaveProperty("rows_deleted");
  });

  it("12 refuses a first vector without distance_metric and creates nothing", async () => {
    const ns = t.fresh();
    const reply = await t.write(ns, { upsert_rows: [{ id: 1, vector: [1, 1] }] });
    expect(reply.status).toBe(400);
    expect(reply.body.error).toContain("distance_metric must be specified");
    expect((await t.send("GET", `/v1/namespaces/${ns}/schema`)).status).toBe(404);
  });

  it("13 lets later writes omit the metric but not change it", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: [{ id: 1, vector: [1, 1] }], distance_metric: "cosine_distance" });
    expect((await t.write(ns, { upsert_rows: [{ id: 2, vector: [1, 0] }] })).status).toBe(200);
    const reply = await t.write(ns, {
      upsert_rows: [{ id: 3, vector: [1, 0] }],
      distance_metric: "euclidean_squared",
    });
    expect(reply.status).toBe(400);
    expect(reply.body.error).toContain(
      "distance metric mismatch, expected cosine_distance, got euclidean_squared",
    );
  });

  it("14 takes columns as it takes rows, a null being no value", async () => {
    const ns = t.fresh();
    await t.write(ns, {
      upsert_columns: { id: [1, 2], vector: [[1, 0], "AACAPwAAgD8="], k: ["a", null] },
      distance_metric: "cosine_distance",
    });
    expect(await t.rows(ns, ALL)).toEqual([
      { id: 1, vector: [1, 0], k: "a" },
      { id: 2, vector: [1, 1] },
    ]);
  });

  it("15 refuses columns of unequal length", async () => {
    const ns = t.fresh();
    expect((await t.write(ns, { upsert_columns: { id: [1, 2], k: ["a"] } })).status).toBe(400);
    expect((await t.query(ns, ALL)).status).toBe(404);
  });

  it("16 reads base64 vectors and prints either encoding", async () => {
    const ns = t.fresh();
    await t.write(ns, {
      upsert_rows: [{ id: 1, vector: "zczMPc3MTD6amZk+" }],
      distance_metric: "cosine_distance",
    });
    expect(await t.rows(ns, ALL)).toEqual([{ id: 1, vector: [0.1, 0.2, 0.3] }]);
    expect(await t.rows(ns, { ...ALL, vector_encoding: "base64" })).toEqual([
      { id: 1, vector: "zczMPc3MTD6amZk+" },
    ]);
  });

  it("17 prints a stored float32 as its shortest decimal", async () => {
    const ns = t.fresh();
    await t.write(ns, {
      upsert_rows: [{ id: 1, vector: [0.7, 0.7] }],
      distance_metric: "euclidean_squared",
    });
    expect((await t.query(ns, ALL)).text).toContain('"vector":[0.7,0.7]');
  });

  it("18 replaces the whole document on upsert", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: [{ id: 1, a: 1 }] });
    await t.write(ns, { upsert_rows: [{ id: 1, b: 2 }] });
    expect(await t.rows(ns, ALL)).toEqual([{ id: 1, b: 2 }]);
  });

  it("19 patches existing documents only, and a null clears", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: [{ id: 1, b: 2, c: 3 }] });
    const reply = await t.write(ns, {
      patch_rows: [
        { id: 1, a: 1, c: null },
        { id: 9, a: 1 },
      ],
    });
    expect(reply.body).toMatchObject({ rows_affected: 1, rows_patched: 1 });
    expect(await t.rows(ns, ALL)).toEqual([{ id: 1, b: 2, a: 1 }]);
    await t.write(ns, { patch_columns: { id: [1], a: [5] } });
    expect(await t.rows(ns, ALL)).toEqual([{ id: 1, b: 2, a: 5 }]);
  });

  it("20 refuses to patch a vector, even to null", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: [{ id: 1, vector: [1, 1] }], distance_metric: "cosine_distance" });
    for (const body of [
      { patch_rows: [{ id: 1, vector: [0, 1] }] },
      { patch_columns: { id: [1], vector: [null] } },
      { patch_by_filter: { filters: ["id", "Eq", 1], patch: { vector: [0, 1] } } },
    ]) {
      const reply = await t.write(ns, body);
      expect(reply.status).toBe(400);
      expect(reply.body.error).toContain("patching vectors is currently unsupported");
    }
  });

  it("21 deletes by id and counts only documents that were there", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: [{ id: 1 }, { id: 2 }] });
    expect((await t.write(ns, { deletes: [2, 7] })).body).toMatchObject({
      rows_affected: 1,
      rows_deleted: 1,
    });
    expect(await t.ids(ns, ALL)).toEqual([1]);
  });

  it("22 keeps a namespace whose documents are all deleted", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: [{ id: 1 }] });
    await t.write(ns, { deletes: [1] });
    expect(await t.rows(ns, ALL)).toEqual([]);
  });

  it("23 refuses an id that appears twice in one request and writes nothing", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: [{ id: 5 }] });
    for (const body of [
      { upsert_rows: [{ id: 1 }, { id: 1 }] },
      { upsert_rows: [{ id: 1 }], deletes: [1] },
      { upsert_rows: [{ id: 1 }], patch_rows: [{ id: 1, a: 1 }] },
    ]) {
      const reply = await t.write(ns, body);
      expect(reply.status).toBe(400);
      expect(reply.body.error).toMatch(/contains duplicate document IDs.*1$/);
    }
    expect(await t.ids(ns, ALL)).toEqual([5]);
  });

  it("24 deletes by filter", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_columns: { id: [0, 1, 2, 3, 4], a: [0, 1, 2, 1, 3] } });
    const reply = await t.write(ns, { delete_by_filter: ["a", "Eq", 1] });
    expect(reply.body).toMatchObject({ rows_affected: 2, rows_deleted: 2 });
    expect(await t.ids(ns, ALL)).toEqual([0, 2, 4]);
    const none = await t.write(ns, { delete_by_filter: ["a", "Eq", 99] });
    expect([none.status, none.body.rows_affected]).toEqual([200, 0]);
  });

  it("25 patches by filter", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_columns: { id: [1, 2, 3], s: ["draft", "live", "draft"], n: [1, 2, 3] } });
    const reply = await t.write(ns, {
      patch_by_filter: { filters: ["s", "Eq", "draft"], patch: { s: "done" } },
    });
    expect(reply.body).toMatchObject({ rows_affected: 2, rows_patched: 2 });
    expect((await t.rows(ns, ALL)).map(({ s, n }) => [s, n])).toEqual([
      ["done", 1],
      ["live", 2],
      ["done", 3],
    ]);
  });

  it("26 removes by filter before it upserts", async () => {
    const ns = t.fresh();
    await t.write(ns, {
      upsert_rows: [
        { id: 1, g: "x", old: true },
        { id: 2, g: "x" },
      ],
    });
    const reply = await t.write(ns, {
      delete_by_filter: ["g", "Eq", "x"],
      patch_by_filter: { filters: ["g", "Eq", "x"], patch: { g: "y" } },
      upsert_rows: [{ id: 1, g: "x" }],
    });
    expect(reply.body).toMatchObject({ rows_deleted: 2, rows_patched: 0, rows_upserted: 1 });
    expect(await t.rows(ns, ALL)).toEqual([{ id: 1, g: "x" }]);
  });

  it("27 upserts under a condition on the incoming version", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_columns: { id: [1, 2], version: [2, 5] } });
    const reply = await t.write(ns, {
      upsert_columns: { id: [1, 2, 3], version: [3, 4, 1] },
      upsert_condition: ["version", "Lt", { $ref_new: "version" }],
    });
    expect(reply.body).toMatchObject({ rows_affected: 2, rows_upserted: 2 });
    expect((await t.rows(ns, ALL)).map(({ version }) => version)).toEqual([3, 5, 1]);
    expect(reply.body.billing).toMatchObject({ query: { billable_logical_bytes_queried: 256_000_000 } });
  });

  it("28 inserts only if absent when the condition is that the id is null", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: [{ id: 1, a: "kept" }] });
    const reply = await t.write(ns, {
      upsert_rows: [{ id: 1, a: "new" }],
      upsert_condition: ["id", "Eq", null],
      return_affected_ids: true,
    });
    expect(reply.body).toMatchObject({ rows_affected: 0, rows_upserted: 0 });
    expect(reply.body).not.toHaveProperty("upserted_ids");
    expect(await t.rows(ns, ALL)).toEqual([{ id: 1, a: "kept" }]);
  });

  it("29 patches and deletes under conditions", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_columns: { id: [1, 2], score: [20, 10] } });
    const patch = { patch_rows: [{ id: 1, tag: "x" }], patch_condition: ["score", "Lt", 5] };
    expect((await t.write(ns, patch)).body.rows_patched).toBe(0);
    const remove = { deletes: [1, 2], delete_condition: ["score", "Gte", 20] };
    expect((await t.write(ns, remove)).body.rows_deleted).toBe(1);
    const references = { deletes: [2], delete_condition: ["score", "Lt", { $ref_new: "score" }] };
    expect((await t.write(ns, references)).body.rows_deleted).toBe(0);
    expect(await t.rows(ns, ALL)).toEqual([{ id: 2, score: 10 }]);
  });

  it("30 lists affected ids on request, and only those applied", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_columns: { id: [1, 2], v: [1, 9] } });
    const reply = await t.write(ns, {
      upsert_columns: { id: [1, 2], v: [5, 5] },
      upsert_condition: ["v", "Lt", 5],
      deletes: [3],
      return_affected_ids: true,
    });
    expect(reply.body.upserted_ids).toEqual([1]);
    expect(reply.body).not.toHaveProperty("deleted_ids");
  });

  it("31 keeps ids beyond 2^53 apart and prints them exactly", async () => {
    const ns = t.fresh();
    await t.write(
      ns,
      '{"upsert_rows":[{"id":9007199254740992},{"id":9007199254740993},{"id":18446744073709551615}]}',
    );
    const reply = await t.query(ns, { rank_by: ["id", "asc"], limit: 10 });
    expect(reply.text).toContain(
      '"rows":[{"id":9007199254740992},{"id":9007199254740993},{"id":18446744073709551615}]',
    );
    const filtered = await t.query(
      ns,
      '{"filters":["id","Gt",9007199254740992],"rank_by":["id","asc"],"limit":1}',
    );
    expect(filtered.text).toContain('"rows":[{"id":9007199254740993}]');
    await t.write(ns, '{"deletes":[9007199254740993]}');
    expect((await t.ids(ns, { limit: 10 })).map(String)).toEqual([
      "9007199254740992",
      "18446744073709551615",
    ]);
  });

  it("32 keeps string ids and refuses to mix kinds", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: [{ id: "7", a: 1 }] });
    expect(await t.ids(ns, ALL)).toEqual(["7"]);
    const reply = await t.write(ns, { upsert_rows: [{ id: 8 }] });
    expect(reply.status).toBe(400);
    expect(reply.body.error).toContain(
      "namespace ID type is string, but you sent uint; you are not allowed to mix ID types in the same namespace",
    );
    expect((await t.write(ns, { upsert_rows: [{ id: "x".repeat(65) }] })).status).toBe(400);
  });

  it("32 refuses halves of surrogate pairs, of which the store could not tell one id from another", async () => {
    const ns = t.fresh();
    const reply = await t.write(ns, '{"upsert_rows":[{"id":"\\ud800"},{"id":"\\ud801"}]}');
    expect([reply.status, reply.body.error]).toEqual([
      400,
      "Failed to parse the request body as JSON: lone surrogate in hex escape \\ud800",
    ]);
    expect((await t.write(ns, '{"upsert_rows":[{"id":"\\ud83d\\ude00"}]}')).status).toBe(200);
    expect(await t.ids(ns, ALL)).toEqual(["\u{1F600}"]);
  });

  it("33 stores and prints uuids in canonical form and finds them in any", async () => {
    const ns = t.fresh();
    const canonical = "f47ac10b-58cc-4372-a567-0e02b2c3d479";
    await t.write(ns, {
      schema: { id: "uuid", ref: "uuid" },
      upsert_rows: [{ id: canonical.toUpperCase(), ref: canonical.replaceAll("-", "") }],
      return_affected_ids: true,
    });
    expect(await t.rows(ns, ALL)).toEqual([{ id: canonical, ref: canonical }]);
    for (const form of [
      `{${canonical}}`,
      `urn:uuid:${canonical}`,
      canonical.replaceAll("-", "").toUpperCase(),
    ]) {
      expect(
        await t.ids(ns, {
          ...ALL,
          filters: [
            "And",
            [
              ["id", "Eq", form],
              ["ref", "In", [form]],
            ],
          ],
        }),
      ).toEqual([canonical]);
    }
    const bad = await t.write(ns, { upsert_rows: [{ id: "nope" }] });
    expect(bad.body.error).toContain("a written ID could not be parsed as uuid");
    const same = await t.write(ns, { upsert_rows: [{ id: canonical }, { id: `{${canonical}}` }] });
    expect(same.body.error).toContain("contains duplicate document IDs");
  });

  it("34 writes no row of a request with one bad row", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: [{ id: 1, n: 1 }] });
    const reply = await t.write(ns, {
      upsert_rows: [
        { id: 2, n: 2 },
        { id: 3, n: "three" },
      ],
    });
    expect(reply.status).toBe(400);
    expect(reply.body.error).toContain("attribute 'n'");
    expect(await t.ids(ns, ALL)).toEqual([1]);
  });

  it("76 limits filter writes, and with allow_partial says that rows remain", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_columns: { id: [1, 2, 3], s: ["a", "a", "a"] } });
    const patch_by_filter = { filters: ["s", "Eq", "a"], patch: { s: "b" } };
    expect((await t.write(ns, { patch_by_filter })).status).toBe(400);
    expect((await t.write(ns, { delete_by_filter: ["s", "Eq", "a"] })).status).toBe(400);
    const first = await t.write(ns, { patch_by_filter, patch_by_filter_allow_partial: true });
    expect(first.body).toMatchObject({ rows_patched: 2, rows_remaining: true });
    const second = await t.write(ns, { patch_by_filter, patch_by_filter_allow_partial: true });
    expect(second.body.rows_patched).toBe(1);
    expect(second.body).not.toHaveProperty("rows_remaining");
    const removed = await t.write(ns, {
      delete_by_filter: ["s", "Eq", "b"],
      delete_by_filter_allow_partial: true,
    });
    expect(removed.body).toMatchObject({ rows_deleted: 2, rows_remaining: true });
  });

  it("refuses writes that cannot create a missing namespace", async () => {
    for (const body of [
      { deletes: [1] },
      { patch_rows: [{ id: 1, a: 1 }] },
      { delete_by_filter: ["a", "Eq", 1] },
      { schema: { a: "int" } },
      { upsert_rows: [{ id: 1 }], create_namespace: false },
    ]) {
      expect((await t.write(t.fresh(), body)).status).toBe(404);
    }
  });

  it("refuses what does not fit a vector column", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: [{ id: 1, vector: [1, 1] }], distance_metric: "cosine_distance" });
    expect((await t.write(ns, { upsert_rows: [{ id: 2, vector: [1] }] })).status).toBe(400);
    expect((await t.write(ns, { upsert_rows: [{ id: 2, a: 1 }] })).status).toBe(400);
    const plain = t.fresh();
    await t.write(plain, { upsert_rows: [{ id: 1, a: 1 }] });
    const reply = await t.write(plain, {
      upsert_rows: [{ id: 2, vector: [1] }],
      distance_metric: "cosine_distance",
    });
    expect(reply.body.error).toContain("Vector provided for namespace without vector attribute");
  });

  it("makes a number float when any of the request's values has a fraction", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_columns: { id: [1, 2], x: [1, 1.5], xs: [[1], [2, 2.5]] } });
    const { body } = await t.send("GET", `/v1/namespaces/${ns}/schema`);
    expect([(body.x as { type: string }).type, (body.xs as { type: string }).type]).toEqual([
      "float",
      "[]float",
    ]);
    expect((await t.rows(ns, ALL)).map(({ x, xs }) => [x, xs])).toEqual([
      [1, [1]],
      [1.5, [2, 2.5]],
    ]);
  });
});
