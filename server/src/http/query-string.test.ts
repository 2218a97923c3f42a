import { describe, expect, it } from "vitest";
import { createQueryParser } from "./query-string.js";

const parameters = [
  { name: "tags", in: "query", schema: { type: "array", items: { type: "string" } } },
  { name: "text", in: "query", schema: { type: "string" } },
  { name: "on", in: "query", schema: { type: "boolean" } },
  { name: "id", in: "path", schema: { type: "string" } },
] as const;

describe("a raw query string", () => {
  it.each([
    ["", {}],
    ["tags=a,b", { tags: ["a", "b"] }],
    ["tags=a%2Cb,c", { tags: ["a,b", "c"] }],
    ["tags=a&tags=b,c", { tags: ["a", "b", "c"] }],
    ["tags=", { tags: [] }],
    ["text=a+b%20c", { text: "a b c" }],
    ["text=%2B1:/=?", { text: "+1:/=?" }],
    ["text=", { text: "" }],
    ["text", { text: "" }],
    ["text=a&text=b", { text: "b" }],
    ["text=100%", { text: "100%" }],
    ["te%78t=a", { text: "a" }],
    ["on=1", { on: "true" }],
    ["on=0", { on: "false" }],
    ["on=yes", { on: "yes" }],
    ["id=x&other=1&__proto__=2&constructor=3", {}],
  ])("%j gives %j", (raw, values) => {
    expect(createQueryParser(parameters)(raw)).toEqual(values);
  });
});
