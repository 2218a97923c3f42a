import { describe, expect, it } from "vitest";
import { decodeJson, encodeJson, UnencodableError } from "./json.js";

describe("decodeJson", () => {
  it("keeps integers to 2^64-1 exact, and numbers where numbers are exact", () => {
    expect(decodeJson('{"a":18446744073709551615,"b":9007199254740991,"c":-9007199254740993}')).toEqual({
      a: 18446744073709551615n,
      b: 9007199254740991,
      c: -9007199254740993n,
    });
  });

  it("leaves digits inside strings alone", () => {
    const text =
      '{"s":"x,18446744073709551615,","q":"a\\\\","r":"\\"18446744073709551615,\\"","n":18446744073709551615}';
    expect(decodeJson(text)).toEqual({
      s: "x,18446744073709551615,",
      q: "a\\",
      r: '"18446744073709551615,"',
      n: 18446744073709551615n,
    });
  });

  it("does not take long floats for integers", () => {
    const text = "[1234567890123456.5,0.12345678901234567,1234567890123456789e3]";
    expect(decodeJson(text)).toEqual(JSON.parse(text));
    expect(decodeJson(`[${text},18446744073709551615]`)).toEqual([JSON.parse(text), 18446744073709551615n]);
  });

  it.each([
    "[18446744073709551615",
    "[018446744073709551615]",
    '{"a":18446744073709551615,}',
    '{"a":"18446744073709551615',
  ])("refuses %s as JSON.parse does", (text) => {
    expect(() => decodeJson(text)).toThrow(SyntaxError);
  });

  it("reads strings of tens of megabytes beside a long integer", () => {
    const long = "\\n".repeat(5_000_000);
    expect(decodeJson(`{"s":"${long}","n":18446744073709551615}`)).toMatchObject({
      n: 18446744073709551615n,
    });
  });
});

describe("encodeJson", () => {
  it("writes bigints as integers and typed arrays as lists", () => {
    expect(
      encodeJson({
        id: 18446744073709551615n,
        vector: new Float32Array([0.5, 1]),
        ids: new BigUint64Array([1n]),
      }),
    ).toBe('{"id":18446744073709551615,"vector":[0.5,1],"ids":[1]}');
  });

  it('leaves out undefined and sends null, false, 0, "" and []', () => {
    expect(encodeJson({ a: undefined, b: null, c: false, d: 0, e: "", f: [], g: [undefined] })).toBe(
      '{"b":null,"c":false,"d":0,"e":"","f":[],"g":[null]}',
    );
  });

  it("writes what JSON.stringify writes for plain values", () => {
    const value = { "k\u2028": [1.5, -0, 1e21, "é\ud800", { d: new Date(0) }], n: { o: true } };
    expect(encodeJson(value)).toBe(JSON.stringify(value));
  });

  it("names place and row of a number that JSON cannot carry", () => {
    const error = thrownBy(() =>
      encodeJson({ upsert_rows: [{ id: "a" }, { id: "sku-17", vector: [1, Number.NaN] }] }),
    );
    expect(error).toBeInstanceOf(UnencodableError);
    expect(error).toMatchObject({ path: "upsert_rows[1].vector[1]", rowId: "sku-17" });
  });

  it("refuses infinities in typed arrays, functions, and circles", () => {
    expect(() => encodeJson({ v: new Float64Array([Number.POSITIVE_INFINITY]) })).toThrow("finite");
    expect(() => encodeJson({ f: () => 1 })).toThrow("function");
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    expect(() => encodeJson(circle)).toThrow("circular");
  });
});

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}
