import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JsonCursor, JsonSyntaxError } from "./json-cursor.js";

function skipAll(text: string): number {
  const cursor = new JsonCursor(Buffer.from(text));
  cursor.skip();
  cursor.finish();
  return cursor.position;
}

describe("JsonCursor", () => {
  it("skips any JSON value to its last byte", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom("", " ", "\n\t"), (value, space) => {
        const text = `${space}${JSON.stringify(value, null, space)}${space}`;
        expect(skipAll(text)).toBe(Buffer.byteLength(text));
      }),
    );
  });

  it("walks members and elements with their exact text", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (object) => {
        const seen: [string, unknown][] = [];
        const cursor = new JsonCursor(Buffer.from(JSON.stringify(object)));
        cursor.object((key) => {
          const name = cursor.name(key);
          seen.push([name, JSON.parse(cursor.text())]);
        });
        cursor.finish();
        expect(seen).toEqual(Object.entries(JSON.parse(JSON.stringify(object))));
      }),
    );
  });

  it("finds the end of strings with quotes, backslashes and brackets in them", () => {
    for (const value of [
      '"',
      "\\",
      '\\"',
      '\\\\"',
      "]",
      "}",
      `${"x".repeat(100)}"${"\\".repeat(7)}`,
      "é\u2028",
    ]) {
      const cursor = new JsonCursor(Buffer.from(JSON.stringify([value, 1])));
      const read: string[] = [];
      cursor.array((index) => read.push(index === 0 ? cursor.string() : cursor.text()));
      expect(read).toEqual([value, "1"]);
    }
  });

  it("leaps number arrays even when a string with brackets follows", () => {
    const text = '{"vector":[0.1,-2e-3],"title":"]","next":[[1],["]"],{"a":[1]}]}';
    const cursor = new JsonCursor(Buffer.from(text));
    const read: string[] = [];
    cursor.object(() => read.push(cursor.text()));
    expect(read).toEqual(["[0.1,-2e-3]", '"]"', '[[1],["]"],{"a":[1]}]']);
  });

  it.each([
    ["", "unexpected end at byte 0"],
    ['{"a":1', "unexpected end at byte 6"],
    ['{"a" 1}', "expected a colon at byte 5"],
    ["{a:1}", "expected a key at byte 1"],
    ['{"a":1,}', "expected a key at byte 7"],
    ['{"a":1 "b":2}', "expected a comma or the end of the object at byte 7"],
    ['{"a":}', "expected a value at byte 5"],
    ['{"a":01}', "expected a value at byte 5"],
    ['{"a":nul}', "expected a value at byte 5"],
    ['{"a":{]}', "mismatched bracket at byte 6"],
    ['{"a":"x}', "unexpected end at byte 8"],
    ['{"a":[1,2', "unexpected end at byte 9"],
    ["{} {}", "unexpected text after the value at byte 3"],
    ["\ufeff{}", "expected an object at byte 0"],
  ])("refuses %j saying where", (text, message) => {
    const cursor = new JsonCursor(Buffer.from(text));
    expect(() => {
      cursor.object(() => cursor.skip());
      cursor.finish();
    }).toThrow(new JsonSyntaxError(message.replace(/ at byte \d+$/, ""), Number(/\d+$/.exec(message)?.[0])));
  });

  it("skips nesting far deeper than a stack would hold", () => {
    // Quadratic work would take minutes here.
    const depth = 2_000_000;
    expect(skipAll("[".repeat(depth) + "]".repeat(depth))).toBe(2 * depth);
  });

  it.each([
    ["nesting", () => skipAll("[".repeat(5_000_000) + "]".repeat(5_000_000)), /nested deeper than 4194304/],
    [
      "the keys of an object that is walked",
      () => {
        const keys = Array.from({ length: 70_000 }, (_, index) => `"${index}":0`);
        const cursor = new JsonCursor(Buffer.from(`{${keys.join(",")}}`));
        cursor.object(() => cursor.skip());
      },
      /object has more than 65536 keys/,
    ],
  ])("bounds %s, which whoever walks it remembers", (_, walk, message) => {
    expect(walk).toThrow(message);
  });

  it("searches no further than its own span, so that many small ones in a large text stay cheap", () => {
    const element = `["${"a".repeat(40)}","x"],`;
    const text = Buffer.from(element.repeat(200_000));
    const start = performance.now();
    for (let at = 0; at < text.length; at += element.length) {
      new JsonCursor(text, at, at + element.length - 1).skip();
      const inside = new JsonCursor(text, at, at + element.length - 1);
      inside.array(() => inside.skip());
    }
    // Searching to the end of the text each time would take minutes.
    expect(performance.now() - start).toBeLessThan(5_000);
  });

  it("walks a body of many long strings in linear time", () => {
    const strings = (count: number) => Buffer.from(JSON.stringify(new Array(count).fill("x".repeat(200))));
    const time = (bytes: Buffer) => {
      const start = performance.now();
      const cursor = new JsonCursor(bytes);
      cursor.array(() => cursor.skip());
      return performance.now() - start;
    };
    time(strings(10_000));
    const small = Math.min(time(strings(10_000)), time(strings(10_000)));
    // Quadratic work would take 100 times as long; the margin is for a busy machine.
    expect(time(strings(100_000))).toBeLessThan(Math.max(small, 1) * 50);
  });
});
