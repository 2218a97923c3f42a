import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Engine } from "./engine.js";
import { bindFilter } from "./filter/bind.js";
import { matches } from "./filter/expression.js";
import type { Json, JsonObject } from "./json.js";
import { LIMITS } from "./limits.js";
import { StepBudget } from "./pattern/automaton.js";
import { EMPTY_SCHEMA, updateSchema } from "./schema/schema.js";

const DOCUMENTS = 5_000;
const TOO_MANY = LIMITS.work / DOCUMENTS + 1;

let dataDirectory: string;
let engine: Engine;

beforeAll(() => {
  dataDirectory = mkdtempSync(join(tmpdir(), "engine-work-"));
  engine = Engine.open({ dataDirectory });
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
    expect(() => engine.query("w", body)).toThrow(/^query is too much work: \d+ clauses over 5000 documents/);
  });

  it("is refused in filters and conditions of writes, and nothing is written", () => {
    const filters: Json = ["And", repeated(TOO_MANY, condition)];
    expect(() => engine.write("w", { delete_by_filter: filters })).toThrow("too much work");
    const upsert_rows = Array.from({ length: 600 }, (_, id) => ({ id, n: -1 }));
    const upsert_condition: Json = ["And", repeated(Math.ceil(LIMITS.work / 600), condition)];
    expect(() => engine.write("w", { upsert_rows, upsert_condition })).toThrow("too much work");
    expect(engine.query("w", { limit: 1, filters: ["n", "Eq", -1] }).rows).toEqual([]);
  });

  it("runs when it is well below", () => {
    const filters: Json = ["Or", repeated(50, condition)];
    expect(engine.query("w", { aggregate_by: { c: ["Count"] }, filters }).aggregations).toEqual({ c: 4_996 });
  });
});

describe("patterns", () => {
  const schema = updateSchema(EMPTY_SCHEMA, { t: { type: "string", regex: true } }, false);
  const text = "a".repeat(2_000);
  const filterOf = (patterns: number): Json => ["And", repeated(patterns, ["t", "Regex", "(a|b)*c|a$"])];

  it("share one budget of steps, however many a request brings", () => {
    const judge = (patterns: number) =>
      matches(bindFilter(filterOf(patterns), schema, "filters", new StepBudget(100_000)), () => text);
    expect(judge(1)).toBe(true);
    expect(() => judge(8)).toThrow("matching takes too many steps");
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
