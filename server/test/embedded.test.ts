import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningGateway, startGateway } from "./running-gateway.js";

let gateway: RunningGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.stop());

const FILMS = [
  { id: 1, title: "The Long Trail", year: 1957, vector: [1, 0] },
  { id: 2, title: "Rain on the Trail", year: 1963, vector: [0.9, 0.1] },
  { id: 3, title: "Harbour Lights", year: 1971, vector: [0, 1] },
];

/** A namespace of its own with the three films. */
async function films(name: string): Promise<string> {
  const answer = await gateway.request(`/v2/namespaces/${name}`, {
    json: {
      upsert_rows: FILMS,
      distance_metric: "cosine_distance",
      schema: { title: { type: "string", full_text_search: true } },
    },
  });
  expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('"rows_upserted":3')]);
  return `/v2/namespaces/${name}`;
}

async function json(path: string, init?: Parameters<RunningGateway["request"]>[1]): Promise<unknown> {
  const answer = await gateway.request(path, init);
  const text = await answer.text();
  expect(answer.status, text).toBe(200);
  return JSON.parse(text);
}

describe("a gateway over its own engine", () => {
  it("is ready with nothing configured, and says where rows live", async () => {
    expect((await fetch(`${gateway.url}/ready`)).status).toBe(200);
    expect(await json("/health")).toMatchObject({
      status: "ok",
      auth_mode: "deriveFromStore",
      aerospike: { connected: false, generation: 0 },
      stores: {
        upstream: { adapter: "engine", status: "ok", location: `${gateway.dataDir}/engine` },
        document_cache: { adapter: "lmdb", status: "ok", location: `${gateway.dataDir}/cache` },
        blob_store: { adapter: "lmdb", status: "ok", location: `${gateway.dataDir}/blobs` },
        queue_store: { adapter: "lmdb", status: "ok", location: `${gateway.dataDir}/queue` },
      },
    });
  });

  it("lists the languages whose words the engine does not stem, beside the engine itself", async () => {
    const { engine } = (await json("/health")) as { engine: { languages_without_stemmer: string[] } };
    expect(engine).toEqual({ languages_without_stemmer: ["greek"] });
    const own = (await (await fetch(`${gateway.engineUrl}/health`)).json()) as typeof engine;
    expect(own.languages_without_stemmer).toEqual(engine.languages_without_stemmer);
  });

  it("writes rows with a stamp and finds them by vector", async () => {
    const path = await films("by-vector");
    const before = Date.now();
    const found = await json(`${path}/query`, {
      json: { vector: [1, 0], top_k: 2, include_attributes: ["title", "_hevlayer_upserted_at"] },
    });
    expect(found).toMatchObject({ rows: [{ id: 1, title: "The Long Trail" }, { id: 2 }] });
    const { rows } = found as { rows: { _hevlayer_upserted_at: number }[] };
    expect(new Set(rows.map((row) => row._hevlayer_upserted_at)).size).toBe(1);
    expect(Math.abs(before - (rows[0]?._hevlayer_upserted_at ?? 0))).toBeLessThan(60_000);
  });

  it("warns when a vector query asks for the vector, which a native query returns", async () => {
    const path = await films("warned");
    const layer = await gateway.request(`${path}/query`, {
      json: { vector: [1, 0], include_attributes: ["title", "vector"] },
    });
    expect(layer.headers.get("x-layer-warning")).toBe("vector_attribute_dropped");
    expect(((await layer.json()) as { rows: object[] }).rows[0]).not.toHaveProperty("vector");
    const native = await gateway.request(`${path}/query`, {
      json: { rank_by: ["vector", "ANN", [1, 0]], limit: 1, include_attributes: ["vector"] },
    });
    expect(native.headers.get("x-layer-warning")).toBeNull();
    expect(((await native.json()) as { rows: object[] }).rows[0]).toHaveProperty("vector");
  });

  it("searches text, filters, orders and counts", async () => {
    const path = await films("searched");
    expect(
      await json(`${path}/query`, { json: { rank_by: ["title", "BM25", "trail"], limit: 5 } }),
    ).toMatchObject({
      rows: [{ $dist: expect.any(Number) }, { $dist: expect.any(Number) }],
    });
    expect(
      await json(`${path}/query`, {
        json: { rank_by: ["year", "desc"], filters: ["year", "Lt", 1970], limit: 5 },
      }),
    ).toMatchObject({ rows: [{ id: 2 }, { id: 1 }] });
    expect(await json(`${path}/query`, { json: { aggregate_by: { n: ["Count"] } } })).toMatchObject({
      aggregations: { n: 3 },
    });
  });

  it("fetches documents by id without vectors and stamps, in the order asked, numbers as text", async () => {
    const path = await films("fetched");
    const one = await gateway.request(`${path}/documents/2`);
    // The write has put it into the cache, which serves it once the watcher has seen the write.
    expect([one.status, one.headers.get("x-layer-cache")]).toEqual([
      200,
      expect.stringMatching(/^(hit|miss)$/),
    ]);
    expect(await one.json()).toEqual({ id: "2", attributes: { title: "Rain on the Trail", year: 1963 } });
    expect(
      await json(`${path}/documents`, { json: { ids: [3, "9", 1, 3], include_attributes: ["title"] } }),
    ).toEqual({
      documents: [
        { id: "3", attributes: { title: "Harbour Lights" } },
        { id: "1", attributes: { title: "The Long Trail" } },
      ],
      missing: ["9"],
    });
    const absent = await gateway.request(`${path}/documents/9`);
    expect([absent.status, await absent.json()]).toEqual([
      404,
      { error: "not_found", message: expect.stringContaining("9") },
    ]);
  });

  it("keeps an id of 2^64-1 exact on every way through", async () => {
    const path = "/v2/namespaces/big-ids";
    const written = await gateway.request(path, {
      method: "POST",
      body: '{"upsert_rows":[{"id":18446744073709551615,"n":9007199254740993}]}',
    });
    expect(written.status, await written.text()).toBe(200);
    const queried = await gateway.request(`${path}/query`, {
      json: { rank_by: ["id", "asc"], limit: 1, include_attributes: ["n"] },
    });
    expect(await queried.text()).toMatch(/"id":18446744073709551615.*"n":9007199254740993/);
    const fetched = await gateway.request(`${path}/documents`, {
      method: "POST",
      body: '{"ids":[18446744073709551615]}',
    });
    expect(await fetched.text()).toContain(
      '{"id":"18446744073709551615","attributes":{"n":9007199254740993}}',
    );
  });

  it("finds a string id with every character that a path could trip over", async () => {
    const id = "a/b?c#d e%2F+ü&=..";
    await json("/v2/namespaces/odd-ids", { json: { upsert_rows: [{ id, ok: true }] } });
    expect(await json(`/v2/namespaces/odd-ids/documents/${encodeURIComponent(id)}`)).toEqual({
      id,
      attributes: { ok: true },
    });
  });

  it("takes a packed write", async () => {
    const answer = await gateway.request("/v2/namespaces/packed", {
      method: "POST",
      body: gzipSync(
        JSON.stringify({ upsert_rows: [{ id: "a", words: Array.from({ length: 500 }, () => "packed") }] }),
      ),
      headers: { "content-encoding": "gzip" },
    });
    expect(answer.status, await answer.text()).toBe(200);
  });

  it("patches and deletes", async () => {
    const path = await films("patched");
    expect(await json(path, { json: { patch_rows: [{ id: 1, year: 1958 }], deletes: [3] } })).toMatchObject({
      rows_patched: 1,
      rows_deleted: 1,
    });
    expect(await json(`${path}/documents`, { json: { ids: [1, 3] } })).toEqual({
      documents: [{ id: "1", attributes: { title: "The Long Trail", year: 1958 } }],
      missing: ["3"],
    });
  });

  it.each([
    [{}, /upsert_rows, upsert_columns/],
    [{ upserts: [] }, /upserts/],
    [{ upsert_rows: [{ id: 1, _hevlayer_shard: 2 }] }, /_hevlayer_shard/],
    [{ upsert_rows: [{ id: "_hevlayer:x" }] }, /_hevlayer:/],
    [{ upsert_rows: { id: 1 } }, /upsert_rows/],
  ])("refuses the write %j before it goes anywhere", async (body, words) => {
    const answer = await gateway.request("/v2/namespaces/refused", { json: body });
    expect(answer.status).toBe(422);
    expect(await answer.json()).toMatchObject({
      error: "validation_error",
      message: expect.stringMatching(words),
    });
    expect((await gateway.request("/v2/namespaces/refused/metadata")).status).toBe(404);
  });

  it.each(["nearest_to_id", "cursor", "as_of", "between"])(
    "refuses %s of the wrong form, or beside a vector",
    async (field) => {
      const path = await films("misformed");
      const answer = await gateway.request(`${path}/query`, { json: { vector: [1, 0], [field]: ["x"] } });
      expect(answer.status).toBe(422);
      expect(await answer.json()).toMatchObject({
        error: "validation_error",
        message: expect.stringContaining(field),
      });
    },
  );

  it("describes a namespace with upstream's metadata, its name and the layer block", async () => {
    const path = await films("described");
    expect(await json(`${path}/metadata`)).toMatchObject({
      id: "described",
      approx_row_count: 3,
      index: { status: "up-to-date" },
      layer: { stable_as_of: expect.any(Number), is_stable: true, indexed: null, index_lag_rows: null },
    });
    const absent = await gateway.request("/v2/namespaces/no-such/metadata");
    expect([absent.status, await absent.json()]).toEqual([
      404,
      { status: "error", error: expect.any(String) },
    ]);
  });

  it("lists namespaces page by page", async () => {
    for (const name of ["page-a", "page-b", "page-c"]) await films(name);
    const first = (await json("/v2/namespaces?prefix=page-&page_size=2")) as {
      namespaces: { name: string }[];
      next_cursor: string;
    };
    expect(first.namespaces.map(({ name }) => name)).toEqual(["page-a", "page-b"]);
    expect(first.namespaces[0]).toMatchObject({
      row_count: 3,
      is_stable: true,
      shadow: false,
      labels: {},
      cache_state: { state: "cold", warm_inflight: false },
      schema_summary: { vector_dim: 2 },
    });
    const rest = await json(
      `/v2/namespaces?prefix=page-&page_size=2&cursor=${encodeURIComponent(first.next_cursor)}`,
    );
    expect(rest).toMatchObject({ namespaces: [{ name: "page-c" }] });
    expect(rest).not.toHaveProperty("next_cursor");
  });

  it("passes Turbopuffer's own routes through", async () => {
    await films("passed");
    const v1 = "/v1/namespaces/passed";
    expect(await json("/v1/namespaces?prefix=passed")).toMatchObject({ namespaces: [{ id: "passed" }] });
    expect(await json(`${v1}/schema`)).toMatchObject({ title: { type: "string" } });
    expect(await json(`${v1}/schema`, { json: { year: { type: "int", filterable: true } } })).toHaveProperty(
      "year",
    );
    expect(await json(`${v1}/metadata`)).toMatchObject({ approx_row_count: 3 });
    expect(await json(`${v1}/query`, { json: { rank_by: ["id", "asc"], limit: 1 } })).toMatchObject({
      rows: [{ id: 1 }],
    });
    expect(await json(`${v1}/_debug/recall`, { json: { num: 2, top_k: 2 } })).toMatchObject({
      avg_recall: 1,
    });
    expect(
      await json("/v2/namespaces/passed/explain_query", { json: { rank_by: ["id", "asc"], limit: 1 } }),
    ).toEqual({ plan_text: expect.any(String) });
    expect((await gateway.request(`${v1}/hint_cache_warm?anything=1`)).status).toBe(202);
    expect((await gateway.request(`${v1}/hint_cache_warm?documents=no`)).status).toBe(422);
    expect(await json(`${v1}/metadata`, { method: "PATCH", json: { read_only: true } })).toMatchObject({
      read_only: true,
    });
  });

  it("deletes a namespace, and again", async () => {
    const path = await films("deleted");
    for (let time = 0; time < 2; time++) {
      expect(await json(path, { method: "DELETE" })).toEqual({
        status: "OK",
        message: expect.stringMatching(/^namespace deleted; \d+ objects purged$/),
      });
    }
    expect((await gateway.request(`${path}/metadata`)).status).toBe(404);
  });

  it("answers on the engine's own port with the same key", async () => {
    await films("direct");
    const direct = await fetch(`${gateway.engineUrl}/v1/namespaces?prefix=direct`, {
      headers: { authorization: `Bearer ${gateway.key}` },
    });
    expect(await direct.json()).toMatchObject({ namespaces: [{ id: "direct" }] });
  });

  it("has acknowledged rows after a restart", async () => {
    const first = await startGateway();
    await first.request("/v2/namespaces/kept", { json: { upsert_rows: [{ id: "k", n: 1 }] } });
    await first.stop({ keepData: true });
    const second = await startGateway({ LAYER_DATA_DIR: first.dataDir });
    expect(await (await second.request("/v2/namespaces/kept/documents/k")).json()).toEqual({
      id: "k",
      attributes: { n: 1 },
    });
    await second.stop();
  });
});
