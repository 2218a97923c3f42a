import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Engine } from "./engine.js";
import { bindFilter } from "./filter/bind.js";
import { matches } from "./filter/expression.js";
import type { Json, JsonObject } from "./json.js";
import { DEFAULT_ADJUSTABLE_LIMITS, LIMITS } from "./limits.js";
import { EMPTY_SCHEMA, updateSchema } from "./schema/schema.js";
import { StepBudget } from "./step-budget.js";

const DOCUMENTS = 20_000;
const TOO_MANY = LIMITS.work / DOCUMENTS + 1;

let dataDirectory: string;
let engine: Engine;

beforeAll(() => {
  dataDirectory = mkdtempSync(join(tmpdir(), "engine-work-"));
  engine = Engine.open({ dataDirectory, limits: { steps: DEFAULT_ADJUSTABLE_LIMITS.steps / 10 } });
  const upsert_rows = Array.from({ length: DOCUMENTS }, (_, id) => ({ id, n: id, t: "red fox" }));
  engine.write("w", { upsert_rows, schema: { t: { type: "string", full_text_search: true } } });
});
afterAll(async () => {
  await engine.close();
  rmSync(dataDirectory, { recursive: true, force: true });
});

const repeated = (count: number, expression: Json): Json[] => new Array<Json>(count).fill(expression);
const condition: Json = ["n", "Gt", 3];

describe("a request over its budget of work", () => {
  const queries: [string, JsonObject][] = [
    ["filters", { limit: 1, filters: ["Or", repeated(TOO_MANY, condition)] }],
    ["rank_by", { limit: 1, rank_by: ["Sum", repeated(TOO_MANY, ["t", "BM25", "fox"])] }],
    [
      "aggregate_by",
      { aggregate_by: Object.fromEntries(repeated(TOO_MANY, ["Count"]).map((each, i) => [i, each])) },
    ],
    [
      "queries together",
      { queries: repeated(16, { limit: 1, filters: ["Or", repeated(Math.ceil(TOO_MANY / 16), condition)] }) },
    ],
  ];
  it.each(queries)("is refused before it runs when it is in %s", (_, body) => {
    expect(() => engine.query("w", body)).toThrow(
      /^query is too much work: \d+ clauses over 20000 documents/,
    );
  });

  it("is refused in filters and conditions of writes, and nothing is written", () => {
    const filters: Json = ["And", repeated(TOO_MANY, condition)];
    expect(() => engine.write("w", { delete_by_filter: filters })).toThrow("too much work");
    const upsert_rows = Array.from({ length: DOCUMENTS }, (_, id) => ({ id, n: -1 }));
    const upsert_condition: Json = ["And", repeated(TOO_MANY, condition)];
    expect(() => engine.write("w", { upsert_rows, upsert_condition })).toThrow("too much work");
    expect(engine.query("w", { limit: 1, filters: ["n", "Eq", -1] }).rows).toEqual([]);
  });

  it("is refused for its clauses alone, however few the documents", () => {
    engine.write("few", { upsert_rows: [{ id: 1, n: 1 }] });
    const filters: Json = ["Or", repeated(LIMITS.clauses, condition)];
    expect(() => engine.query("few", { limit: 1, filters })).toThrow("query has too many clauses: 50002");
  });

  it("runs when it is well below", () => {
    const filters: Json = ["Or", repeated(50, condition)];
    expect(engine.query("w", { aggregate_by: { c: ["Count"] }, filters }).aggregations).toEqual({
      c: 19_996,
    });
  });
});

/** Each passes the first look; the steps are few, so that little is enough to go beyond them. */
describe("a request that turns out to be too much work", () => {
  const STEPS = 1_000_000;
  const words = Array.from({ length: 300 }, (_, i) => `w${i}`);
  let directory: string;
  let small: Engine;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "engine-steps-"));
    small = Engine.open({ dataDirectory: directory, limits: { steps: STEPS } });
    const upsert_rows = Array.from({ length: 500 }, (_, id) => ({
      id,
      n: id,
      t: [...words, `only${id}`].join(" "),
      tags: words,
      v: [id, 1],
      sparse: Object.fromEntries(words.map((word) => [word, 1])),
      x: "a".repeat(200),
    }));
    small.write("h", {
      upsert_rows,
      distance_metric: "euclidean_squared",
      schema: {
        t: { type: "string", full_text_search: true },
        x: { type: "string", regex: true, fuzzy: true },
        v: { type: "[2]f32", ann: true },
        sparse: { type: "{}f16", sparse_knn: { distance_metric: "dot_product" } },
      },
    });
  });
  afterAll(async () => {
    await small.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const many = (expression: Json) => repeated(2_000, expression);
  const named = (expression: Json) => Object.fromEntries(many(expression).map((each, i) => [`c${i}`, each]));
  const queries: [string, JsonObject][] = [
    ["scans", { limit: 1, filters: ["Or", many(["n", "Lt", -1])] }],
    ["arrays", { limit: 1, filters: ["Or", many(["tags", "AnyGt", "zzz"])] }],
    ["look-ups", { limit: 1, filters: ["And", many(["tags", "Contains", "w7"])] }],
    ["look-ups of ids", { limit: 1, filters: ["Or", many(["id", "In", [...words.keys()]])] }],
    ["globs", { limit: 1, filters: ["Or", many(["tags", "Glob", "*z*"])] }],
    ["regular expressions", { limit: 1, filters: ["Or", many(["x", "Regex", "(a|b)*c"])] }],
    [
      "prefixes",
      { limit: 1, filters: ["Or", many(["t", "ContainsAnyToken", "on", { last_as_prefix: true }])] },
    ],
    ["sequences", { limit: 1, filters: ["Or", many(["t", "ContainsTokenSequence", "w2 w1"])] }],
    ["BM25", { limit: 1, rank_by: ["Sum", many(["t", "BM25", "w1 w2 w3"])] }],
    ["BM25 by prefix", { limit: 1, rank_by: ["Sum", many(["t", "BM25", "o", { last_as_prefix: true }])] }],
    ["sparse vectors", { limit: 1, rank_by: ["Sum", many(["sparse", "SparseKNN", { w1: 1, w2: 1 }])] }],
    ["curves", { limit: 1, rank_by: ["Sum", many(["Saturate", ["Attribute", "n"], { midpoint: 3 }])] }],
    ["weights", { limit: 1, rank_by: ["Max", many(["Product", 2, ["n", "Gt", 1]])] }],
    ["computed columns", { limit: 500, compute_attributes: named(["v", "VectorDist", [1, 1]]) }],
    ["orders", { queries: repeated(16, { limit: 1, offset: 10 ** 9, rank_by: repeated(20, ["n", "asc"]) }) }],
    ["sums", { aggregate_by: named(["Sum", "n"]) }],
    ["groups", { aggregate_by: { c: ["Count"] }, group_by: ["n", { t: ["ForEachUnique", "tags"] }] }],
    ["long rows", { limit: 500, include_attributes: true }],
  ];
  it.each(queries)("is refused on the way when it is made of %s", (_, body) => {
    expect(() => small.query("h", body)).toThrow(
      `request is too much work: it takes more than ${STEPS} steps`,
    );
  });

  it("is refused in a recall of many samples", () => {
    const body = { num: 200, include_ground_truth: true, top_k: 500 };
    expect(() => small.recall("h", body)).toThrow("too much work");
  });

  it("is refused in a condition and in the filters of a write, and nothing is written", () => {
    const filters: Json = ["Or", many(["tags", "AnyGt", "zzz"])];
    const upsert_rows = Array.from({ length: 100 }, (_, id) => ({ id, n: -1, v: [0, 0] }));
    expect(() => small.write("h", { upsert_rows, upsert_condition: filters })).toThrow("too much work");
    expect(() => small.write("h", { delete_by_filter: filters })).toThrow("too much work");
    expect(() => small.write("h", { patch_by_filter: { filters, patch: { n: -1 } } })).toThrow(
      "too much work",
    );
    expect(small.query("h", { aggregate_by: { c: ["Count"] }, filters: ["n", "Gte", 0] })).toMatchObject({
      aggregations: { c: 500 },
    });
  });

  it("holds the thread for a few seconds at most before it is refused, a tenth of that with a tenth of the steps", () => {
    const rank_by: Json = ["Max", repeated(10_000, ["Product", 2, ["t", "BM25", "red fox"]])];
    const before = process.cpuUsage();
    expect(() => engine.query("w", { limit: 1, rank_by })).toThrow("too much work");
    expect(process.cpuUsage(before).user / 1e6).toBeLessThan(1);
  }, 30_000);
});

describe("patterns", () => {
  const schema = updateSchema(EMPTY_SCHEMA, { t: { type: "string", regex: true } }, false);
  const text = "a".repeat(2_000);
  const filterOf = (patterns: number): Json => ["And", repeated(patterns, ["t", "Regex", "(a|b)*c|a$"])];

  it("share one budget of steps, however many a request brings", () => {
    const judge = (patterns: number) => {
      const steps = new StepBudget(100_000);
      return matches(bindFilter(filterOf(patterns), schema, "filters", steps), () => text, steps);
    };
    expect(judge(1)).toBe(true);
    expect(() => judge(8)).toThrow("request is too much work: it takes more than 100000 steps");
  });
});

describe("groups", () => {
  it("are refused when one document alone would make millions", () => {
    const list = (letter: string) => Array.from({ length: 1_500 }, (_, i) => `${letter}${i}`);
    engine.write("g", { upsert_rows: [{ id: 1, a: list("a"), b: list("b") }] });
    const group_by: Json = [{ x: ["ForEachUnique", "a"] }, { y: ["ForEachUnique", "b"] }];
    expect(() => engine.query("g", { aggregate_by: { c: ["Count"] }, group_by })).toThrow(
      "group_by makes too many groups",
    );
  });
});

describe("an offset far beyond the end", () => {
  it.each<[string, Json]>([
    ["scores", ["t", "BM25", "fox"]],
    ["an order", ["n", "asc"]],
  ])("finds no rows when ranking by %s", (_, rank_by) => {
    expect(engine.query("w", { rank_by, limit: 10, offset: 10 ** 15 }).rows).toEqual([]);
  });
});
