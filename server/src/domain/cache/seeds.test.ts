import { afterEach, describe, expect, it } from "vitest";
import { cacheStage, failures, NAMESPACE } from "../../../test/cache-stage.js";
import { contextWith } from "../../../test/upstream-double.js";

type Vectors = Record<string, number[] | undefined>;

afterEach(() => expect(failures.splice(0)).toEqual([]));

function stageWith(vectors: Vectors) {
  const stage = cacheStage();
  for (const [id, vector] of Object.entries(vectors))
    stage.upstream.rows(NAMESPACE).set(id, { id, v: 1, ...(vector === undefined ? {} : { vector }) });
  const search = async (ids: unknown, extra: object = {}) => {
    const body = Buffer.from(JSON.stringify({ nearest_to_id: ids, top_k: 3, ...extra }));
    const relay = await stage.domain.queries.queryNamespace(contextWith(), NAMESPACE, body);
    return { relay, sent: JSON.parse(Buffer.from(stage.upstream.queries().at(-1)?.body ?? []).toString()) };
  };
  return { ...stage, search };
}

describe("nearest_to_id", () => {
  it("searches from the middle of the documents' vectors, each counted as often as it is given", async () => {
    const { search, upstream } = stageWith({ a: [1, 2], b: [3, 4] });
    expect((await search(["a", "b"])).sent.rank_by).toEqual(["vector", "ANN", [2, 3]]);
    expect((await search(["a", "a", "b", "a"])).sent.rank_by).toEqual(["vector", "ANN", [1.5, 2.5]]);
    // One question for both vectors; then both are cached.
    expect(upstream.queries().length).toBe(3);
  });

  it("takes vectors that were written from the cache, in either encoding", async () => {
    const { write, search, upstream } = stageWith({});
    upstream.schema = { id: "string", vector: { type: "[2]f32" }, v: "int" };
    const base64 = Buffer.from(Float32Array.of(3, 5).buffer).toString("base64");
    await write({
      upsert_rows: [
        { id: "a", v: 1, vector: [0.1, 2] },
        { id: "b", vector: base64 },
      ],
    });
    expect((await search(["a", "b"])).sent.rank_by).toEqual([
      "vector",
      "ANN",
      [(Math.fround(0.1) + 3) / 2, 3.5],
    ]);
    expect(upstream.queries().length).toBe(1);
  });

  it("never searches from a vector that was replaced, or taken away by a new row without one", async () => {
    const { write, search, upstream } = stageWith({ a: [1, 1] });
    await search("a");
    await write({ upsert_rows: [{ id: "a", v: 2, vector: [5, 5] }] });
    expect((await search("a")).sent.rank_by).toEqual(["vector", "ANN", [5, 5]]);
    await write({ upsert_rows: [{ id: "a", v: 3 }] });
    upstream.rows(NAMESPACE).set("a", { id: "a", v: 3, vector: [7, 7] });
    expect((await search("a")).sent.rank_by).toEqual(["vector", "ANN", [7, 7]]);
    const asked = upstream.queries().length;
    await search("a");
    expect(upstream.queries().length).toBe(asked + 1);
  });

  it("keeps the vector through a patch", async () => {
    const { write, search, fetch, upstream } = stageWith({ a: [1, 1] });
    await search("a");
    await write({ patch_rows: [{ id: "a", v: 2 }] });
    expect(await fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 2 } });
    const asked = upstream.queries().length;
    expect((await search("a")).sent.rank_by).toEqual(["vector", "ANN", [1, 1]]);
    expect(upstream.queries().length).toBe(asked + 1);
  });

  it("fills the vector in beside attributes that were cached without it", async () => {
    const { write, search, fetch, upstream } = stageWith({});
    await write({ upsert_rows: [{ id: "a", v: 1 }] });
    upstream.rows(NAMESPACE).set("a", { id: "a", v: 1, vector: [2, 2] });
    await search("a");
    const asked = upstream.queries().length;
    await search("a");
    expect(upstream.queries().length).toBe(asked + 1);
    expect(await fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 1 } });
  });

  it("keeps half-precision vectors as upstream rounds them", async () => {
    const { write, search, upstream } = stageWith({});
    upstream.schema = { id: "string", vector: { type: "[2]f16" }, v: "int" };
    await write({ upsert_rows: [{ id: "a", v: 1, vector: [0.1, 2] }] });
    upstream.rows(NAMESPACE).set("a", { id: "a", v: 1, vector: [0.09998, 2] });
    expect((await search("a")).sent.rank_by).toEqual(["vector", "ANN", [Math.fround(0.09998), 2]]);
  });

  it("names every document that is not there, or has no vector", async () => {
    const { search } = stageWith({ a: [1, 2], b: undefined });
    await expect(search(["x", "a", "b", "x"])).rejects.toMatchObject({
      code: "not_found",
      message: "nearest_to_id: no vector was found in namespace 'products' for 'x', 'b'",
    });
  });

  it("refuses vectors of different length", async () => {
    const { search } = stageWith({ a: [1, 2], b: [1, 2, 3] });
    await expect(search(["a", "b"])).rejects.toMatchObject({
      code: "validation_error",
      message: "nearest_to_id: the documents' vectors differ in length: 2 and 3",
    });
  });

  it("answers with upstream's refusal of the read", async () => {
    const stage = cacheStage();
    const body = Buffer.from('{"nearest_to_id":["a"],"top_k":1}');
    const relay = await stage.domain.queries.queryNamespace(contextWith(), NAMESPACE, body);
    expect([relay.status, Buffer.from(relay.body).toString()]).toEqual([
      404,
      '{"error":"namespace products was not found"}',
    ]);
  });

  it("asks upstream when the cache fails, and keeps nothing", async () => {
    const { search, cache, contents } = stageWith({ a: [1, 2] });
    cache.trouble = () => "fails";
    expect((await search("a")).sent.rank_by).toEqual(["vector", "ANN", [1, 2]]);
    expect(contents.records.size).toBe(0);
  });

  it("resolves the legs of a batch, each by itself", async () => {
    const { domain, upstream } = stageWith({ a: [1, 2], b: [3, 4] });
    const body = Buffer.from(
      '{"queries":[{"nearest_to_id":["a"],"top_k":1},{"nearest_to_id":["a","b"],"top_k":2}]}',
    );
    await domain.queries.queryNamespace(contextWith(), NAMESPACE, body);
    const sent = JSON.parse(Buffer.from(upstream.queries().at(-1)?.body ?? []).toString());
    expect(sent.queries.map((leg: { rank_by: unknown }) => leg.rank_by)).toEqual([
      ["vector", "ANN", [1, 2]],
      ["vector", "ANN", [2, 3]],
    ]);
  });
});
