import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../json.js";
import { startTestEngine, type TestEngine } from "./test-engine.js";

let t: TestEngine;
beforeAll(async () => {
  t = await startTestEngine();
});
afterAll(() => t.stop());

describe("types", () => {
  it("73 keeps two vector columns of their own dimensions and precision", async () => {
    const ns = t.fresh();
    const schema = { wide: { type: "[3]f32", ann: true }, half: { type: "[2]f16", ann: true } };
    await t.write(ns, {
      schema,
      distance_metric: "euclidean_squared",
      upsert_rows: [
        { id: 1, wide: [0.1, 0.2, 0.3], half: [0.1, 1] },
        { id: 2, wide: [9, 9, 9], half: [0, 0] },
      ],
    });
    const [row] = await t.rows(ns, { limit: 1, include_attributes: true });
    expect(row?.wide).toEqual([0.1, 0.2, 0.3]);
    expect(row?.half).toEqual([expect.closeTo(0.09998, 5), 1]);
    expect(await t.ids(ns, { rank_by: ["half", "ANN", [0, 0]], limit: 2 })).toEqual([2, 1]);
    expect(await t.ids(ns, { rank_by: ["wide", "ANN", [0, 0, 0]], limit: 2 })).toEqual([1, 2]);
    const third = { ...schema, more: { type: "[2]f32", ann: true } };
    const reply = await t.write(t.fresh(), {
      schema: third,
      distance_metric: "cosine_distance",
      upsert_rows: [{ id: 1 }],
    });
    expect(reply.status).toBe(400);
  });

  it("73 insists on ann for vector columns", async () => {
    const vector = await t.write(t.fresh(), { upsert_rows: [{ id: 1 }], schema: { vector: "[2]f32" } });
    expect(vector.body.error).toBe("the `vector` attribute must have `ann` set to `true`");
    const other = await t.write(t.fresh(), { upsert_rows: [{ id: 1 }], schema: { emb: { type: "[2]f32" } } });
    expect(other.body.error).toBe("vector attribute 'emb' must have ann:true");
  });

  it("74 reads datetimes in any zone, prints nine digits and compares instants", async () => {
    const ns = t.fresh();
    await t.write(ns, {
      schema: { at: "datetime", all: "[]datetime" },
      upsert_columns: {
        id: [1, 2, 3],
        at: ["2026-05-30", "2015-01-20T12:34:56-04:00", "2015-01-20T12:34:56.789"],
        all: [["2026-05-30"], null, null],
      },
    });
    const rows = await t.rows(ns, { rank_by: ["at", "asc"], limit: 5, include_attributes: true });
    expect(rows).toEqual([
      { id: 3, at: "2015-01-20T12:34:56.789000000Z" },
      { id: 2, at: "2015-01-20T16:34:56.000000000Z" },
      { id: 1, at: "2026-05-30T00:00:00.000000000Z", all: ["2026-05-30T00:00:00.000000000Z"] },
    ]);
    expect(await t.ids(ns, { limit: 5, filters: ["at", "Eq", "2015-01-20T18:34:56+02:00"] })).toEqual([2]);
    expect((await t.write(ns, { upsert_rows: [{ id: 4, at: "2026-02-30" }] })).status).toBe(400);
  });

  it("keeps 64-bit integers exact in columns and filters", async () => {
    const ns = t.fresh();
    const big = "9223372036854775807";
    await t.write(
      ns,
      `{"schema":{"u":"uint"},"upsert_rows":[{"id":1,"i":${big},"u":18446744073709551615},{"id":2,"i":9223372036854775806}]}`,
    );
    const reply = await t.query(ns, `{"limit":5,"filters":["i","Eq",${big}],"include_attributes":true}`);
    expect(reply.text).toContain(`"rows":[{"id":1,"u":18446744073709551615,"i":${big}}]`);
    expect((await t.write(ns, '{"upsert_rows":[{"id":3,"i":9223372036854775808}]}')).status).toBe(400);
  });
});

describe("life of a namespace", () => {
  it("75 branches a namespace by name or object, and shows the parent", async () => {
    const source = t.fresh();
    await t.write(source, { upsert_rows: [{ id: 1, a: 1 }] });
    for (const branch_from_namespace of [source, { source_namespace: source }] as Json[]) {
      const branch = t.fresh();
      expect((await t.write(branch, { branch_from_namespace })).status).toBe(200);
      await t.write(branch, { upsert_rows: [{ id: 2 }] });
      expect(await t.ids(branch, { limit: 5 })).toEqual([1, 2]);
      const { body } = await t.send("GET", `/v2/namespaces/${branch}/metadata`);
      expect(body.branching).toEqual({ parent: source });
    }
    expect(await t.ids(source, { limit: 5 })).toEqual([1]);
  });

  it("77 creates an empty namespace when asked and told the id type", async () => {
    const ns = t.fresh();
    expect((await t.write(ns, { create_namespace: true, schema: { a: "int" } })).status).toBe(400);
    expect((await t.write(ns, { create_namespace: true, schema: { id: "uint", a: "int" } })).status).toBe(
      200,
    );
    expect(await t.rows(ns, { limit: 1 })).toEqual([]);
    expect((await t.write(ns, { upsert_rows: [{ id: "x" }] })).body.error).toContain("ID type is uint");
  });

  it("77 rejects document and schema writes while read_only, and prints it only then", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: [{ id: 1 }] });
    const patch = (body: Json) => t.send("PATCH", `/v1/namespaces/${ns}/metadata`, JSON.stringify(body));
    expect((await patch({ read_only: true })).body.read_only).toBe(true);
    expect((await t.write(ns, { upsert_rows: [{ id: 2 }] })).status).toBe(403);
    expect((await t.write(ns, { schema: { a: "int" } })).status).toBe(403);
    expect((await patch({ read_only: false })).body).not.toHaveProperty("read_only");
    expect((await t.write(ns, { upsert_rows: [{ id: 2 }] })).status).toBe(200);
  });

  it("77 stores and echoes pinning, and checks its shape", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: [{ id: 1 }] });
    const patch = (body: Json) => t.send("PATCH", `/v1/namespaces/${ns}/metadata`, JSON.stringify(body));
    expect((await patch({ pinning: true })).body.pinning).toEqual({ replicas: 1 });
    expect((await patch({ pinning: { replicas: 3 } })).body.pinning).toEqual({ replicas: 3 });
    expect((await patch({})).body.pinning).toEqual({ replicas: 3 });
    expect((await patch({ pinning: null })).body).not.toHaveProperty("pinning");
    expect((await patch({ pinning: { replicas: 0 } })).body.error).toBe("replicas must be greater than 0");
    const wrong = await patch({ pinning: "yes" });
    expect([wrong.status, String(wrong.body.error)]).toEqual([
      422,
      expect.stringContaining("UpdatePinningInput"),
    ]);
  });

  it("77 drops an attribute with its values, so that the name is free for another type", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: [{ id: 1, a: "text", b: 1 }] });
    const drop = { schema: { a: { drop: true } } };
    expect((await t.write(ns, drop as unknown as JsonObject)).status).toBe(200);
    expect((await t.query(ns, { limit: 1, filters: ["a", "Eq", "text"] })).body.error).toContain("not found");
    await t.write(ns, { upsert_rows: [{ id: 2, a: 5 }] });
    expect(await t.rows(ns, { limit: 5, include_attributes: true })).toEqual([
      { id: 1, b: 1 },
      { id: 2, a: 5 },
    ]);
  });

  it("82 hands out a token for a copy and reports it finished", async () => {
    const source = t.fresh();
    const target = t.fresh();
    await t.write(source, { upsert_rows: [{ id: 1 }] });
    const start = (copy_from_namespace: Json) =>
      t.send(
        "POST",
        `/v2/namespaces/${target}/async?stainless_overload=startCopyFrom`,
        JSON.stringify({ copy_from_namespace }),
      );
    const poll = async (token: Json | undefined) =>
      t.send("GET", `/v1/namespaces/${target}/operations/${token}?stainless_overload=pollCopyFrom`);
    const failed = await poll((await start("missing")).body.token);
    expect(failed.body.result).toMatchObject({ error: { status_code: 404, detail: { status: "error" } } });
    const done = await poll((await start({ source_namespace: source })).body.token);
    expect(done.body).toMatchObject({ status: "finished", result: { success: { status: "OK" } } });
    expect(await t.ids(target, { limit: 1 })).toEqual([1]);
    expect((await poll("nope")).status).toBe(404);
  });

  it("81 explains a query in words", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: [{ id: 1, a: "x" }] });
    const body = { rank_by: ["a", "asc"], limit: 5, filters: ["a", "Eq", "x"] };
    const reply = await t.send("POST", `/v2/namespaces/${ns}/explain_query`, JSON.stringify(body));
    expect(reply.body.plan_text).toContain("order by a asc");
  });
});

describe("limits", () => {
  it("78 enforces the documented limits that cost nothing to check", async () => {
    const cases: [JsonObject, string][] = [
      [{ upsert_rows: [{ id: "x".repeat(65) }] }, "limit is 64 bytes"],
      [{ upsert_rows: [{ id: 1, $a: 1 }] }, "must not start with $"],
      [{ upsert_rows: [{ id: 1, ["a".repeat(129)]: 1 }] }, "must be 1 to 128 bytes"],
      [{ upsert_rows: [{ id: 1, a: "x".repeat(4_097) }] }, "limit is 4096 bytes"],
      [{ upsert_rows: [{ id: 1 }], schema: { v: { type: "[10753]f32", ann: true } } }, "10752 dimensions"],
      [
        {
          upsert_rows: [
            Object.fromEntries([["id", 1], ...Array.from({ length: 1_025 }, (_, i) => [`a${i}`, 1])]),
          ],
        },
        "too many attributes",
      ],
      [
        {
          schema: { s: { type: "{}f16", sparse_knn: { distance_metric: "dot_product" } } },
          upsert_rows: [
            { id: 1, s: Object.fromEntries(Array.from({ length: 1_025 }, (_, i) => [`${i}`, 1])) },
          ],
        },
        "limit is 1024",
      ],
      [
        {
          schema: { a: { type: "string", filterable: false } },
          upsert_rows: [{ id: 1, a: "x".repeat(8 * 1024 * 1024 + 1) }],
        },
        "limit is 8388608 bytes",
      ],
    ];
    for (const [body, fragment] of cases) {
      const reply = await t.write(t.fresh(), body);
      expect([reply.status, reply.body.error]).toEqual([400, expect.stringContaining(fragment)]);
    }
    const long = {
      upsert_rows: [{ id: 1, a: "x".repeat(10_000) }],
      schema: { a: { type: "string", filterable: false } },
    };
    expect((await t.write(t.fresh(), long)).status).toBe(200);
  });

  it("79 answers shapes it cannot read in the wire's words", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: [{ id: 1 }] });
    const writes: [JsonObject, string][] = [
      [{ upsert_rows: [{ a: 1 }] }, "missing field `id`"],
      [{ upsert_rows: [{ id: true }] }, "did not match any variant of untagged enum Id"],
      [{ upsert_rows: [{ id: 1.5 }] }, "did not match any variant of untagged enum Id"],
      [{ deletes: true }, "did not match any variant of untagged enum IdVec"],
      [{ deletes: [true] }, "did not match any variant of untagged enum IdVec"],
      [{ upsert_rows: [{ id: 2 }], distance_metric: "x" }, "unknown variant `x`"],
      [{ schema: { a: {} } }, "did not match any variant of untagged enum AttributeSchemaInput"],
    ];
    const queries: [JsonObject, string][] = [
      [{ limit: 1, consistency: "eventual" }, 'invalid type: string "eventual", expected struct Consistency'],
      [{ limit: 1, consistency: { level: "x" } }, "unknown variant `x`, expected `strong` or `eventual`"],
      [{ limit: 1, consistency: {} }, "missing field `level`"],
      [{ limit: 1, vector_encoding: "x" }, "unknown variant `x`, expected `float` or `base64`"],
      [{ limit: 1, exclude_attributes: true }, "invalid type: boolean `true`, expected a sequence"],
      [{ limit: 1, rank_by: "x" }, "did not match any variant of enum RankInput"],
      [{ limit: 1, rank_by: ["a", "Nope", 1] }, "did not match any variant of enum RankInput"],
      [{ limit: "x" }, "did not match any variant of untagged enum LimitInput"],
      [{ queries: "x" }, "expected a sequence"],
    ];
    for (const [run, cases] of [[t.write, writes] as const, [t.query, queries] as const]) {
      for (const [body, fragment] of cases) {
        const reply = await run(ns, body);
        expect([reply.status, reply.body.error]).toEqual([422, expect.stringContaining(fragment)]);
      }
    }
  });
});

describe("what a message shows of a request", () => {
  it("is the beginning of it, however long it is", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: [{ id: 1, n: 1 }] });
    const long = "x".repeat(100_000);
    for (const body of [
      { consistency: long },
      { filters: ["n", "Eq", long] },
      { filters: ["n", "In", new Array<string>(50_000).fill("word")] },
      { filters: ["n", "Eq", { a: long }] },
      { rank_by: ["n", "BM25", long] },
    ]) {
      const reply = await t.query(ns, { limit: 1, ...body });
      expect([400, 422]).toContain(reply.status);
      expect(reply.text.length).toBeLessThan(3_000);
    }
  });
});

describe("what this engine leaves out", () => {
  it.each<[string, JsonObject]>([
    ["hosted embedding", { schema: { a: { type: "string", embed: "model" } } }],
    ["late interaction", { schema: { v: { type: "[][2]f32", ann: { late_interaction: true } } } }],
    ["sharding", { sharding: { num_shards: 2 } }],
    ["cross-region", { copy_from_namespace: { source_namespace: "a", source_region: "x" } }],
    ["cross-organisation", { copy_from_namespace: { source_namespace: "a", source_api_key: "x" } }],
    ["i8 vectors", { schema: { v: { type: "[2]i8", ann: true } } }],
  ])("refuses the write feature %s with 400 and no retry", async (feature, body) => {
    const reply = await t.write(
      t.fresh(),
      "copy_from_namespace" in body ? body : { upsert_rows: [{ id: 1 }], ...body },
    );
    expect(reply.status).toBe(400);
    expect(reply.headers.get("x-should-retry")).toBe("false");
    expect(reply.body.error).toContain("not supported by this local engine: ");
    expect(reply.body.error).toContain(feature);
  });

  it.each<[string, JsonObject]>([
    ["hosted embedding", { rank_by: ["vector", "ANN", ["Embed", "text"]] }],
    [
      "hosted embedding",
      { filters: ["id", "Gte", 0], rank_by: ["vector", "kNN", ["Embed", "text", { model: "m" }]] },
    ],
    [
      "hosted embedding",
      { rank_by: ["id", "asc"], compute_attributes: { d: ["vector", "VectorDist", ["Embed", "text"]] } },
    ],
    ["late interaction", { rank_by: ["vector", "ANN", [[1, 2]]] }],
    ["hosted rerank", { rank_by: ["id", "asc"], rerank_by: { model: "m", query: "q", attribute: "a" } }],
    ["hosted rerank", { queries: [{ limit: 1 }], rerank_by: { model: "m", query: "q", attribute: "a" } }],
    ["Highlight", { rank_by: ["id", "asc"], compute_attributes: { h: ["Highlight", "a", {}] } }],
  ])("refuses the query feature %s with 400 and no retry", async (feature, body) => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: [{ id: 1, vector: [1, 1] }], distance_metric: "cosine_distance" });
    const reply = await t.query(ns, { ...body, limit: 1 });
    expect([reply.status, reply.headers.get("x-should-retry")]).toEqual([400, "false"]);
    expect(reply.body.error).toContain(`not supported by this local engine: ${feature}`);
  });

  it("takes what has no effect here: backpressure, telemetry and preferences", async () => {
    const ns = t.fresh();
    const headers = {
      prefer: "respond-async",
      "x-turbopuffer-client-telemetry": "{}",
      "x-request-id": "tpreq_1",
    };
    const body = { upsert_rows: [{ id: 1 }], disable_backpressure: true, encryption: { mode: "default" } };
    const reply = await t.send("POST", `/v2/namespaces/${ns}`, JSON.stringify(body), headers);
    expect([reply.status, reply.body.rows_affected]).toEqual([200, 1]);
    expect((await t.write(ns, { ...body, disable_backpressure: "yes" })).status).toBe(422);
  });

  it("refuses customer-managed keys in the service's words, and the v1 routes with their replacement", async () => {
    const encryption = { mode: "customer-managed", key_name: "mykey" };
    const reply = await t.write(t.fresh(), { upsert_rows: [{ id: 1 }], encryption });
    expect([reply.status, reply.body.error]).toEqual([400, "Malformed Cloud KMS crypto key: mykey"]);
    for (const [method, path] of [
      ["POST", "/v1/namespaces/a"],
      ["POST", "/v1/namespaces/a/query"],
    ] as const) {
      const refused = await t.send(method, path);
      expect([refused.status, refused.headers.get("x-should-retry")]).toEqual([400, "false"]);
    }
  });
});
