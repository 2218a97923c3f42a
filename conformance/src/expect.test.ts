import { describe, expect, it } from "vitest";
import { ABSENT, compare, MATCHER_NAMES } from "./expect.js";
import { printJson, type Value } from "./values.js";

describe("compare", () => {
  const fitting: [Value, Value][] = [
    [{ a: 1, b: 2 }, { a: 1 }],
    [[{ a: 1, b: 2 }], [{ b: 2 }]],
    [{ $dist: 0.5 }, { $dist: 0.5 }],
    [18446744073709551615n, 18446744073709551615n],
    [{ a: null }, { a: null }],
    [{}, { a: { $absent: true } }],
    [{ a: null }, { a: { $unset: true } }],
    [3, { $type: "integer" }],
    [2n ** 60n, { $type: ["integer", "null"] }],
    ["trail shoe", { $contains: "shoe" }],
    ["trail shoe", { $lacks: "key" }],
    ["v1.2", { $matches: "^v\\d" }],
    [5, { $between: [1, 5] }],
    [0.0298571, { $near: 0.029857 }],
    [[1, 2], { $length: 2 }],
    [[1, 2], { $each: { $type: "integer" } }],
    [[{ a: 1 }, { a: 2 }], { $has: { a: 2 } }],
    [{ a: [1], b: 1 }, { $subset: { a: [1] } }],
    ["ab", { $all: [{ $contains: "a" }, { $contains: "b" }] }],
  ];
  for (const [actual, pattern] of fitting) {
    it(`accepts ${printJson(actual)} as ${printJson(pattern)}`, () => {
      expect(compare(actual, pattern)).toEqual([]);
    });
  }

  const different: [Value, Value, string][] = [
    [{ a: 1 }, { a: 2 }, "/a: got 1, expected 2"],
    [{}, { a: 1 }, "/a: absent, expected 1"],
    [{}, { a: null }, "/a: absent, expected null"],
    [{ a: null }, { a: { $absent: true } }, "/a: got null"],
    [{ a: 0 }, { a: { $unset: true } }, "/a: got 0"],
    [[1], [1, 2], "got 1 items"],
    [9007199254740992, 9007199254740993n, "expected 9007199254740993"],
    [1, "1", 'expected "1"'],
    [false, 0, "expected 0"],
    [{ a: [1] }, { a: {} }, "expected an object"],
    [1.5, { $type: "integer" }, "expected type integer"],
    [1, { $type: "whole" }, "unknown type"],
    ["has a key", { $lacks: "key" }, "text without"],
    [6, { $between: [1, 5] }, "expected a number"],
    [0.03, { $near: 0.029857 }, "expected about"],
    [[1, "2"], { $each: { $type: "integer" } }, "/1: got"],
    [[{ a: 1 }], { $has: { a: 2 } }, "with an item like"],
    [{ a: 1, b: 1 }, { $exact: { a: 1 } }, "/b: unexpected 1"],
  ];
  for (const [actual, pattern, problem] of different) {
    it(`refuses ${printJson(actual)} as ${printJson(pattern)}`, () => {
      expect(compare(actual, pattern).join()).toContain(problem);
    });
  }

  it("refuses further keys at any depth in exact mode", () => {
    expect(compare({ a: { b: 1, c: 2 } }, { a: { b: 1 } }, "", "exact")).toEqual(["/a/c: unexpected 2"]);
  });

  it("reports every difference, not only the first", () => {
    expect(compare({ a: 1, b: 2 }, { a: 0, b: 0 })).toHaveLength(2);
  });

  it("has no matcher that accepts a missing value by accident", () => {
    const lenient = [...MATCHER_NAMES].filter((name) => compare(ABSENT, { [name]: [] }).length === 0);
    expect(lenient).toEqual(["$absent", "$unset", "$all"]);
  });
});
