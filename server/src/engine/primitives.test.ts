import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../../test/long-runs.js";
import { compareScalars, compareText } from "./compare.js";
import { formatDatetime, parseDatetime, parseDuration } from "./datetime.js";
import { base64OfFloat32, decimalsOfFloat32, float32OfBase64, roundToFloat16 } from "./float-format.js";
import { normalInteger } from "./ids.js";
import { parseJson, parseSentJson, writeJson } from "./json.js";
import { topK } from "./rank/top-k.js";
import { Bitset } from "./table/bitset.js";
import { canonicalUuid } from "./uuid.js";

describe("JSON", () => {
  it("keeps integers exact to 2^64-1 and beyond, both ways", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }), (value) => {
        const text = `{"a":[${value}],"b":"${value}"}`;
        expect(writeJson(parseJson(text))).toBe(text);
        expect(parseJson(String(value))).toBe(normalInteger(value));
      }),
    );
  });

  it("reads and prints what the host's JSON does", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        expect(JSON.parse(writeJson(parseJson(text)))).toEqual(JSON.parse(text));
      }),
    );
  });

  it("keeps long integers exact beside numbers with long fractions and exponents", () => {
    const number = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.bigInt({ min: 0n, max: 2n ** 64n }),
    );
    fc.assert(
      fc.property(fc.array(number), (numbers) => {
        const expected = numbers.map((n) => (typeof n === "bigint" ? normalInteger(n) : n + 0));
        const isExact = (n: number | bigint) =>
          typeof n === "bigint" || !Number.isInteger(n) || Number.isSafeInteger(n);
        fc.pre(expected.every(isExact));
        expect(parseJson(`[${numbers.join(",")}]`)).toEqual(expected);
      }),
      { numRuns: runs(1_000) },
    );
    expect(parseJson("[0.84442185152504812,1e21,12345678901234567]")).toEqual([
      0.8444218515250481,
      1e21,
      12345678901234567n,
    ]);
  });

  it("lets the last of duplicate keys win in both parsers", () => {
    expect(parseJson('{"a":1,"a":2}')).toEqual({ a: 2 });
    expect(parseJson('{"a":1,"a":9007199254740993}')).toEqual({ a: 9007199254740993n });
  });
});

describe("surrogates in what callers send", () => {
  it.each([
    '"\\ud800"',
    '"\\uDFFFx"',
    '["ok","\\ud83dx\\ude00"]',
    '{"\\ud800":1}',
    '"\\\\\\ud800"',
    '[9007199254740993,"\\udc00\\ud800"]',
    '"\\\\ud83d\\ude00"',
  ])("are refused without their other half: %s", (text) => {
    expect(() => parseSentJson(text)).toThrow(/^lone surrogate in hex escape/);
  });

  it.each([
    ['"\\ud83d\\uDE00"', "\u{1F600}"],
    ['"\\\\ud800"', "\\ud800"],
    ['"\\ud7ff\\ue000"', "\ud7ff\ue000"],
  ])("are taken in pairs, and as what only looks like one: %s", (text, expected) => {
    expect(parseSentJson(text)).toBe(expected);
  });
});

describe("vectors", () => {
  it("prints float32 as the shortest decimals that read back the same", () => {
    fc.assert(
      fc.property(fc.float32Array({ noNaN: true, noDefaultInfinity: true, maxLength: 5 }), (vector) => {
        const decimals = decimalsOfFloat32(vector);
        // -0 prints as 0, so equality is numeric.
        decimals.forEach((decimal, i) => {
          expect(Math.fround(decimal) === vector[i]).toBe(true);
          expect(String(decimal).length).toBeLessThanOrEqual(String(vector[i]).length);
        });
        expect(float32OfBase64(base64OfFloat32(vector))).toEqual(vector);
      }),
    );
    expect(decimalsOfFloat32(Float32Array.of(0.7, 0.1, 16777216))).toEqual([0.7, 0.1, 16777216]);
    expect(float32OfBase64("AAA=")).toBeUndefined();
    expect(float32OfBase64("not base64!!")).toBeUndefined();
  });

  it("rounds to half precision, ties to even", () => {
    const cases = [
      [0.1, 0.0999755859375],
      [65504, 65504],
      [65519, 65504],
      [65520, Number.POSITIVE_INFINITY],
      [2 ** -24, 2 ** -24],
      [2 ** -26, 0],
      [2049, 2048],
      [2051, 2052],
      [-1.5, -1.5],
    ];
    for (const [value, half] of cases) expect(roundToFloat16(value as number)).toBe(half);
  });
});

describe("orders", () => {
  it("compares text by UTF-8 bytes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), (a, b) => {
        expect(Math.sign(compareText(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
    );
    expect(compareText("\uFFFD", "\u{1F600}")).toBeLessThan(0);
  });

  it("compares numbers and bigints by value", () => {
    expect(compareScalars(5, 2n ** 60n)).toBe(-1);
    expect(compareScalars(2n ** 60n + 1n, 2n ** 60n)).toBe(1);
  });

  it("keeps the best k as a full sort does", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9 })), fc.nat(30), (values, k) => {
        const order = (a: number, b: number) => (values[a] as number) - (values[b] as number) || a - b;
        const sorted = values.map((_, i) => i).sort(order);
        expect(topK(values.length, k, order)).toEqual(sorted.slice(0, k));
      }),
    );
  });
});

it("combines sets of slots as sets of numbers", () => {
  const slots = fc.uniqueArray(fc.nat(99));
  fc.assert(
    fc.property(slots, slots, (a, b) => {
      const set = (list: number[]) => Bitset.of(100, list);
      const sorted = (list: number[]) => list.sort((x, y) => x - y);
      expect([...set(a).slots()]).toEqual(sorted([...a]));
      expect([...set(a).intersect(set(b)).slots()]).toEqual(sorted(a.filter((x) => b.includes(x))));
      expect([...set(a).unite(set(b)).slots()]).toEqual(sorted([...new Set([...a, ...b])]));
      expect(set(a).invert().count()).toBe(100 - a.length);
    }),
  );
});

describe("times and uuids", () => {
  it.each([
    ["2015-01-20", 1421712000000],
    ["2015-01-20T12:34", 1421757240000],
    ["2015-01-20T12:34:56.789123Z", 1421757296789],
    ["2015-01-20T12:34:56-04:00", 1421771696000],
    ["0001-01-01", -62135596800000],
    ["2015-02-30", undefined],
    ["2015-01-20T25:00", undefined],
    ["20150120", undefined],
    ["yesterday", undefined],
  ])("reads %s as %s", (text, ms) => {
    expect(parseDatetime(text)).toBe(ms);
  });

  it("prints nine fractional digits and reads them back", () => {
    expect(formatDatetime(1421757296789)).toBe("2015-01-20T12:34:56.789000000Z");
    expect(parseDatetime(formatDatetime(1421757296789))).toBe(1421757296789);
    expect(parseDuration("1.5d")).toBe(129_600_000);
    expect(parseDuration("5 years")).toBeUndefined();
  });

  it("reduces uuids to one form and refuses the rest", () => {
    const canonical = "f47ac10b-58cc-4372-a567-0e02b2c3d479";
    const simple = canonical.replaceAll("-", "");
    for (const form of [
      canonical,
      simple,
      `{${canonical}}`,
      `urn:uuid:${canonical}`,
      canonical.toUpperCase(),
    ]) {
      expect(canonicalUuid(form)).toBe(canonical);
    }
    for (const form of ["", "x", `{urn:uuid:${canonical}}`, `urn:uuid:{${canonical}}`, `${simple}0`]) {
      expect(canonicalUuid(form)).toBeUndefined();
    }
  });
});
