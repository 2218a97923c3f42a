import { describe, expect, it } from "vitest";
import { JsonCursor, JsonSyntaxError } from "./json-cursor.js";
import { normaliseKeys, skipStrictly } from "./json-normalise.js";

const normalised = (text: string) => normaliseKeys(Buffer.from(text)).toString();

describe("normaliseKeys", () => {
  it.each([
    ["the last of a repeated key wins", '{"a":1,"b":2,"a":3}', '{"b":2,"a":3}'],
    ["three of a key leave one", '{"a":1,"a":2,"a":3}', '{"a":3}'],
    ["an escaped spelling counts as the same key", '{"a":1,"\\u0061":2}', '{"a":2}'],
    ["a key is respelled without needless escapes", '{"caf\\u00e9":1,"a\\/b":2}', '{"café":1,"a/b":2}'],
    ["nested objects are normalised", '[{"x":{"a":1,"a":[2]}}]', '[{"x":{"a":[2]}}]'],
    ["edits inside a dropped value are dropped", '{"a":{"b":1,"b":2,"\\u0063":3},"a":0}', '{"a":0}'],
    [
      "whitespace and numbers keep their text",
      '{ "n" : 1e3 ,"n" : 18446744073709551615 }',
      '{ "n" : 18446744073709551615 }',
    ],
    ["necessary escapes stay", '{"a\\"b":1,"a\\u0022b":2}', '{"a\\"b":2}'],
    ["__proto__ is a key like any other", '{"__proto__":1,"__proto__":{"x":2}}', '{"__proto__":{"x":2}}'],
    ["integer-like keys keep their place", '{"b":1,"1":2,"b":3,"0":4}', '{"1":2,"b":3,"0":4}'],
  ])("%s", (_, text, expected) => {
    expect(normalised(text)).toBe(expected);
  });

  it("returns the very bytes when nothing is to be done", () => {
    const bytes = Buffer.from('{"a":[{"b":"\\u0061"}]}');
    expect(normaliseKeys(bytes)).toBe(bytes);
  });

  it.each([
    ["a control character in a string", '{"a":"\n","a":1}'],
    ["a bad escape", '{"a":"\\x"}'],
    ["a bad escape in a key", '{"\\x":1}'],
    ["a hole in a nested array", '{"a":[1,,2]}'],
    ["nesting beyond 512", `${"[".repeat(600)}${"]".repeat(600)}`],
  ])("refuses %s", (_, text) => {
    expect(() => normalised(text)).toThrow(JsonSyntaxError);
  });

  it("refuses more edits than it can remember", () => {
    const text = `[${'{"\\u0061":0},'.repeat(4_200_000)}0]`;
    expect(() => normaliseKeys(Buffer.from(text))).toThrow(/more than 4194304 repeated or escaped keys/);
  });

  it("refuses text that is not UTF-8", () => {
    expect(() => normaliseKeys(Buffer.from([0x22, 0xff, 0x22]))).toThrow("text is not utf-8 at byte 0");
  });
});

describe("skipStrictly", () => {
  it("moves past a value that is JSON to the bottom", () => {
    const cursor = new JsonCursor(Buffer.from('[{"a":[1,{"\\u0061":"x"}]}] rest'));
    skipStrictly(cursor);
    expect(cursor.position).toBe(26);
  });

  it.each(['{"a":[1,,2]}', '["\n"]', '{"a":{"b":}}', '"\\x"', "01"])("refuses %j", (text) => {
    expect(() => skipStrictly(new JsonCursor(Buffer.from(text)))).toThrow(JsonSyntaxError);
  });
});
