import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { idFromJson, isUintText, typedId } from "./ids.js";

describe("typedId", () => {
  it("spells every integer from 0 to 2^64-1 as a number for a uint namespace", () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (id) => {
        expect(typedId(String(id), "uint")).toEqual({ canonical: String(id), literal: String(id) });
      }),
    );
  });

  it.each(["-1", "+1", "01", "1.0", "1e3", " 1", "", "0x1", "18446744073709551616", "99999999999999999999"])(
    "holds %j for no row of a uint namespace",
    (id) => {
      expect(isUintText(id)).toBe(false);
      expect(typedId(id, "uint")).toBeUndefined();
    },
  );

  it("takes string ids as they are, and round-trips them through JSON", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (id) => {
        const typed = typedId(id, "string");
        expect(typed?.canonical).toBe(id);
        expect(idFromJson(typed?.literal ?? "")).toBe(id);
      }),
    );
  });

  it("holds half of a surrogate pair for no id of any type", () => {
    for (const type of ["string", "unknown"] as const) {
      expect(typedId("a\ud83d", type)).toBeUndefined();
      expect(typedId("a\ud83d\ude00", type)?.canonical).toBe("a\ud83d\ude00");
    }
  });

  it.each([
    "",
    "x",
    "00112233445566778899aabbccddeef",
    "0011-2233445566778899aabbccddeeff00",
    "{urn:uuid:00112233445566778899aabbccddeeff}",
  ])("holds %j for no uuid", (id) => {
    expect(typedId(id, "uuid")).toBeUndefined();
  });
});
