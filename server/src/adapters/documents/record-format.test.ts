import { randomBytes } from "node:crypto";
import zlib from "node:zlib";
import { describe, expect, it } from "vitest";
import { crc32ByTable, decodeHeader, decodeRecord, encodeRecord, RecordDamage } from "./record-format.js";

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

describe("a cached record", () => {
  const record = {
    version: 2 ** 33 + 7,
    expiresAt: 1_700_000_000_000,
    vectorVersion: 5,
    place: 2 ** 33 + 1,
    mark: Buffer.from("mark"),
    epoch: "épo",
    attributes: Buffer.from('{"a":1}'),
  };
  const encoded = () => encodeRecord(record, (length) => Buffer.alloc(length));

  it("comes back as it was", () => {
    expect(decodeRecord(encoded())).toEqual(record);
    const { version, expiresAt, vectorVersion, place } = record;
    expect(decodeHeader(encoded())).toEqual({ version, expiresAt, vectorVersion, place });
  });

  it("is read in the format before, whose place is its version", () => {
    const now = encoded();
    const before = Buffer.concat([now.subarray(0, 29), now.subarray(37)]);
    before[0] = 1;
    before.writeUInt32BE(0, 1);
    before.writeUInt32BE(crc32ByTable(before), 1);
    expect(decodeRecord(before)).toEqual({ ...record, place: record.version });
    expect(decodeHeader(before).place).toBe(record.version);
  });

  it("is refused in a format to come, and when a byte has changed", () => {
    const later = encoded();
    later[0] = 3;
    expect(() => decodeRecord(later)).toThrow(RecordDamage);
    expect(() => decodeHeader(later)).toThrow(RecordDamage);
    const changed = encoded();
    changed[45] = (changed[45] ?? 0) ^ 1;
    expect(() => decodeRecord(changed)).toThrow(RecordDamage);
  });
});
