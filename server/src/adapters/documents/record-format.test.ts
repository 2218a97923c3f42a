import { randomBytes } from "node:crypto";
import zlib from "node:zlib";
import { describe, expect, it } from "vitest";
import { crc32ByTable } from "./record-format.js";

describe("the checksum of older releases of Node", () => {
  it("is the one that zlib knows for the nine digits", () => {
    expect(crc32ByTable(Buffer.from("123456789"))).toBe(0xcbf43926);
    expect(crc32ByTable(new Uint8Array(0))).toBe(0);
  });

  it.skipIf(zlib.crc32 === undefined)("equals that of newer ones, which this one must have", () => {
    for (const size of [1, 2, 63, 64, 4_097, 100_000]) {
      const bytes = randomBytes(size);
      expect(crc32ByTable(bytes), bytes.toString("hex").slice(0, 200)).toBe(zlib.crc32(bytes));
    }
  });
});
