import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isNumberArray } from "./number-array.js";

/** Looked at inside a longer text, whose other bytes must not matter. */
function judged(text: string): boolean {
  const bytes = Buffer.from(`[1]${text}1]`);
  return isNumberArray(bytes, 3, bytes.length - 2);
}

function parsesToNumbers(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.length > 0 && value.every((part) => typeof part === "number");
  } catch {
    return false;
  }
}

describe("isNumberArray", () => {
  it.each(["[0]", "[-0]", "[1,2]", " [1]", "[ 1.5e-3 ,\n-2E+7\t]", "[0.10,1e3]", "[18446744073709551616]"])(
    "takes %j as JSON.parse does",
    (text) => expect(judged(text.trim())).toBe(parsesToNumbers(text)),
  );

  it.each([
    ..."[] [,] [1,] [,1] [1,,2] [01] [-] [+1] [.5] [1.] [1e] [1e+] [1.e1] [0x1] [NaN] [null] [[1]] [1] [1 2] 1 {}".split(
      " ",
    ),
    '["1"]',
    "[1",
    "1]",
    "[1}",
    "[\u00a01]",
  ])("judges %j as JSON.parse does", (text) => expect(judged(text)).toBe(parsesToNumbers(text)));

  it("agrees with JSON.parse on any short text of its characters", () => {
    fc.assert(
      fc.property(
        fc.stringOf(fc.constantFrom(..."0123.,-+eE [] \n".split("")), { maxLength: 12 }),
        (inner) => {
          expect(judged(`[${inner}]`)).toBe(parsesToNumbers(`[${inner}]`));
        },
      ),
      { numRuns: 3000 },
    );
  });
});
