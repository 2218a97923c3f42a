import { describe, expect, it } from "vitest";
import { JsonSyntaxError } from "./json-cursor.js";
import { JsonElements } from "./json-elements.js";

function elementsOf(text: string, start = 0): string[] {
  const bytes = Buffer.from(text);
  const elements = new JsonElements(bytes, start, bytes.length);
  const found: string[] = [];
  while (elements.next()) found.push(bytes.toString("utf8", elements.start, elements.end));
  return found;
}

describe("JsonElements", () => {
  it("gives every element with its own bytes, whitespace left out", () => {
    expect(elementsOf(' [ 1 , "a,]" ,[2, [3]],{"k":[]} , null ] ')).toEqual([
      "1",
      '"a,]"',
      "[2, [3]]",
      '{"k":[]}',
      "null",
    ]);
  });

  it("has nothing in an empty array, and stays at the end", () => {
    const bytes = Buffer.from("[ ]");
    const elements = new JsonElements(bytes, 0, bytes.length);
    expect([elements.next(), elements.next()]).toEqual([false, false]);
  });

  it("begins where it is told", () => {
    expect(elementsOf('{"a":[1,2]}', 5)).toEqual(["1", "2"]);
  });

  it.each(["[1 2]", "[1,", "{}", "[1,,2]"])("refuses %s", (text) => {
    expect(() => elementsOf(text)).toThrow(JsonSyntaxError);
  });
});
