import { describe, expect, it } from "vitest";
import { queryGateway, sentFor, stableAt, updatingAt } from "../../../test/query-gateway.js";
import { answerText } from "../../../test/upstream-double.js";
import { AppError } from "../../errors.js";
import type { SeedResolver } from "./seed-resolver.js";

const W = 1_715_600_400_000;
const predicate = `["_hevlayer_upserted_at","Lte",${W}]`;

describe("a batch", () => {
  it.each([
    [
      "builds the ranking of legs by vector in place, and leaves upstream's own default to the others",
      '{ "queries" : [ {"vector":[1.0],"top_k":2} , {"rank_by":["a","BM25","x"], "limit":3},{"vector":"AACAPw=="}],"vector_encoding":"base64"}',
      '{ "queries" : [ {"rank_by":["vector","ANN",[1.0]],"top_k":2} , {"rank_by":["a","BM25","x"], "limit":3},{"rank_by":["vector","ANN","AACAPw=="],"top_k":10}],"vector_encoding":"base64"}',
    ],
    [
      "reads eventually when every leg is of our form",
      '{"queries":[{"vector":[1]},{"vector":[2]}]}',
      '{"queries":[{"rank_by":["vector","ANN",[1]],"top_k":10},{"rank_by":["vector","ANN",[2]],"top_k":10}],"consistency":{"level":"eventual"}}',
    ],
    [
      "keeps the caller's consistency",
      '{"consistency":{"level":"strong"},"queries":[{"vector":[1]}]}',
      '{"consistency":{"level":"strong"},"queries":[{"rank_by":["vector","ANN",[1]],"top_k":10}]}',
    ],
    [
      "takes as_of for all legs",
      '{"as_of":5,"queries":[{"top_k":1},{"filters":["a","Eq",1]}],"rerank_by":["RRF"],"limit":2}',
      '{"queries":[{"top_k":1,"filters":["_hevlayer_upserted_at","Lte",5]},{"filters":["And",[["a","Eq",1],["_hevlayer_upserted_at","Lte",5]]]}],"rerank_by":["RRF"],"limit":2}',
    ],
    [
      "takes between for all legs, last in the body too",
      '{"queries":[{"top_k":1}],"between":[1,5]}',
      '{"queries":[{"top_k":1,"filters":["And",[["_hevlayer_upserted_at","Gt",1],["_hevlayer_upserted_at","Lte",5]]]}]}',
    ],
    [
      "goes as it came without any of ours, nulls included",
      '{"queries":[{"vector":null,"as_of":null,"rank_by":["a","asc"]}],"cursor":null,"as_of":null}',
      '{"queries":[{"vector":null,"as_of":null,"rank_by":["a","asc"]}],"cursor":null,"as_of":null}',
    ],
    [
      "sends what it understood when a key of a leg is repeated",
      '{"queries":[{"vector":[1],"vector":[2],"top_k":1}]}',
      '{"queries":[{"rank_by":["vector","ANN",[2]],"top_k":1}],"consistency":{"level":"eventual"}}',
    ],
  ])("%s", async (_, body, sent) => {
    expect(await sentFor(body)).toBe(sent);
  });

  it("is strong when every leg is of our form and the watermark is in force", async () => {
    expect(await sentFor('{"queries":[{"vector":[1]}]}', { view: updatingAt(W) })).toBe(
      `{"queries":[{"rank_by":["vector","ANN",[1]],"top_k":10,"filters":${predicate}}],"consistency":{"level":"strong"}}`,
    );
  });

  it("says so when a vector was dropped from a leg's attributes, and has no next page", async () => {
    const { upstream, query } = queryGateway({
      script: () => answerText('{"results":[{"rows":[{"id":1}]},{"rows":[]}]}'),
      view: stableAt(W),
    });
    const relay = await query(
      '{"queries":[{"rank_by":["a","asc"],"top_k":1,"include_attributes":["vector"]},{"vector":[1],"include_attributes":["vector","ü"]}]}',
    );
    expect(upstream.sentText()).toBe(
      '{"queries":[{"rank_by":["a","asc"],"top_k":1,"include_attributes":["vector"]},{"rank_by":["vector","ANN",[1]],"include_attributes":["ü"],"top_k":10}]}',
    );
    expect(relay.headers).toMatchObject({
      "x-layer-warning": "vector_attribute_dropped",
      "x-layer-stable-as-of": String(W),
    });
    expect(relay.headers).not.toHaveProperty("x-layer-next-cursor");
    expect(Buffer.from(relay.body).toString()).toBe('{"results":[{"rows":[{"id":1}]},{"rows":[]}]}');
  });

  it("may have sixteen legs", async () => {
    const body = `{"queries":[${Array.from({ length: 16 }, () => "{}").join(",")}]}`;
    expect(await sentFor(body)).toBe(body);
  });
});

describe("nearest_to_id", () => {
  /** Knows ids by their length. */
  function resolver(): SeedResolver & { asked: string[][] } {
    const asked: string[][] = [];
    return {
      asked,
      resolveSeeds: async (_context, namespace, ids) => {
        asked.push([namespace, ...ids]);
        if (ids.includes("gone")) throw new AppError("not_found", "no vector: gone");
        return ids.map((id) => id.length / 2);
      },
    };
  }

  it.each([
    ['{"nearest_to_id":["a","bc"],"top_k":3}', ["a", "bc"], "[0.5,1]"],
    ['{"top_k":3,"nearest_to_id":"abc"}', ["abc"], "[1.5]"],
    [
      '{"nearest_to_id":[18446744073709551615,"\\u0061"],"rank_by":null,"vector":null,"top_k":3}',
      ["18446744073709551615", "a"],
      "[10,0.5]",
    ],
  ])("%s searches from the point that its ids resolve to", async (body, ids, vector) => {
    const seeds = resolver();
    const { upstream, query } = queryGateway({ seeds });
    await query(body);
    expect(seeds.asked).toEqual([["products", ...ids]]);
    expect(JSON.parse(upstream.sentText())).toEqual({
      rank_by: ["vector", "ANN", JSON.parse(vector)],
      top_k: 3,
      consistency: { level: "eventual" },
    });
  });

  it("works in legs of a batch beside others", async () => {
    const { upstream, query } = queryGateway({ seeds: resolver(), view: updatingAt(W) });
    await query(
      '{"queries":[{"nearest_to_id":"a"},{"vector":[9]},{"nearest_to_id":["bcd"],"filters":["a","Eq",1]}]}',
    );
    expect(upstream.sentText()).toBe(
      `{"queries":[{"rank_by":["vector","ANN",[0.5]],"top_k":10,"filters":${predicate}},{"rank_by":["vector","ANN",[9]],"top_k":10,"filters":${predicate}},{"filters":["And",[["a","Eq",1],${predicate}]],"rank_by":["vector","ANN",[1.5]],"top_k":10}],"consistency":{"level":"strong"}}`,
    );
  });

  it("fails with what resolving says, before anything is sent", async () => {
    const { upstream, query } = queryGateway({ seeds: resolver() });
    await expect(query('{"queries":[{"nearest_to_id":["a","gone"]}]}')).rejects.toMatchObject({
      code: "not_found",
      message: "no vector: gone",
    });
    expect(upstream.requests).toEqual([]);
  });
});
