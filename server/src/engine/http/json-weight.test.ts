import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../../../test/long-runs.js";
import { weighJson } from "./json-weight.js";

const weigh = (text: string) => weighJson(Buffer.from(text));

/** Objects and lists, and how deep they go, counted in the value itself. */
function count(value: unknown): { containers: number; depth: number } {
  if (typeof value !== "object" || value === null) return { containers: 0, depth: 0 };
  const inner = Object.values(value).map(count);
  return {
    containers: inner.reduce((sum, { containers }) => sum + containers, 1),
    depth: 1 + Math.max(0, ...inner.map(({ depth }) => depth)),
  };
}

describe("the weight of a JSON text", () => {
  it("counts objects and lists and their nesting exactly, whatever its strings hold", () => {
    const odd = fc.string({ unit: fc.constantFrom("[", "]", "{", "}", '"', "\\", ",", "a", "é", "\n") });
    const json = fc.jsonValue({ maxDepth: 5, stringUnit: fc.constantFrom(...'[]{}",:\\aé') });
    fc.assert(
      fc.property(fc.oneof(json, fc.dictionary(odd, odd), fc.array(odd)), (value) => {
        const { containers, depth } = weigh(JSON.stringify(value));
        expect({ containers, depth }).toEqual(count(value));
      }),
      { numRuns: runs(500) },
    );
  });

  it("grows with everything that takes memory", () => {
    expect(weigh("[]").bytes).toBeGreaterThan(50);
    expect(weigh(`[${"0,".repeat(999)}0]`).bytes).toBeGreaterThan(8 * 1_000);
    expect(weigh(`[${"[],".repeat(999)}[]]`).bytes).toBeGreaterThan(48 * 1_000);
    expect(
      weigh(`{${Array.from({ length: 1_000 }, (_, i) => `"k${i}":1`).join(",")}}`).bytes,
    ).toBeGreaterThan(60 * 1_000);
    expect(weigh(`"${"x".repeat(10_000)}"`).bytes).toBe(2 * 10_002);
  });

  it.each(["", '"', '"\\', "[[[", "]]]", '{"a', "\u0000"])("survives what is no JSON: %j", (text) => {
    expect(weigh(text).bytes).toBeGreaterThanOrEqual(0);
  });
});
