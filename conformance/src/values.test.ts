import { describe, expect, it } from "vitest";
import { fromTagged, normalise, parseJson, printJson, toTagged } from "./values.js";

describe("values", () => {
  it("keep integers beyond 2^53 exact through text and tags", () => {
    const text = '{"a":18446744073709551615,"b":[-9007199254740993,9007199254740991,1.5]}';
    const value = parseJson(text);
    expect(printJson(value)).toBe(text);
    expect(printJson(fromTagged(JSON.parse(JSON.stringify(toTagged(value)))))).toBe(text);
  });

  it("are plain numbers as far as a double is exact", () => {
    expect(normalise(7n)).toBe(7);
    expect(normalise(2n ** 53n)).toBe(9007199254740992n);
  });

  it("refuse a tag that holds no integer", () => {
    expect(() => fromTagged({ $int: "1.5" })).toThrow("$int must hold an integer");
  });
});
