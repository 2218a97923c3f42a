import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Json } from "../json.js";
import { startTestEngine, type TestEngine } from "./test-engine.js";

let t: TestEngine;
beforeAll(async () => {
  t = await startTestEngine();
});
afterAll(() => t.stop());

const schemaOf = async (ns: string) => (await t.send("GET", `/v1/namespaces/${ns}/schema`)).body;
const postSchema = (ns: string, body: Json) =>
  t.send("POST", `/v1/namespaces/${ns}/schema`, JSON.stringify(body));

describe("schema and metadata", () => {
  it("55 prints the schema with nulls and the metadata without", async () => {
    const ns = t.fresh();
    await t.write(ns, {
      upsert_rows: [{ id: 1, vector: [0.1, 0.2], private: true, title: "one" }],
      distance_metric: "cosine_distance",
      schema: {
        vector: { type: "[2]f16", ann: true },
        title: { type: "string", full_text_search: { stemming: true, remove_stopwords: true }, unknown: 1 },
      },
    });
    const fullText = {
      k1: 1.2,
      b: 0.75,
      k3: 8,
      language: "english",
      stemming: true,
      max_token_length: 39,
      remove_stopwords: true,
      ascii_folding: false,
      case_sensitive: false,
      tokenizer: "word_v4",
    };
    expect(await schemaOf(ns)).toEqual({
      id: { type: "uint", filterable: null, full_text_search: null },
      vector: { type: "[2]f16", ann: true, filterable: null, full_text_search: null },
      private: { type: "bool", filterable: true, full_text_search: null },
      title: { type: "string", filterable: false, full_text_search: fullText },
    });
    const metadata = await t.send("GET", `/v2/namespaces/${ns}/metadata`);
    const iso = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(metadata.body).toEqual({
      schema: {
        id: { type: "uint" },
        vector: { type: "[2]f16", ann: { distance_metric: "cosine_distance" } },
        private: { type: "bool", filterable: true },
        title: { type: "string", filterable: false, full_text_search: fullText },
      },
      approx_row_count: 1,
      approx_logical_bytes: 8 + 4 + 1 + 3,
      created_at: iso,
      updated_at: iso,
      last_write_at: iso,
      encryption: { mode: "default" },
      index: { status: "up-to-date" },
    });
    const older = await t.send("GET", `/v1/namespaces/${ns}/metadata`);
    expect(older.body.encryption).toEqual({ sse: true });
  });

  it("56 updates the schema from a bare map and refuses a wrapped one", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: [{ id: 1, text: "red fox" }] });
    const reply = await postSchema(ns, { text: { type: "string", full_text_search: true }, extra: "int" });
    expect(reply.status).toBe(200);
    expect(reply.body).toEqual(await schemaOf(ns));
    expect(reply.body).toMatchObject({ id: { type: "uint" }, extra: { type: "int" } });
    expect(await t.ids(ns, { rank_by: ["text", "BM25", "fox"], limit: 1 })).toEqual([1]);
    const wrapped = await postSchema(ns, { schema: { text: "string" } });
    expect(wrapped.status).toBe(422);
    expect(wrapped.body.error).toContain("did not match any variant of untagged enum AttributeSchemaInput");
    expect((await postSchema("missing", { a: "int" })).status).toBe(404);
    const dropped = await postSchema(ns, { extra: { drop: true } });
    expect([dropped.status, Object.keys(dropped.body)]).toEqual([200, ["id", "text"]]);
  });

  it("57 stops and resumes filtering with filterable", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: [{ id: 1, s: "a" }] });
    const filtered = () => t.query(ns, { limit: 1, filters: ["s", "Eq", "a"] });
    await postSchema(ns, { s: { type: "string", filterable: false } });
    expect((await filtered()).status).toBe(400);
    await t.write(ns, { upsert_rows: [{ id: 2, s: "a" }] });
    await postSchema(ns, { s: { type: "string", filterable: true } });
    expect(await t.ids(ns, { limit: 5, filters: ["s", "Eq", "a"] })).toEqual([1, 2]);
  });

  it("58 refuses a change of type and names the attribute", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: [{ id: 1, title: "a" }] });
    const reply = await postSchema(ns, { title: "int" });
    expect(reply.status).toBe(400);
    expect(reply.body).toEqual({
      status: "error",
      error: "invalid schema update for attribute 'title': cannot change attribute type from string to int",
      attribute: "title",
    });
    expect((await postSchema(ns, { id: "int" })).body.error).toContain("int is not a valid ID type");
  });

  it("59 lists namespaces in pages, by prefix, and refuses bad page sizes", async () => {
    for (let i = 0; i < 12; i++)
      await t.write(`page-${String(i).padStart(2, "0")}`, { upsert_rows: [{ id: 1 }] });
    const sizes: number[] = [];
    const cursors = new Set<string>();
    let cursor = "";
    do {
      const path = `/v1/namespaces?prefix=page-&page_size=5&cursor=${cursor}`;
      const { body } = await t.send("GET", path);
      sizes.push((body.namespaces as Json[]).length);
      cursor = (body.next_cursor as string | null) ?? "";
      if (cursor !== "") cursors.add(cursor);
    } while (cursor !== "");
    expect(sizes).toEqual([5, 5, 2]);
    expect(cursors.size).toBe(2);
    const zero = await t.send("GET", "/v1/namespaces?page_size=0");
    expect([zero.status, zero.body.error]).toEqual([400, "Page size must be in range 1..=1000, was 0"]);
    const word = await t.send("GET", "/v1/namespaces?page_size=ten");
    expect(word.status).toBe(400);
    expect(word.headers.get("content-type")).toContain("text/plain");
    expect((await t.send("GET", "/v1/namespaces?cursor=%21%21")).status).toBe(400);
  });

  it("60 accepts a cache hint", async () => {
    const ns = t.fresh();
    expect((await t.send("GET", `/v1/namespaces/${ns}/hint_cache_warm`)).status).toBe(404);
    await t.write(ns, { upsert_rows: [{ id: 1 }] });
    const reply = await t.send("GET", `/v1/namespaces/${ns}/hint_cache_warm`);
    expect(reply.status).toBe(202);
    expect(reply.body).toEqual({ status: "ACCEPTED", message: "cache warm hint accepted" });
    expect(reply.headers.get("preference-applied")).toBeNull();
  });

  it("61 evaluates recall", async () => {
    const ns = t.fresh();
    await t.write(ns, {
      upsert_columns: {
        id: [1, 2, 3],
        vector: [
          [0, 0],
          [1, 1],
          [5, 5],
        ],
      },
      distance_metric: "euclidean_squared",
    });
    const recall = (body?: Json) =>
      t.send(
        "POST",
        `/v1/namespaces/${ns}/_debug/recall`,
        body === undefined ? undefined : JSON.stringify(body),
      );
    expect((await recall({ num: 1, top_k: 2 })).body).toEqual({
      avg_recall: 1,
      avg_exhaustive_count: 2,
      avg_ann_count: 2,
    });
    expect((await recall()).status).toBe(200);
    const truth = await recall({ num: 1, top_k: 1, include_ground_truth: true });
    expect(truth.body.ground_truth).toEqual([
      { query_vector: [0, 0], nearest_neighbors: [{ $dist: 0, id: 1 }] },
    ]);
    expect((await recall({ num: 0 })).body.error).toContain("samples must be between 1 and 200");
    expect((await recall({ top_k: 0 })).body.error).toContain("top_k must be between 1 and 10000");
    expect((await recall({ num: 2, rank_by: ["vector", "ANN", [0, 0]] })).status).toBe(400);
  });

  it("62 copies a namespace whole and keeps the two apart", async () => {
    const source = t.fresh();
    const copy = t.fresh();
    await t.write(source, {
      upsert_rows: [{ id: 1, vector: [1, 0], s: "a" }],
      distance_metric: "cosine_distance",
    });
    const reply = await t.write(copy, { copy_from_namespace: source });
    expect(reply.body).toMatchObject({ status: "OK", message: "namespace cloned successfully" });
    expect(await schemaOf(copy)).toEqual(await schemaOf(source));
    await t.write(source, { upsert_rows: [{ id: 2, vector: [0, 1] }] });
    await t.write(copy, { upsert_rows: [{ id: 3, vector: [0, 1] }] });
    expect(await t.ids(source, { limit: 9 })).toEqual([1, 2]);
    expect(await t.rows(copy, { limit: 9, include_attributes: ["s"] })).toEqual([
      { id: 1, s: "a" },
      { id: 3 },
    ]);
    const mixed = await t.write(t.fresh(), { copy_from_namespace: source, upsert_rows: [{ id: 1 }] });
    expect(mixed.body.error).toBe("copy_from_namespace cannot be used with other write request fields");
    expect((await t.write(copy, { copy_from_namespace: source })).body.error).toContain(
      "destination namespace already exists",
    );
    expect((await t.write(t.fresh(), { copy_from_namespace: "missing" })).status).toBe(404);
  });
});
