import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../json.js";
import { LANGUAGES, type Language } from "../schema/languages.js";
import { startTestEngine, type TestEngine } from "./test-engine.js";

let t: TestEngine;
beforeAll(async () => {
  t = await startTestEngine();
});
afterAll(() => t.stop());

const ranked = async (ns: string, rank_by: Json, limit: Json = 10) =>
  (await t.rows(ns, { rank_by, limit })).map(({ id, $dist }) => [id, Number(($dist as number).toFixed(6))]);

const textNamespace = async (texts: Record<string, Json>, options: Json, type = "string") => {
  const ns = t.fresh();
  const upsert_rows = Object.entries(texts).map(([id, content]) => ({ id: Number(id), content }));
  const reply = await t.write(ns, { upsert_rows, schema: { content: { type, full_text_search: options } } });
  if (reply.status !== 200) throw new Error(reply.text);
  return ns;
};

describe("token filters and prefixes", () => {
  it("68 matches any token and sequences of tokens", async () => {
    const ns = await textNamespace({ 1: "the quick brown fox", 2: "brown quick", 3: "slow dog" }, true);
    const ids = (operator: string, query: string, options?: Json) =>
      t.ids(ns, {
        limit: 10,
        filters: ["content", operator, query, ...(options === undefined ? [] : [options])],
      });
    expect(await ids("ContainsAnyToken", "dog fox")).toEqual([1, 3]);
    expect(await ids("ContainsTokenSequence", "quick brown")).toEqual([1]);
    expect(await ids("ContainsAllTokens", "quick brown")).toEqual([1, 2]);
    const prefix = { last_as_prefix: true };
    expect(await ids("ContainsAllTokens", "quick bro", prefix)).toEqual([1, 2]);
    expect(await ids("ContainsTokenSequence", "quick bro", prefix)).toEqual([1]);
    expect(await ids("ContainsAnyToken", "zebra do", prefix)).toEqual([3]);
    expect(await ids("ContainsAllTokens", "quick bro")).toEqual([]);
  });

  it("68 scores a last token taken as prefix with a flat 1 per document", async () => {
    const ns = await textNamespace({ 1: "walrus walnut", 2: "wall", 3: "dog" }, true);
    const prefixed = ["content", "BM25", "wal", { last_as_prefix: true }];
    expect(await ranked(ns, prefixed)).toEqual([
      [1, 1],
      [2, 1],
    ]);
  });

  it("refuses a full-text query over the documented length", async () => {
    const ns = await textNamespace({ 1: "a" }, true);
    const reply = await t.query(ns, { rank_by: ["content", "BM25", "a ".repeat(600)], limit: 1 });
    expect(reply.status).toBe(400);
  });
});

describe("score expressions", () => {
  const animals = async () => {
    const ns = t.fresh();
    await t.write(ns, {
      upsert_columns: {
        id: [1, 2, 3, 4],
        species: ["whale", "fox", "whale", null],
        n: [0, 100, 300, null],
        at: ["2026-01-01", "2026-01-01T06:00:00Z", "2025-12-31T06:00:00", null],
      },
      schema: { at: "datetime", u: "uint" },
    });
    return ns;
  };

  it("69 ranks by a filter, weighted", async () => {
    const ns = await animals();
    expect(await ranked(ns, ["species", "Eq", "whale"])).toEqual([
      [1, 1],
      [3, 1],
    ]);
    expect(await ranked(ns, ["Product", 2, ["species", "Eq", "whale"]])).toEqual([
      [1, 2],
      [3, 2],
    ]);
  });

  it("69 keeps an overflowing product a number", async () => {
    const ns = await animals();
    const huge = ["Product", 1e300, ["Product", 1e300, ["species", "Eq", "fox"]]];
    expect(await t.rows(ns, { rank_by: huge, limit: 1 })).toEqual([{ id: 2, $dist: Number.MAX_VALUE }]);
    const computed = { rank_by: ["id", "asc"], filters: ["id", "Eq", 2], limit: 1 };
    expect(await t.rows(ns, { ...computed, compute_attributes: { huge } })).toEqual([
      { id: 2, huge: Number.MAX_VALUE },
    ]);
  });

  it("69 ranks by a numeric attribute where its sign is settled", async () => {
    const ns = await animals();
    expect((await t.query(ns, { rank_by: ["Attribute", "n"], limit: 1 })).status).toBe(400);
    expect(await ranked(ns, ["Max", 0, ["Attribute", "n"]])).toEqual([
      [3, 300],
      [2, 100],
    ]);
  });

  it("69 saturates and decays around the midpoint", async () => {
    const ns = await animals();
    expect(await ranked(ns, ["Saturate", ["Attribute", "n"], { midpoint: 100 }])).toEqual([
      [3, 0.75],
      [2, 0.5],
    ]);
    expect(await ranked(ns, ["Decay", ["Attribute", "n"], { midpoint: 100 }])).toEqual([
      [1, 1],
      [2, 0.5],
      [3, 0.25],
    ]);
    expect(await ranked(ns, ["Decay", ["Attribute", "n"], { midpoint: 50, exponent: 2 }])).toEqual([
      [1, 1],
      [2, 0.2],
      [3, Number((2500 / 92500).toFixed(6))],
    ]);
  });

  it("69 saturates and decays where the powers leave the range of doubles", async () => {
    const ns = t.fresh();
    await t.write(ns, {
      upsert_rows: [
        { id: 1, f: 1e200 },
        { id: 2, f: 0 },
      ],
      schema: { f: "float" },
    });
    const curve = (name: string, options: Json) => ranked(ns, [name, ["Attribute", "f"], options]);
    expect(await curve("Saturate", { midpoint: 1, exponent: 2 })).toEqual([[1, 1]]);
    expect(await curve("Saturate", { midpoint: 1e200, exponent: 2 })).toEqual([[1, 0.5]]);
    expect(await curve("Decay", { midpoint: 1e200, exponent: 2 })).toEqual([
      [2, 1],
      [1, 0.5],
    ]);
    expect(await curve("Decay", { midpoint: 1e-200, exponent: 2 })).toEqual([[2, 1]]);
  });

  it("69 takes numbers of more than sixteen digits, as midpoints in nanoseconds have", async () => {
    const ns = t.fresh();
    await t.write(ns, '{"upsert_rows":[{"id":1,"ns":15552000000000000}]}');
    const half = '["Saturate",["Attribute","ns"],{"midpoint":15552000000000000,"exponent":1}]';
    for (const [rank, score] of [
      [half, 0.5],
      [`["Product",10000000000000000000,${half}]`, 5e18],
      [`["Product",${half},10000000000000000000]`, 5e18],
      ['["Max",20000000000000000000,["Attribute","ns"]]', 2e19],
    ]) {
      const { body } = await t.query(ns, `{"rank_by":${rank},"limit":1}`);
      const [row] = body.rows as { $dist: number }[];
      expect(Number(row?.$dist)).toBe(score);
    }
  });

  it("69 decays with the distance in time from an origin, either way", async () => {
    const ns = await animals();
    const from = (midpoint: string) => [
      "Decay",
      ["Dist", ["Attribute", "at"], "2026-01-01T00:00:00Z"],
      { midpoint },
    ];
    expect(await ranked(ns, from("6h"))).toEqual([
      [1, 1],
      [2, 0.5],
      [3, 0.25],
    ]);
    const day = ["Decay", ["Dist", ["Attribute", "at"], "2026-01-02T00:00:00Z"], { midpoint: "1d" }];
    expect((await ranked(ns, day)).find(([id]) => id === 1)).toEqual([1, 0.5]);
  });

  it("70 scores sparse vectors by dot product and leaves zeros out", async () => {
    const ns = t.fresh();
    await t.write(ns, {
      upsert_rows: [
        { id: 1, sparse: { "3": 0.5, "7": 2 } },
        { id: 2, sparse: { "7": 4 } },
        { id: 3, sparse: { "9": 1 } },
        { id: 4 },
      ],
      schema: { sparse: { type: "{}f16", sparse_knn: { distance_metric: "dot_product" } } },
    });
    expect(await ranked(ns, ["sparse", "SparseKNN", { "3": 2, "7": 1 }])).toEqual([
      [2, 4],
      [1, 3],
    ]);
    const [row] = await t.rows(ns, { limit: 1, include_attributes: true });
    expect(row).toEqual({ id: 1, sparse: { "3": 0.5, "7": 2 } });
    expect((await t.query(ns, { limit: 1, filters: ["sparse", "Eq", 1] })).status).toBe(400);
  });

  it("77 computes vector distances as attributes", async () => {
    const ns = t.fresh();
    await t.write(ns, {
      upsert_rows: [
        { id: 1, vector: [3, 4] },
        { id: 2, vector: [0, 1] },
      ],
      distance_metric: "euclidean_squared",
    });
    const query = {
      rank_by: ["id", "asc"],
      limit: 5,
      compute_attributes: { far: ["vector", "VectorDist", [0, 0]] },
    };
    expect(await t.rows(ns, query)).toEqual([
      { id: 1, far: 25 },
      { id: 2, far: 1 },
    ]);
  });
});

describe("analysis of text", () => {
  it("71 stems and drops stop words in English", async () => {
    const ns = await textNamespace(
      {
        1: "the fox is quick and brown",
        2: "fox jumped over the lazy dog",
        3: "the dog is lazy and brown",
        4: "walrus is slow and inferior",
      },
      { stemming: true, remove_stopwords: true },
    );
    const ids = (rank_by: Json, limit = 10) => t.ids(ns, { rank_by, limit });
    expect(await ids(["content", "BM25", "fox jumping"])).toEqual([2, 1]);
    expect(await ids(["content", "BM25", "the is and"])).toEqual([]);
    await t.write(ns, { upsert_rows: [{ id: 7, content: "walruses can live up to 40 years" }] });
    const sum = [
      "Sum",
      [
        ["content", "BM25", "walrus slow"],
        ["content", "BM25", "jumping fox"],
      ],
    ];
    expect(await ids(sum, 2)).toEqual([4, 2]);
  });

  it("71 keeps case and folds accents as asked", async () => {
    const folded = await textNamespace({ 1: "Crème brûlée", 2: "creme" }, { ascii_folding: true });
    expect(
      await t.ids(folded, {
        rank_by: ["id", "asc"],
        limit: 5,
        filters: ["content", "ContainsAllTokens", "crème"],
      }),
    ).toEqual([1, 2]);
    const cased = await textNamespace({ 1: "Apple", 2: "apple" }, { case_sensitive: true });
    expect(await t.ids(cased, { rank_by: ["content", "BM25", "Apple"], limit: 5 })).toEqual([1]);
    const short = await textNamespace({ 1: "tiny enormous" }, { max_token_length: 4 });
    expect(await t.ids(short, { rank_by: ["content", "BM25", "enormous"], limit: 5 })).toEqual([]);
  });

  /** A word, the same with an ending, and a stop word. Greek words have no stemmer and stay whole. */
  const INFLECTED: Record<Language, [string, string, string]> = {
    arabic: ["كتاب", "الكتاب", "من"],
    danish: ["bil", "bilerne", "og"],
    dutch: ["kat", "katten", "de"],
    english: ["fox", "foxes", "the"],
    finnish: ["talo", "talossa", "ja"],
    french: ["continuel", "continuelle", "le"],
    german: ["häuser", "hauses", "und"],
    greek: ["βιβλίο", "βιβλίο", "και"],
    hungarian: ["ház", "házak", "és"],
    italian: ["bambino", "bambini", "il"],
    norwegian: ["hus", "husene", "og"],
    portuguese: ["menino", "meninos", "de"],
    romanian: ["copil", "copilul", "pe"],
    russian: ["книга", "книгами", "и"],
    spanish: ["niño", "niños", "el"],
    swedish: ["hus", "husen", "och"],
    tamil: ["புத்தகம்", "புத்தகங்கள்", "ஒரு"],
    turkish: ["kitap", "kitaplar", "ve"],
  };

  it.each(LANGUAGES)("71 stems %s and drops its stop words when asked, and only then", async (language) => {
    const [word, inflected, stopWord] = INFLECTED[language];
    const found = async (options: JsonObject) => {
      const ns = await textNamespace({ 1: `${inflected} ${stopWord}` }, { language, ...options });
      const isFound = async (query: string) =>
        (await t.ids(ns, { rank_by: ["content", "BM25", query], limit: 1 })).length === 1;
      return [await isFound(word), await isFound(stopWord)];
    };
    expect(await found({ stemming: true, remove_stopwords: true })).toEqual([true, false]);
    expect(await found({})).toEqual([word === inflected, true]);
  });

  it("71 drops Romanian stop words in either spelling of their letters", async () => {
    const ns = await textNamespace({ 1: "și şi copil" }, { language: "romanian", remove_stopwords: true });
    const isFound = async (query: string) =>
      (await t.ids(ns, { rank_by: ["content", "BM25", query], limit: 1 })).length === 1;
    expect([await isFound("și"), await isFound("şi"), await isFound("copil")]).toEqual([false, false, true]);
  });

  it("71 refuses options out of range by name", async () => {
    for (const [options, name] of [
      [{ k1: 0 }, "k1"],
      [{ b: 2 }, "b"],
      [{ max_token_length: 255 }, "max_token_length"],
      [{ language: "klingon" }, "language"],
      [{ tokenizer: "word_v9" }, "tokenizer"],
    ] as const) {
      const schema = { content: { type: "string", full_text_search: options } };
      const reply = await t.write(t.fresh(), { upsert_rows: [{ id: 1 }], schema });
      expect(reply.status).toBe(400);
      expect(reply.body.error).toContain(`: ${name} must be`);
    }
  });

  it("72 indexes pre-tokenised arrays and refuses the other kind of query", async () => {
    const ns = await textNamespace(
      { 1: ["Red", "fox"], 2: ["red"] },
      { tokenizer: "pre_tokenized_array" },
      "[]string",
    );
    expect(await t.ids(ns, { rank_by: ["content", "BM25", ["Red"]], limit: 5 })).toEqual([1]);
    const bm25 = await t.query(ns, { rank_by: ["content", "BM25", "red"], limit: 5 });
    expect([bm25.status, bm25.body.error]).toEqual([
      400,
      "invalid input 'red' for rank_by field \"content\", expecting []string",
    ]);
    const filter = await t.query(ns, { limit: 1, filters: ["content", "ContainsAllTokens", "red"] });
    expect(filter.body.error).toContain("type mismatch, ContainsAllTokens expects []string");
    const words = await textNamespace({ 1: "a b" }, true);
    const list = await t.query(words, { rank_by: ["content", "BM25", ["a", "b"]], limit: 5 });
    expect(list.body.error).toBe("invalid input '[a, b]' for rank_by field \"content\", expecting string");
    const { body } = await t.send("GET", `/v1/namespaces/${ns}/schema`);
    expect((body.content as { full_text_search: Json }).full_text_search).toMatchObject({
      language: null,
      max_token_length: null,
      case_sensitive: true,
    });
    const stemmed = {
      content: { type: "[]string", full_text_search: { tokenizer: "pre_tokenized_array", stemming: true } },
    };
    expect((await t.write(t.fresh(), { upsert_rows: [{ id: 1 }], schema: stemmed })).status).toBe(400);
  });
});
