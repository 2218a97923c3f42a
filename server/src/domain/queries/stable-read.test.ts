import { describe, expect, it } from "vitest";
import {
  type QueryGatewayOptions,
  queryGateway,
  sentFor,
  stableAt,
  unwatched,
  updatingAt,
} from "../../../test/query-gateway.js";
import { answerText } from "../../../test/upstream-double.js";
import { AppError } from "../../errors.js";
import { stableRead } from "./stable-read.js";

const W = 1_715_600_400_000;
const predicate = `["_hevlayer_upserted_at","Lte",${W}]`;
const native = '{"rank_by":["a","asc"],"limit":3}';
const updating: QueryGatewayOptions = { view: updatingAt(W) };

describe("a query of a namespace whose index is updating", () => {
  it.each([
    [
      "the bare predicate without a filter",
      native,
      `{"rank_by":["a","asc"],"limit":3,"filters":${predicate}}`,
    ],
    [
      "the caller's filter and the predicate, all other bytes kept",
      '{ "filters" : ["n","Eq",18446744073709551615] , "rank_by":["a","asc"],"limit" :1e0,"future":{"x":[1.0]} }',
      `{ "filters" : ["And",[["n","Eq",18446744073709551615],${predicate}]] , "rank_by":["a","asc"],"limit" :1e0,"future":{"x":[1.0]} }`,
    ],
    [
      "the predicate in place of a null",
      '{"filters":null,"rank_by":["a","asc"],"limit":3}',
      `{"filters":${predicate},"rank_by":["a","asc"],"limit":3}`,
    ],
    [
      "the predicate on an aggregation",
      '{"aggregate_by":{"n":["Count"]}}',
      `{"aggregate_by":{"n":["Count"]},"filters":${predicate}}`,
    ],
    [
      "one filter of a key that is repeated and escaped",
      '{"filters":["a","Eq",1],"rank_by":["a","asc"],"\\u0066ilters":["b","Eq",2]}',
      `{"rank_by":["a","asc"],"filters":["And",[["b","Eq",2],${predicate}]]}`,
    ],
    [
      "a caller's consistency as it is",
      '{"rank_by":["a","asc"],"consistency":{"level":"eventual"}}',
      `{"rank_by":["a","asc"],"consistency":{"level":"eventual"},"filters":${predicate}}`,
    ],
    [
      "a query by vector, strong unless told otherwise",
      '{"vector":[1.0]}',
      `{"rank_by":["vector","ANN",[1.0]],"top_k":10,"filters":${predicate},"consistency":{"level":"strong"}}`,
    ],
    [
      "a query by vector with the caller's own consistency",
      '{"vector":"AACAPw==","consistency":{"level":"eventual"},"filters":["a","Eq",1],"limit":4}',
      `{"rank_by":["vector","ANN","AACAPw=="],"consistency":{"level":"eventual"},"filters":["And",[["a","Eq",1],${predicate}]],"limit":4}`,
    ],
    [
      "as_of inside, between the caller's filter and the watermark",
      '{"rank_by":["a","asc"],"as_of":5,"filters":["a","Eq",1]}',
      `{"rank_by":["a","asc"],"filters":["And",[["a","Eq",1],["_hevlayer_upserted_at","Lte",5],${predicate}]]}`,
    ],
    [
      "every leg of a batch",
      '{"queries":[{"rank_by":["a","asc"],"top_k":1},{"filters":["b","Eq",1],"rank_by":["b","asc"]},{}],"rerank_by":["RRF"]}',
      `{"queries":[{"rank_by":["a","asc"],"top_k":1,"filters":${predicate}},{"filters":["And",[["b","Eq",1],${predicate}]],"rank_by":["b","asc"]},{"filters":${predicate}}],"rerank_by":["RRF"]}`,
    ],
  ])("is filtered: %s", async (_, body, sent) => {
    expect(await sentFor(body, updating)).toBe(sent);
  });

  it("says which watermark it was read at", async () => {
    const { query } = queryGateway(updating);
    expect((await query(native)).headers["x-layer-stable-as-of"]).toBe(String(W));
  });

  it.each([
    ["its schema has no stamp", { view: { ...updatingAt(W), hasStamp: false } }],
    ["no watermark is known", { view: { ...updatingAt(W), watermark: undefined } }],
    ["the index is stable", { view: stableAt(W) }],
    ["nothing is known of the index", { view: { ...updatingAt(W), status: "unknown" as const } }],
    ["nobody watches it", { view: unwatched }],
  ])("is not filtered when %s", async (_, options) => {
    expect(await sentFor(native, options)).toBe(native);
    const { query } = queryGateway(options);
    const { watermark } = options.view;
    expect((await query(native)).headers["x-layer-stable-as-of"]).toBe(
      watermark === undefined ? undefined : String(watermark),
    );
  });
});

describe("a namespace whose policy is strong", () => {
  it.each([
    [native, '{"rank_by":["a","asc"],"limit":3,"consistency":{"level":"strong"}}'],
    [
      '{"consistency":null,"rank_by":["a","asc"]}',
      '{"consistency":{"level":"strong"},"rank_by":["a","asc"]}',
    ],
    ['{"rank_by":["a","asc"],"consistency":{"level":"eventual"}}', undefined],
    ['{"vector":[1]}', '{"rank_by":["vector","ANN",[1]],"top_k":10,"consistency":{"level":"strong"}}'],
    ['{"queries":[{"top_k":1}]}', '{"queries":[{"top_k":1}],"consistency":{"level":"strong"}}'],
  ])("has %s read strongly and not filtered", async (body, sent) => {
    expect(await sentFor(body, { view: updatingAt(W), level: "strong" })).toBe(sent ?? body);
  });

  it("is not asked twice after a 429, and still says its watermark", async () => {
    const { upstream, query } = queryGateway({
      script: () => answerText("busy", 429),
      view: stableAt(W),
      level: "strong",
    });
    const relay = await query(native);
    expect([relay.status, relay.headers["x-layer-stable-as-of"]]).toEqual([429, String(W)]);
    expect(upstream.requests).toHaveLength(1);
  });
});

describe("a 429 of upstream", () => {
  function answering(statuses: number[], options: QueryGatewayOptions) {
    const left = [...statuses];
    return queryGateway({
      ...options,
      script: () => {
        const status = left.shift() ?? 500;
        return answerText(`{"rows":[],"status":${status}}`, status);
      },
    });
  }

  it("to an unfiltered query is answered once more with the filter on", async () => {
    const { upstream, query } = answering([429, 200], { view: stableAt(W) });
    const relay = await query(native);
    expect(relay.status).toBe(200);
    expect(relay.headers["x-layer-stable-as-of"]).toBe(String(W));
    expect([upstream.sentText(0), upstream.sentText(1)]).toEqual([
      native,
      `{"rank_by":["a","asc"],"limit":3,"filters":${predicate}}`,
    ]);
  });

  it("to a query by vector is answered once more, strongly", async () => {
    const { upstream, query } = answering([429, 200], { view: stableAt(W) });
    await query('{"vector":[1]}');
    expect(JSON.parse(upstream.sentText(0)).consistency).toEqual({ level: "eventual" });
    expect(JSON.parse(upstream.sentText(1)).consistency).toEqual({ level: "strong" });
  });

  it("to a batch is answered once more with all legs filtered", async () => {
    const { upstream, query } = answering([429, 200], { view: stableAt(W) });
    await query('{"queries":[{"top_k":1},{"top_k":2}]}');
    expect(upstream.sentText(1)).toBe(
      `{"queries":[{"top_k":1,"filters":${predicate}},{"top_k":2,"filters":${predicate}}]}`,
    );
  });

  it.each([
    [429, "a second one"],
    [503, "a failure"],
    [400, "a refusal"],
  ])("is final after the retry, were it %i, %s", async (status) => {
    const { upstream, query } = answering([429, status, 200], { view: stableAt(W) });
    const relay = await query(native);
    expect(relay.status).toBe(status);
    expect(Buffer.from(relay.body).toString()).toContain(`"status":${status}`);
    expect(upstream.requests).toHaveLength(2);
  });

  it("is final when the retry does not reach upstream", async () => {
    let sent = 0;
    const { query } = queryGateway({
      view: stableAt(W),
      script: () => (sent++ === 0 ? answerText("", 429) : new AppError("upstream_error", "connection reset")),
    });
    await expect(query(native)).rejects.toMatchObject({ code: "upstream_error" });
    expect(sent).toBe(2);
  });

  it.each([
    ["it was filtered already", updatingAt(W)],
    ["no watermark is known", { ...stableAt(W), watermark: undefined }],
    ["the schema has no stamp, so that the retry could only be refused", { ...stableAt(W), hasStamp: false }],
  ])("is relayed at once when %s", async (_, view) => {
    const { upstream, query } = answering([429, 200], { view });
    expect((await query(native)).status).toBe(429);
    expect(upstream.requests).toHaveLength(1);
  });
});

describe("stableRead for a further page", () => {
  it.each([
    ["keeps the first page's watermark", updatingAt(W + 9), { watermark: W, filtered: true }, W, W],
    ["keeps its filter when the index has settled", stableAt(W + 9), { watermark: W, filtered: true }, W, W],
    ["keeps its filter when all is forgotten", unwatched, { watermark: W, filtered: true }, W, W],
    ["bounds a filter that begins later", updatingAt(W + 9), { watermark: W, filtered: false }, W, W],
    [
      "stays unfiltered while nothing asks for it",
      stableAt(W + 9),
      { watermark: W, filtered: false },
      W,
      undefined,
    ],
    ["never goes beyond what is known", updatingAt(W), { watermark: W + 9, filtered: true }, W, W],
    ["begins with what is known then", updatingAt(W), { watermark: undefined, filtered: false }, W, W],
  ])("%s", (_, view, pinned, stableAsOf, filter) => {
    expect(stableRead(view, false, pinned)).toMatchObject({ stableAsOf, filter });
  });
});
