import { describe, expect, it } from "vitest";
import { expand, pick, type Variables } from "./variables.js";

const variables: Variables = new Map<string, never>([
  ["ns", "products" as never],
  ["big", 18446744073709551615n as never],
]);

/** `${name}`, spelled so that nobody takes it for a forgotten template. */
const ref = (name: string) => `\${${name}}`;

describe("variables", () => {
  it("keep their type alone and are pasted as text inside a longer one, keys included", () => {
    expect(expand({ [ref("ns")]: [ref("big"), `id ${ref("big")} of ${ref("ns")}`] }, variables)).toEqual({
      products: [18446744073709551615n, "id 18446744073709551615 of products"],
    });
  });

  it("can be written literally", () => {
    expect(expand(`$${ref("ns")}`, variables)).toBe(ref("ns"));
  });

  it("are an error when nobody set them", () => {
    expect(() => expand(ref("nobody"), variables)).toThrow(`unknown variable ${ref("nobody")}`);
  });

  it("are picked from results by dotted path", () => {
    expect(pick({ rows: [{ id: 7 }] }, "rows.0.id")).toBe(7);
    expect(pick({ rows: [] }, "rows.0.id")).toBeUndefined();
  });
});
