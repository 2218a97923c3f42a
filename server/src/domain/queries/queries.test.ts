import { describe, expect, it } from "vitest";
import { queryGateway, sentFor } from "../../../test/query-gateway.js";
import { contextWith } from "../../../test/upstream-double.js";

const minted = `00-${"ab".repeat(16)}-${"ab".repeat(8)}-01`;

describe("queryNamespace with a body of upstream's own", () => {
  it.each([
    '{ "rank_by":["price","asc"], "limit" : 1e1, "filters":["id","Eq",18446744073709551615],"future":{"a":[1]} }',
    '{"rank_by":["vector","ANN",[0.10,0.2]],"top_k":5,"include_attributes":["vector"]}',
    '{"aggregate_by":{"n":["Count"]},"filters":["a","Eq","vector"]}',
    '{"queries":[{"rank_by":["a","BM25","x"],"top_k":3},{"rank_by":["vector","ANN",[1]],"top_k":3}],"rerank_by":["RRF"]}',
    '{"rank_by":["a","asc"],"limit":3,"vector":null,"cursor":null,"as_of":null}',
    '{"rank_by":["Sum",[["a","BM25","HybridText"],["b","BM25","x"]]],"top_k":1}',
  ])("forwards %s byte for byte", async (body) => {
    expect(await sentFor(body)).toBe(body);
  });

  it("forwards the caller's query string, headers and signal, and relays the answer", async () => {
    const { upstream, query } = queryGateway();
    const controller = new AbortController();
    const context = contextWith({
      headers: { "accept-encoding": "gzip" },
      rawQuery: "a=1",
      signal: controller.signal,
    });
    const relay = await query('{"rank_by":["a","asc"],"limit":1}', context);
    expect(relay.headers).toEqual({ "content-type": "application/json", traceparent: minted });
    expect(upstream.requests[0]).toMatchObject({
      method: "POST",
      path: "/v2/namespaces/products/query",
      query: "a=1",
      effect: "read",
      headers: { "accept-encoding": "gzip" },
      signal: controller.signal,
    });
  });

  it("sends what it understood when a key is repeated or escaped", async () => {
    expect(await sentFor('{"limit":1,"rank_by":["a","asc"],"limit":2}')).toBe(
      '{"rank_by":["a","asc"],"limit":2}',
    );
    expect(await sentFor('{"queries":[{"top_k":1,"top_k":2}]}')).toBe('{"queries":[{"top_k":2}]}');
    expect(await sentFor('{"\\u0061s_of":5,"rank_by":["a","asc"]}')).toBe(
      '{"rank_by":["a","asc"],"filters":["_hevlayer_upserted_at","Lte",5]}',
    );
  });
});

describe("several queries with keys that JSON can only spell escaped", () => {
  it.each([
    '{"queries":[{"a\\"b":1,"top_k":1}]}',
    '{"queries":[{"top_k":1},{"\\u0000":{"\\\\":2},"limit":3}]}',
  ])("forwards %s as it is", async (body) => {
    expect(await sentFor(body)).toBe(body);
  });

  it("still tells apart what is repeated or escaped without need beside them", async () => {
    expect(await sentFor('{"queries":[{"a\\"b":1,"top_k":1,"\\u0074op_k":2}]}')).toBe(
      '{"queries":[{"a\\"b":1,"top_k":2}]}',
    );
    await expect(sentFor('{"queries":[{"a\\"b":1,"\\u0063ursor":"x"}]}')).rejects.toThrow(
      "queries[0].cursor",
    );
  });
});

describe("queryNamespace with a vector", () => {
  it("ranks by nearest neighbours with the defaults of the vector form", async () => {
    expect(await sentFor('{"vector":[0.10, 1e-3]}')).toBe(
      '{"rank_by":["vector","ANN",[0.10, 1e-3]],"top_k":10,"consistency":{"level":"eventual"}}',
    );
  });

  it("keeps every other field exactly", async () => {
    expect(
      await sentFor(
        '{"filters":["n","Eq",18446744073709551615],"vector":"AACAPw==","top_k":7,"consistency":{"level":"strong"},"offset":1e1,"compute_attributes":{"x":1.0},"rerank_by":{"a":1},"distance_metric":"cosine_distance","future":[1]}',
      ),
    ).toBe(
      '{"filters":["n","Eq",18446744073709551615],"rank_by":["vector","ANN","AACAPw=="],"top_k":7,"consistency":{"level":"strong"},"offset":1e1,"compute_attributes":{"x":1.0},"rerank_by":{"a":1},"distance_metric":"cosine_distance","future":[1]}',
    );
  });

  it("takes limit in place of top_k, and null for absent", async () => {
    expect(await sentFor('{"vector":[1],"limit":{"total":3}}')).toBe(
      '{"rank_by":["vector","ANN",[1]],"limit":{"total":3},"consistency":{"level":"eventual"}}',
    );
    expect(
      await sentFor(
        '{"vector":[1],"rank_by":null,"top_k":null,"consistency":null,"include_leg_breakdown":false}',
      ),
    ).toBe('{"rank_by":["vector","ANN",[1]],"top_k":10,"consistency":{"level":"eventual"}}');
  });

  it("drops a listed vector and says so", async () => {
    const { upstream, query } = queryGateway();
    const relay = await query('{"vector":[1],"include_attributes":["title","vector"]}');
    expect(relay.headers["x-layer-warning"]).toBe("vector_attribute_dropped");
    expect(JSON.parse(upstream.sentText()).include_attributes).toEqual(["title"]);
    const silent = await query('{"vector":[1],"include_attributes":true}');
    expect(silent.headers).not.toHaveProperty("x-layer-warning");
    expect(JSON.parse(upstream.sentText(1)).include_attributes).toBe(true);
  });
});

describe("queryNamespace refuses", () => {
  it.each([
    ["{}", "query body: one of vector, nearest_to_id, rank_by is needed"],
    ['{"top_k":5}', "query body: one of vector, nearest_to_id, rank_by is needed"],
    ["[]", "query body: expected an object"],
    ['{"vector":[1],"rank_by":["a","asc"]}', "vector and rank_by: only one may be given"],
    ['{"vector":[1],"nearest_to_id":["a"]}', "vector and nearest_to_id: only one may be given"],
    ['{"rank_by":["title","HybridText","x"]}', "rank_by: the operator HybridText is not supported yet"],
    ['{"rank_by":["title","Auto","x",{}]}', "rank_by: the operator Auto is not supported yet"],
    [
      '{"queries":[{"rank_by":["a","Auto","x"]}]}',
      "queries[0].rank_by: the operator Auto is not supported yet",
    ],
    ['{"queries":[],"vector":[1]}', "vector and queries: only one may be given"],
    ['{"queries":[],"nearest_to_id":"a"}', "nearest_to_id and queries: only one may be given"],
    ['{"queries":[{}],"cursor":"x"}', "cursor: a query of several has no pages"],
    ['{"queries":[{},{"cursor":"x"}]}', "queries[1].cursor: a query of several has no pages"],
    ['{"queries":[{},{"as_of":1}]}', "queries[1].as_of: give it beside queries, for all of them"],
    ['{"queries":[{"between":[1,2]}]}', "queries[0].between: give it beside queries, for all of them"],
    ['{"queries":[]}', "queries: expected an array of 1 to 16 queries"],
    [`{"queries":[${"{},".repeat(16)}{}]}`, "queries: expected an array of 1 to 16 queries"],
    ['{"queries":{}}', "queries: expected an array of 1 to 16 queries"],
    ['{"queries":[{},[]]}', "queries[1]: expected an object"],
    [
      '{"queries":[{},{"vector":[1],"rank_by":["a","asc"]}]}',
      "queries[1].vector and rank_by: only one may be given",
    ],
    [
      '{"queries":[{"vector":[]}]}',
      "queries[0].vector: expected an array of at least 1 number, or a base64 string",
    ],
    ['{"queries":[{"vector":[1],"top_k":0}]}', "queries[0].top_k: expected an integer of at least 1, got 0"],
    ['{"queries":[{"nearest_to_id":[]}]}', "queries[0].nearest_to_id: at least 1 id is needed"],
    ['{"nearest_to_id":[]}', "nearest_to_id: at least 1 id is needed"],
    [
      '{"nearest_to_id":["a",1.5]}',
      "nearest_to_id: expected ids, each a string or an integer from 0 to 2^64-1",
    ],
    ['{"nearest_to_id":""}', "nearest_to_id: expected ids, each a string or an integer from 0 to 2^64-1"],
    ['{"vector":[1],"as_of":1,"between":[1,2]}', "as_of and between: only one may be given"],
    [
      '{"rank_by":["a","asc"],"as_of":-1}',
      "as_of: expected milliseconds since 1970, an integer of at least 0, got -1",
    ],
    [
      '{"rank_by":["a","asc"],"as_of":1.5}',
      "as_of: expected milliseconds since 1970, an integer of at least 0, got 1.5",
    ],
    [
      '{"rank_by":["a","asc"],"as_of":"5"}',
      'as_of: expected milliseconds since 1970, an integer of at least 0, got "5"',
    ],
    [
      `{"rank_by":["a","asc"],"as_of":${"9".repeat(100)}}`,
      `as_of: expected milliseconds since 1970, an integer of at least 0, got ${"9".repeat(60)}…`,
    ],
    ['{"aggregate_by":{},"between":[2,2]}', "between: expected a window [lo, hi] with lo < hi, got [2, 2]"],
    [
      '{"rank_by":["a","asc"],"between":[9007199254740993,9007199254740992]}',
      "between: expected a window [lo, hi] with lo < hi, got [9007199254740993, 9007199254740992]",
    ],
    [
      '{"queries":[{}],"between":[1]}',
      "between: expected [lo, hi], two integers of milliseconds since 1970, got [1]",
    ],
    [
      '{"rank_by":["a","asc"],"between":[1,null]}',
      "between: expected [lo, hi], two integers of milliseconds since 1970, got [1,null]",
    ],
    [
      '{"rank_by":["a","asc"],"between":{"lo":1}}',
      'between: expected [lo, hi], two integers of milliseconds since 1970, got {"lo":1}',
    ],
    [
      '{"rank_by":["a","asc"],"limit":1,"cursor":1}',
      "cursor: expected the text of an x-layer-next-cursor header",
    ],
    ['{"vector":[]}', "vector: expected an array of at least 1 number, or a base64 string"],
    ['{"vector":[1,"2"]}', "vector: expected an array of at least 1 number, or a base64 string"],
    ['{"vector":""}', "vector: expected an array of at least 1 number, or a base64 string"],
    ['{"vector":{}}', "vector: expected an array of at least 1 number, or a base64 string"],
    ['{"vector":[1],"top_k":0}', "top_k: expected an integer of at least 1, got 0"],
    ['{"vector":[1],"top_k":"5"}', 'top_k: expected an integer of at least 1, got "5"'],
    ['{"vector":[1],"top_k":1.5}', "top_k: expected an integer of at least 1, got 1.5"],
  ])("%s", async (body, message) => {
    const { upstream, query } = queryGateway();
    await expect(query(body)).rejects.toMatchObject({ code: "validation_error", message });
    expect(upstream.requests).toEqual([]);
  });

  it.each([
    "",
    "{",
    '{"rank_by":["a"',
    '{"vector":[1,,2]}',
    '{"vector":[1],"include_leg_breakdown":[1,,2]}',
    '{"vector":[1],"include_attributes":["a",,]}',
    '{"rank_by":["a","asc"],"limit":{"total" 5}}',
    '{"rank_by":["a","asc"],"between":[1,,2]}',
    '{"nearest_to_id":["a",,]}',
    '{"queries":[{"a" 1}]}',
    "nope",
  ])("%j as no JSON", async (body) => {
    await expect(queryGateway().query(body)).rejects.toMatchObject({ code: "invalid_json" });
  });
});

describe("a body by vector, which is put together anew,", () => {
  it("is refused when it is not UTF-8, as upstream refuses it in a body of its own", async () => {
    const { upstream, queries } = queryGateway();
    const body = Buffer.from('{"vector":[1],"filters":["t","Eq","\xff"]}', "latin1");
    await expect(queries.queryNamespace(contextWith(), "n", body)).rejects.toMatchObject({
      code: "invalid_json",
    });
    expect(upstream.requests).toEqual([]);
  });

  it("has a limit of its own, since its numbers are parsed", async () => {
    const { upstream, query } = queryGateway();
    const body = `{"vector":[${"1,".repeat(9 * 1024 * 1024)}1]}`;
    await expect(query(body)).rejects.toMatchObject({ code: "payload_too_large" });
    expect(upstream.requests).toEqual([]);
  });
});

describe("upstream's own query routes", () => {
  it("are passed through untouched, whatever the body", async () => {
    const { upstream, queries } = queryGateway();
    const body = Buffer.from('{"vector":[1],"cursor":"x"}');
    await queries.queryTurbopufferNamespace(contextWith({ rawQuery: "q=1" }), "n", body);
    await queries.explainTurbopufferQuery(contextWith(), "n", body);
    await queries.evaluateTurbopufferRecall(contextWith(), "n", Buffer.of());
    expect(upstream.requests.map(({ method, path, query, body }) => [method, path, query, body])).toEqual([
      ["POST", "/v2/namespaces/n/query", "q=1", body],
      ["POST", "/v2/namespaces/n/explain_query", "", body],
      ["POST", "/v1/namespaces/n/_debug/recall", "", undefined],
    ]);
  });
});
