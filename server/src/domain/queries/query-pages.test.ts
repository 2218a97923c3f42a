import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { queryGateway, stableAt, unwatched, updatingAt } from "../../../test/query-gateway.js";
import { answerText, contextWith } from "../../../test/upstream-double.js";
import type { UpstreamAnswer, UpstreamRequest } from "../../ports/upstream.js";

const tail = '"billing":{"b":1.50},"performance":{"ms":1e0}';
const W = 1_715_600_400_000;

/** Upstream whose ranking is these ids, as JSON text; asked for n rows it gives the first n. `offset` it may not know. */
function ranking(ids: readonly string[], offsets: "skips" | "ignores" | "refuses" = "skips") {
  return (request: UpstreamRequest): UpstreamAnswer => {
    const { top_k, limit, offset = 0 } = JSON.parse(Buffer.from(request.body ?? []).toString());
    if (offset > 0 && offsets === "refuses") return answerText("offset is not known", 400);
    const from = offsets === "skips" ? offset : 0;
    const rows = ids.slice(from, from + (top_k ?? limit.total ?? limit)).map((id) => ` {"id":${id},"n":1.0}`);
    return answerText(`{"rows": [${rows.join(" ,")} ],${tail}}`);
  };
}

const shown = (body: Uint8Array) =>
  [
    ...Buffer.from(body)
      .toString()
      .matchAll(/"id":("[^"]*"|\d+)/g),
  ].map(([, id]) => id);
/** Rows asked for, behind how many. */
function asked(text: string): unknown {
  const { top_k, offset } = JSON.parse(text);
  return offset === undefined ? top_k : [offset, top_k];
}

describe("the first page of a ranked query", () => {
  it.each([
    ['{"rank_by":["a","asc"],"top_k":2}'],
    ['{"rank_by":["a","BM25","x"],"limit":2}'],
    ['{"rank_by":["a","desc"],"limit":{"total":2,"per":{"attributes":["b"],"limit":1}}}'],
    ['{"vector":[1],"top_k":2}'],
  ])("%s is relayed as it came, and names a next one when it is full", async (body) => {
    const { query } = queryGateway({ script: ranking(["1", "2", "3"]) });
    const relay = await query(body);
    expect(Buffer.from(relay.body).toString()).toBe(
      `{"rows": [ {"id":1,"n":1.0} , {"id":2,"n":1.0} ],${tail}}`,
    );
    expect(relay.headers["x-layer-next-cursor"]).toMatch(/^[\w-]{20,200}$/);
  });

  it("has ten rows in the vector form unless told otherwise", async () => {
    const ids = Array.from({ length: 10 }, (_, id) => String(id));
    const full = queryGateway({ script: ranking(ids) });
    expect((await full.query('{"vector":[1]}')).headers).toHaveProperty("x-layer-next-cursor");
    const short = queryGateway({ script: ranking(ids.slice(1)) });
    expect((await short.query('{"vector":[1]}')).headers).not.toHaveProperty("x-layer-next-cursor");
  });

  it.each([
    ["it is not full", '{"rank_by":["a","asc"],"top_k":4}'],
    ["nothing ranks it", '{"aggregate_by":{"n":["Count"]},"group_by":["a"],"top_k":3}'],
    ["there are several", '{"queries":[{"rank_by":["a","asc"],"top_k":3}],"top_k":3}'],
    ["upstream ranks no deeper", '{"rank_by":["a","asc"],"top_k":10000}'],
    ["its rows are named twice", '{"rank_by":["a","asc"],"top_k":3,"limit":3}'],
    ["its rows are named twice inside limit", '{"rank_by":["a","asc"],"limit":{"total":3,"total":3}}'],
    ["its number of rows is upstream's to refuse", '{"rank_by":["a","asc"],"top_k":3.5}'],
  ])("names none when %s", async (_, body) => {
    const { query } = queryGateway({
      script: () => answerText(`{"rows":[{"id":1},{"id":2},{"id":3}],${tail}}`),
    });
    expect((await query(body)).headers).not.toHaveProperty("x-layer-next-cursor");
  });

  it.each([
    ["a refusal", answerText('{"rows":[{"id":1}]}', 400)],
    ["what is no JSON", answerText('{"rows":[{"id":1}')],
    ["what is no object", answerText("[1]")],
    ["rows without ids", answerText('{"rows":[{"ID":1}]}')],
    ["rows that are no objects", answerText('{"rows":[1]}')],
    ["no rows", answerText('{"aggregations":{"rows":[1]}}')],
  ])("names none, and relays %s", async (_, answer) => {
    const { query } = queryGateway({ script: () => answer });
    const relay = await query('{"rank_by":["a","asc"],"top_k":1}');
    expect([relay.status, relay.body]).toEqual([answer.status, answer.body]);
    expect(relay.headers).not.toHaveProperty("x-layer-next-cursor");
  });

  it("stays compressed on its way, a copy being read", async () => {
    const plain = Buffer.from('{"rows":[{"id":1}]}');
    const body = gzipSync(plain);
    const headers = { "content-encoding": "gzip" };
    const { upstream, query } = queryGateway({ script: () => ({ status: 200, headers, body, plain }) });
    const relay = await query('{"rank_by":["a","asc"],"top_k":1}');
    expect([relay.body, relay.headers["content-encoding"]]).toEqual([body, "gzip"]);
    expect(relay.headers).toHaveProperty("x-layer-next-cursor");
    expect(upstream.requests[0]?.answer).toBe("inspected");
  });
});

describe("further pages", () => {
  it("hold the rows behind the last one, in upstream's bytes, until one is not full", async () => {
    const ids = ['"a"', "18446744073709551615", '"\\u00e9"', '"d"', "5"];
    const { upstream, query } = queryGateway({ script: ranking(ids) });
    const first = await query('{"rank_by":["n","desc"],"top_k":2,"filters":["a","Eq",1.0]}');
    const second = await query(
      `{"rank_by":["n","desc"],"cursor":"${first.headers["x-layer-next-cursor"]}","top_k":2,"filters":["a","Eq",1.0]}`,
    );
    expect(Buffer.from(second.body).toString()).toBe(
      `{"rows": [ {"id":"\\u00e9","n":1.0} , {"id":"d","n":1.0} ],${tail}}`,
    );
    expect(upstream.sentText(1)).toBe('{"rank_by":["n","desc"],"top_k":4,"filters":["a","Eq",1.0]}');
    expect(upstream.requests[1]?.answer).toBe("decoded");
    const third = await query(
      `{"cursor":"${second.headers["x-layer-next-cursor"]}", "top_k":2,"filters":["a","Eq",1.0],"rank_by":["n","desc"]}`,
    );
    expect(Buffer.from(third.body).toString()).toBe(`{"rows": [ {"id":5,"n":1.0} ],${tail}}`);
    expect(third.headers).not.toHaveProperty("x-layer-next-cursor");
  });

  it("are empty where the ranking ended with a full page", async () => {
    const { query } = queryGateway({ script: ranking(["1", "2"]) });
    const body = '{"vector":[1],"top_k":2';
    const first = await query(`${body}}`);
    const second = await query(`${body},"cursor":"${first.headers["x-layer-next-cursor"]}"}`);
    expect(Buffer.from(second.body).toString()).toBe(`{"rows": [  ],${tail}}`);
    expect(second.headers).not.toHaveProperty("x-layer-next-cursor");
  });

  it.each([
    ['{"rank_by":["a","asc"],"limit":2', '{"rank_by":["a","asc"],"limit":4}'],
    [
      '{"rank_by":["a","asc"],"limit":{"per":{"attributes":["ö"],"limit":1}, "total" : 2}',
      '{"rank_by":["a","asc"],"limit":{"per":{"attributes":["ö"],"limit":1}, "total" : 4}}',
    ],
    ['{"rank_by":["a","asc"],"offset":7,"top_k":2', '{"rank_by":["a","asc"],"offset":7,"top_k":4}'],
    [
      '{"vector":[1],"top_k":2',
      '{"rank_by":["vector","ANN",[1]],"top_k":4,"consistency":{"level":"eventual"}}',
    ],
  ])("of %s} ask upstream for more where it asks for rows", async (body, sent) => {
    const { upstream, query } = queryGateway({
      script: ranking(Array.from({ length: 20 }, (_, id) => String(id))),
    });
    const first = await query(`${body}}`);
    await query(`${body},"cursor":"${first.headers["x-layer-next-cursor"]}"}`);
    expect(upstream.sentText(1)).toBe(sent);
  });

  it("of the default size ask for ten more", async () => {
    const ids = Array.from({ length: 25 }, (_, id) => String(id));
    const { upstream, query } = queryGateway({ script: ranking(ids) });
    const first = await query('{"vector":[1]}');
    const second = await query(`{"vector":[1],"cursor":"${first.headers["x-layer-next-cursor"]}"}`);
    expect(asked(upstream.sentText(1))).toBe(20);
    expect(shown(second.body)).toEqual(ids.slice(10, 20));
  });

  it.each([
    ["skips", [4_000, [3_999, 4_001], [7_999, 2_001]]],
    ["ignores", [4_000, [3_999, 4_001], 8_000, [7_999, 2_001], 10_000]],
    ["refuses", [4_000, [3_999, 4_001], 8_000, [7_999, 2_001], 10_000]],
  ] as const)(
    "deep in a ranking begin with the last row of an upstream that %s, and end at the depth it ranks",
    async (offsets, requests) => {
      const ids = Array.from({ length: 10_001 }, (_, id) => String(id));
      const { upstream, query } = queryGateway({ script: ranking(ids, offsets) });
      const body = '{"rank_by":["n","asc"],"top_k":4000';
      const seen: unknown[] = [];
      let cursor: unknown;
      do {
        const relay = await query(cursor === undefined ? `${body}}` : `${body},"cursor":"${cursor}"}`);
        seen.push(...shown(relay.body));
        cursor = relay.headers["x-layer-next-cursor"];
      } while (cursor !== undefined);
      expect(seen).toEqual(ids.slice(0, 10_000));
      expect(upstream.requests.map((_, at) => asked(upstream.sentText(at)))).toEqual(requests);
    },
  );

  it("deep in a ranking find the last row where others went before it, beside the caller's own offset", async () => {
    let ids = Array.from({ length: 5_000 }, (_, id) => String(id));
    const { upstream, query } = queryGateway({ script: (request) => ranking(ids)(request) });
    const body = '{"rank_by":["n","asc"],"offset":100,"top_k":2000';
    const first = await query(`${body}}`);
    ids = ids.slice(50);
    const second = await query(`${body},"cursor":"${first.headers["x-layer-next-cursor"]}"}`);
    expect(shown(second.body)).toEqual(Array.from({ length: 2_000 }, (_, id) => String(2_100 + id)));
    expect(upstream.requests.map((_, at) => asked(upstream.sentText(at)))).toEqual([
      [100, 2_000],
      [2_099, 2_001],
      [100, 4_000],
    ]);
  });

  it("deep in a ranking are refused once, and filtered once, where upstream is busy", async () => {
    const ids = Array.from({ length: 5_000 }, (_, id) => String(id));
    const statuses = [200, 429, 400, 429];
    const { upstream, query } = queryGateway({
      view: stableAt(W),
      script: (request) => {
        const status = statuses.shift() ?? 500;
        return status === 200 ? ranking(ids)(request) : answerText("busy", status);
      },
    });
    const body = '{"rank_by":["n","asc"],"top_k":2000';
    const first = await query(`${body}}`);
    const second = await query(`${body},"cursor":"${first.headers["x-layer-next-cursor"]}"}`);
    expect(second.status).toBe(429);
    const sent = upstream.requests.map((_, at) => JSON.parse(upstream.sentText(at)));
    expect(sent.map(({ offset, filters }) => [offset, filters !== undefined])).toEqual([
      [undefined, false],
      [1_999, false],
      [1_999, true],
      [undefined, true],
    ]);
  });

  it.each<[string, string[], string[], boolean]>([
    ["a row before the last was deleted", ["1", "3", "4", "5", "6", "7"], ["4", "5", "6"], true],
    ["a row came before the last", ["0", "1", "2", "3", "4", "5", "6"], ["4", "5"], true],
    ["a page of rows came before the last", ["7", "8", "9", "1", "2", "3", "4"], [], true],
    ["the last itself is gone: by position", ["1", "2", "4", "5", "6", "7"], ["5", "6", "7"], true],
    ["most are gone", ["1", "3"], [], false],
    ["all are gone", [], [], false],
  ])("go on behind the last row when %s", async (_, then, expected, more) => {
    let ids = ["1", "2", "3", "4", "5"];
    const { query } = queryGateway({ script: (request) => ranking(ids)(request) });
    const body = '{"rank_by":["n","asc"],"top_k":3';
    const first = await query(`${body}}`);
    ids = then;
    const second = await query(`${body},"cursor":"${first.headers["x-layer-next-cursor"]}"}`);
    expect(shown(second.body)).toEqual(expected);
    expect(second.headers["x-layer-next-cursor"] !== undefined).toBe(more);
  });

  it("relay a refusal of upstream as it came", async () => {
    let status = 200;
    const { query } = queryGateway({
      script: (request) => (status === 200 ? ranking(["1", "2"])(request) : answerText("no", status)),
    });
    const first = await query('{"vector":[1],"top_k":1}');
    status = 404;
    const second = await query(`{"vector":[1],"top_k":1,"cursor":"${first.headers["x-layer-next-cursor"]}"}`);
    expect([second.status, Buffer.from(second.body).toString()]).toEqual([404, "no"]);
  });

  it.each(["{}", '{"rows":[{"id":1}', "nonsense"])("fail when upstream answers %s", async (nonsense) => {
    let text = '{"rows":[{"id":1}]}';
    const { query } = queryGateway({ script: () => answerText(text) });
    const first = await query('{"vector":[1],"top_k":1}');
    text = nonsense;
    await expect(
      query(`{"vector":[1],"top_k":1,"cursor":"${first.headers["x-layer-next-cursor"]}"}`),
    ).rejects.toMatchObject({ code: "upstream_error" });
  });
});

describe("the watermark of the first page", () => {
  const body = '{"rank_by":["n","asc"],"top_k":1';

  it("bounds further pages, and is what they tell", async () => {
    const { upstream, query, known } = queryGateway({
      script: ranking(["1", "2", "3"]),
      view: updatingAt(W),
    });
    const first = await query(`${body}}`);
    for (const view of [updatingAt(W + 5), stableAt(W + 9), unwatched]) {
      known.now = view;
      const next = await query(`${body},"cursor":"${first.headers["x-layer-next-cursor"]}"}`);
      expect(next.headers["x-layer-stable-as-of"]).toBe(String(W));
      expect(JSON.parse(upstream.sentText(upstream.requests.length - 1)).filters).toEqual([
        "_hevlayer_upserted_at",
        "Lte",
        W,
      ]);
    }
  });

  it("becomes the bound when a later page has to be filtered", async () => {
    const { upstream, query, known } = queryGateway({ script: ranking(["1", "2", "3"]), view: stableAt(W) });
    const first = await query(`${body}}`);
    known.now = updatingAt(W + 5);
    await query(`${body},"cursor":"${first.headers["x-layer-next-cursor"]}"}`);
    expect(JSON.parse(upstream.sentText(0))).not.toHaveProperty("filters");
    expect(JSON.parse(upstream.sentText(1)).filters).toEqual(["_hevlayer_upserted_at", "Lte", W]);
  });

  it("stays a filter where a 429 made it one", async () => {
    let sent = 0;
    const { upstream, query } = queryGateway({
      view: stableAt(W),
      script: (request) => (sent++ === 0 ? answerText("", 429) : ranking(["1", "2", "3"])(request)),
    });
    const first = await query(`${body}}`);
    expect(first.status).toBe(200);
    await query(`${body},"cursor":"${first.headers["x-layer-next-cursor"]}"}`);
    expect(JSON.parse(upstream.sentText(2)).filters).toEqual(["_hevlayer_upserted_at", "Lte", W]);
  });
});

describe("a cursor", () => {
  const query = '{"rank_by":["n","asc"],"top_k":1,"filters":["a","Eq",1]}';

  async function firstCursor(): Promise<string> {
    const gateway = queryGateway({ script: ranking(["1", "2"]) });
    return String((await gateway.query(query)).headers["x-layer-next-cursor"]);
  }

  it.each([
    '{"rank_by":["n","desc"],"top_k":1,"filters":["a","Eq",1]',
    '{"rank_by":["n","asc"],"top_k":2,"filters":["a","Eq",1]',
    '{"rank_by":["n","asc"],"top_k":1,"filters":["a","Eq",2]',
    '{"rank_by":["n","asc"],"top_k":1',
    '{"rank_by":["n","asc"],"top_k":1,"filters":["a","Eq",1],"as_of":5',
    '{"aggregate_by":{"n":["Count"]}',
  ])("of another query is refused by %s}", async (body) => {
    const gateway = queryGateway({ script: ranking(["1", "2"]) });
    await expect(gateway.query(`${body},"cursor":"${await firstCursor()}"}`)).rejects.toMatchObject({
      code: "validation_error",
      message: expect.stringContaining("cursor: this token belongs to another query"),
    });
    expect(gateway.upstream.requests).toEqual([]);
  });

  it("of another namespace is refused", async () => {
    const { queries } = queryGateway();
    const body = Buffer.from(query.replace(/}$/, `,"cursor":"${await firstCursor()}"}`));
    await expect(queries.queryNamespace(contextWith(), "other", body)).rejects.toMatchObject({
      code: "validation_error",
    });
  });

  it("fits the same query with members in another order, nulls among them", async () => {
    const gateway = queryGateway({ script: ranking(["1", "2"]) });
    const body = ` {"as_of":null, "filters": ["a","Eq",1],"cursor":"${await firstCursor()}",\n"top_k": 1 ,"rank_by":["n","asc"]}`;
    expect(shown((await gateway.query(body)).body)).toEqual(["2"]);
  });

  const encoded = (fields: unknown) => Buffer.from(JSON.stringify(fields)).toString("base64url");
  it.each([
    "",
    "x",
    "!!!",
    encoded(null),
    encoded([]),
    encoded({ v: 2, id: "1", n: 1, q: "x" }),
    encoded({ v: 1, id: 1, n: 1, q: "x" }),
    encoded({ v: 1, id: "1", n: 0, q: "x" }),
    encoded({ v: 1, id: "1", n: 10_000, q: "x" }),
    encoded({ v: 1, id: "1", n: 1.5, q: "x" }),
    encoded({ v: 1, id: "1", n: 1, w: -1, q: "x" }),
    encoded({ v: 1, id: "1", n: 1, f: 1, q: "x" }),
    encoded({ v: 1, id: "1", n: 1 }),
    "x".repeat(5_000),
  ])("%j is no token", async (token) => {
    const gateway = queryGateway();
    await expect(
      gateway.query(`{"rank_by":["n","asc"],"top_k":1,"cursor":${JSON.stringify(token)}}`),
    ).rejects.toMatchObject({
      code: "validation_error",
      message: "cursor: this is no token of an x-layer-next-cursor header",
    });
    expect(gateway.upstream.requests).toEqual([]);
  });
});
