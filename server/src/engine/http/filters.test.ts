import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Json } from "../json.js";
import { startTestEngine, type TestEngine } from "./test-engine.js";

let t: TestEngine;
let ns: string;

beforeAll(async () => {
  t = await startTestEngine();
  ns = t.fresh();
  await t.write(ns, {
    upsert_rows: [
      { id: 1, n: 1, s: "a", tags: ["x", "y"], nums: [1, 5] },
      { id: 2, n: 2, s: "b", tags: ["y"], nums: [9] },
      { id: 3, n: 3, tags: [], nums: [] },
      { id: 4, s: "B", tags: null, ok: true },
    ],
  });
});
afterAll(() => t.stop());

const ids = (filters: Json) => t.ids(ns, { rank_by: ["id", "asc"], limit: 100, filters });

describe("filters", () => {
  it.each<[Json, number[]]>([
    [["n", "Eq", 2], [2]],
    [
      ["n", "Gt", 1],
      [2, 3],
    ],
    [
      ["n", "Gt", 1.5],
      [2, 3],
    ],
    [
      ["n", "Lt", 2],
      [1, 4],
    ],
    [
      ["n", "Lte", 2],
      [1, 2, 4],
    ],
    [
      ["n", "Gte", 2],
      [2, 3],
    ],
    [["n", "Lt", null], []],
    [["n", "Lte", null], [4]],
    [["n", "Eq", null], [4]],
    [
      ["n", "NotEq", null],
      [1, 2, 3],
    ],
    [
      ["n", "NotEq", 2],
      [1, 3, 4],
    ],
    [
      ["n", "In", [1, 3]],
      [1, 3],
    ],
    [["n", "In", 3], [3]],
    [
      ["n", "NotIn", [1, 3]],
      [2, 4],
    ],
    [
      ["tags", "Contains", "y"],
      [1, 2],
    ],
    [
      ["tags", "NotContains", "y"],
      [3, 4],
    ],
    [["tags", "ContainsAny", ["x", "z"]], [1]],
    [
      ["tags", "NotContainsAny", ["x", "z"]],
      [2, 3, 4],
    ],
    [["nums", "Contains", 9], [2]],
    [["nums", "AnyLt", 2], [1]],
    [["nums", "AnyLte", 5], [1]],
    [["nums", "AnyGt", 5], [2]],
    [
      ["nums", "AnyGte", 5],
      [1, 2],
    ],
    [
      ["s", "Glob", "[ab]"],
      [1, 2],
    ],
    [
      ["s", "NotGlob", "[ab]"],
      [3, 4],
    ],
    [
      ["s", "IGlob", "b"],
      [2, 4],
    ],
    [
      ["s", "NotIGlob", "b"],
      [1, 3],
    ],
    [
      ["s", "Gt", "B"],
      [1, 2],
    ],
    [["ok", "Eq", true], [4]],
    [
      ["id", "In", [1, 4, 9]],
      [1, 4],
    ],
    [
      ["id", "Lte", 2],
      [1, 2],
    ],
    [
      ["Not", ["s", "Eq", "a"]],
      [2, 3, 4],
    ],
    [
      ["And", []],
      [1, 2, 3, 4],
    ],
    [["Or", []], []],
    [
      [
        "And",
        [
          ["n", "Gte", 1],
          [
            "Or",
            [
              ["s", "Eq", "a"],
              ["Not", ["tags", "Contains", "y"]],
            ],
          ],
        ],
      ],
      [1, 3],
    ],
  ])("43 selects with %j the ids %j", async (filters, expected) => {
    expect(await ids(filters)).toEqual(expected);
  });

  it("44 lets In on an array attribute match any element, from a list or a lone value", async () => {
    expect(await ids(["tags", "In", ["x", "y"]])).toEqual([1, 2]);
    expect(await ids(["tags", "In", "x"])).toEqual([1]);
  });

  it("45 refuses a literal of the wrong type in the wire's words", async () => {
    const error = async (filters: Json) => (await t.query(ns, { limit: 1, filters })).body.error;
    expect(await error(["tags", "ContainsAny", "a"])).toBe(
      "filter error in key `tags`: type mismatch, ContainsAny expects []string, but got 'a'",
    );
    expect(await error(["tags", "Contains", ["a", "b"]])).toBe(
      "filter error in key `tags`: type mismatch, Contains expects string, but got '[a, b]'",
    );
    expect(await error(["n", "Eq", "one"])).toContain("type mismatch, Eq expects int");
  });

  it("79 says which types an operator would take, as the wire does", async () => {
    const typed = t.fresh();
    await t.write(typed, { schema: { u: "uuid", us: "[]uuid" }, upsert_rows: [{ id: 1 }] });
    const error = async (filters: Json) => (await t.query(typed, { limit: 1, filters })).body.error;
    for (const operator of ["In", "NotIn"]) {
      expect(await error(["u", operator, ["x", "y"]])).toBe(
        `filter error in key \`u\`: type mismatch, ${operator} expects uuid or []uuid, but got '[x, y]'`,
      );
    }
  });

  it("46 refuses an attribute that was never written, in queries and in delete_by_filter", async () => {
    const reply = await t.query(ns, { limit: 1, filters: ["nope", "Eq", 1] });
    expect([reply.status, reply.body.error]).toEqual([
      400,
      "filter error in key `nope`: attribute not found",
    ]);
    const write = await t.write(ns, { delete_by_filter: ["nope", "Eq", 1] });
    expect([write.status, write.body.error]).toEqual([
      400,
      "filter error in key `nope`: attribute not found",
    ]);
  });

  it("47 finds documents without an attribute by null, and counts them as less than anything", async () => {
    expect(await ids(["s", "Eq", null])).toEqual([3]);
    expect(await ids(["n", "Lt", 5])).toEqual([1, 2, 3, 4]);
    expect(await ids(["n", "Gt", 5])).toEqual([]);
  });

  it("compares integers beyond 2^53 with a number spelled as a float by value, equality included", async () => {
    const large = t.fresh();
    await t.write(
      large,
      '{"schema":{"u":"uint"},"upsert_rows":[{"id":1,"u":10000000000000000000},{"id":2,"u":10000000000000000001},{"id":3,"u":5}]}',
    );
    const found = async (operator: string, operand: string) => {
      const filters = `["u","${operator}",${operand}]`;
      const { body } = await t.query(large, `{"rank_by":["id","asc"],"limit":9,"filters":${filters}}`);
      return (body.rows as { id: number }[]).map(({ id }) => id);
    };
    for (const spelling of ["1e19", "10000000000000000000.0", "10000000000000000000"]) {
      expect(await found("Eq", spelling)).toEqual([1]);
      expect(await found("In", `[${spelling}]`)).toEqual([1]);
      expect(await found("Lte", spelling)).toEqual([1, 3]);
      expect(await found("Lt", spelling)).toEqual([3]);
      expect(await found("Gte", spelling)).toEqual([1, 2]);
      expect(await found("Gt", spelling)).toEqual([2]);
    }
  });

  it("answers 422 to what is no filter and 400 to one nested without end", async () => {
    for (const filters of ["x", ["n", "Foo", 1], ["n"], [["n", "Eq", 1]]]) {
      expect((await t.query(ns, { limit: 1, filters })).status).toBe(422);
    }
    let deep: Json = ["n", "Eq", 1];
    for (let i = 0; i < 200; i++) deep = ["Not", deep];
    expect((await t.query(ns, { limit: 1, filters: deep })).status).toBe(400);
  });
});
