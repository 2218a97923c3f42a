import { describe, expect, it } from "vitest";
import { Splice } from "./json-splice.js";

describe("Splice", () => {
  it("replaces, inserts and deletes in one copy", () => {
    const splice = new Splice();
    const value = splice.template((stamp) => `<${stamp}>`);
    const nothing = splice.template(() => "");
    splice.replace(1, 3, value);
    splice.replace(5, 5, value);
    splice.replace(6, 8, nothing);
    expect(splice.apply(Buffer.from("0123456789"), "7").toString()).toBe("0<7>34<7>589");
  });

  it("sorts replacements that were found out of order", () => {
    const splice = new Splice();
    const a = splice.template(() => "A");
    const b = splice.template(() => "B");
    splice.replace(8, 9, b);
    splice.replace(2, 3, a);
    expect(splice.apply(Buffer.from("0123456789"), "").toString()).toBe("01A34567B9");
  });

  it("copies long spans whole", () => {
    const long = "x".repeat(1000);
    const splice = new Splice();
    splice.replace(
      1000,
      1000,
      splice.template((value) => value),
    );
    expect(splice.apply(Buffer.from(long + long), "|").toString()).toBe(`${long}|${long}`);
  });

  it("returns the very bytes when it is empty", () => {
    const bytes = Buffer.from("as it is");
    expect(new Splice().apply(bytes, "1")).toBe(bytes);
  });
});
