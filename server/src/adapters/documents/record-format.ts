/**
 * The bytes of a cached record in the embedded store. The vector is kept apart, so that reading attributes never touches it;
 * the record names the version under which its vector was written, and both carry a checksum, so that damage is seen instead
 * of served.
 *
 * | at | bytes | |
 * |---|---|---|
 * | 0 | 1 | format |
 * | 1 | 4 | CRC-32 of all of it, with these four bytes 0 |
 * | 5 | 8 | version |
 * | 13 | 8 | expiry, epoch-ms; 0 = none |
 * | 21 | 8 | version of the vector; 0 = none |
 * | 29 | 8 | place in the order of writing; format 1 lacks it, and its version is its place |
 * | 37 | 2, 2 | length of mark and epoch |
 * | 41 | 1 | 1 when there are attributes |
 * | 42 | | mark, epoch, attributes |
 */

import zlib from "node:zlib";

const FORMAT = 2;
const HEADER_BYTES = 42;
/** Of the format before. */
const FORMAT_WITHOUT_PLACE = 1;
const HEADER_BYTES_WITHOUT_PLACE = 34;
const VECTOR_FORMAT = 1;
const VECTOR_HEADER_BYTES = 13;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit += 1)
    remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
  return remainder;
});

/** CRC-32 as zlib computes it. */
export function crc32ByTable(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ byte) & 0xff] ?? 0);
  return ~crc >>> 0;
}

/** Node has its own, twenty times faster, from 20.15 and 22.2 on. */
const crc32: (bytes: Uint8Array) => number = zlib.crc32 ?? crc32ByTable;

export interface StoredRecord {
  readonly version: number;
  /** Epoch-ms; 0 when it never expires. */
  readonly expiresAt: number;
  /** 0 when there is no vector. */
  readonly vectorVersion: number;
  /** Its place in the order of eviction: the version it had when it was put there. */
  readonly place: number;
  readonly mark: Uint8Array;
  readonly epoch: string;
  readonly attributes: Uint8Array | undefined;
}

/** Stored bytes are not those that were written. */
export class RecordDamage extends Error {
  override readonly name = "RecordDamage";
}

/** @param take gives the bytes to write into, so many */
export function encodeRecord(record: StoredRecord, take: (length: number) => Buffer): Buffer {
  const { mark, attributes } = record;
  const epochBytes = Buffer.byteLength(record.epoch);
  const bytes = take(HEADER_BYTES + mark.length + epochBytes + (attributes?.length ?? 0));
  bytes[0] = FORMAT;
  writeCount(bytes, record.version, 5);
  bytes.writeDoubleBE(record.expiresAt, 13);
  writeCount(bytes, record.vectorVersion, 21);
  writeCount(bytes, record.place, 29);
  bytes.writeUInt16BE(mark.length, 37);
  bytes.writeUInt16BE(epochBytes, 39);
  bytes[41] = attributes === undefined ? 0 : 1;
  bytes.set(mark, HEADER_BYTES);
  bytes.write(record.epoch, HEADER_BYTES + mark.length, "utf8");
  if (attributes !== undefined) bytes.set(attributes, HEADER_BYTES + mark.length + epochBytes);
  return sealed(bytes);
}

/**
 * Reads a record out of bytes that are the caller's own; its parts are views of them, and its checksum is taken out.
 * @throws RecordDamage when the bytes are not what `encodeRecord` made
 */
export function decodeRecord(bytes: Buffer): StoredRecord {
  const headerBytes = headerBytesOf(bytes);
  if (!isSealed(bytes))
    throw new RecordDamage(`a cached record of ${bytes.length} bytes does not match its checksum`);
  const markEnd = headerBytes + bytes.readUInt16BE(headerBytes - 5);
  const epochEnd = markEnd + bytes.readUInt16BE(headerBytes - 3);
  const version = readCount(bytes, 5);
  return {
    version,
    expiresAt: bytes.readDoubleBE(13),
    vectorVersion: readCount(bytes, 21),
    place: headerBytes === HEADER_BYTES ? readCount(bytes, 29) : version,
    mark: bytes.subarray(headerBytes, markEnd),
    epoch: bytes.toString("utf8", markEnd, epochEnd),
    attributes: bytes[headerBytes - 1] === 1 ? bytes.subarray(epochEnd) : undefined,
  };
}

/** The fields a writer needs of the record it replaces. */
export type RecordHeader = Pick<StoredRecord, "version" | "expiresAt" | "vectorVersion" | "place">;

/** Reads them without reading the rest. */
export function decodeHeader(bytes: Buffer): RecordHeader {
  const headerBytes = headerBytesOf(bytes);
  const version = readCount(bytes, 5);
  return {
    version,
    expiresAt: bytes.readDoubleBE(13),
    vectorVersion: readCount(bytes, 21),
    place: headerBytes === HEADER_BYTES ? readCount(bytes, 29) : version,
  };
}

/** @throws RecordDamage for bytes of no format we know */
function headerBytesOf(bytes: Buffer): number {
  const [format] = bytes;
  const known =
    format === FORMAT
      ? HEADER_BYTES
      : format === FORMAT_WITHOUT_PLACE
        ? HEADER_BYTES_WITHOUT_PLACE
        : undefined;
  if (known === undefined || bytes.length < known)
    throw new RecordDamage(`a cached record of ${bytes.length} bytes is of no known format`);
  return known;
}

/** As `encodeRecord`. */
export function encodeVector(version: number, vector: Uint8Array, take: (length: number) => Buffer): Buffer {
  const bytes = take(VECTOR_HEADER_BYTES + vector.length);
  bytes[0] = VECTOR_FORMAT;
  writeCount(bytes, version, 5);
  bytes.set(vector, VECTOR_HEADER_BYTES);
  return sealed(bytes);
}

/** As `decodeRecord`. @throws RecordDamage when the bytes are not those written under `version` */
export function decodeVector(bytes: Buffer | undefined, version: number): Buffer {
  if (
    bytes === undefined ||
    bytes.length < VECTOR_HEADER_BYTES ||
    bytes[0] !== VECTOR_FORMAT ||
    !isSealed(bytes) ||
    readCount(bytes, 5) !== version
  )
    throw new RecordDamage("a cached vector is not the one its record names");
  return bytes.subarray(VECTOR_HEADER_BYTES);
}

/** Writes the checksum into its place. */
function sealed(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(0, 1);
  bytes.writeUInt32BE(crc32(bytes), 1);
  return bytes;
}

/** Compares the checksum, and takes it out: on the whole buffer, since a view of its rest costs half as much as the sum. */
function isSealed(bytes: Buffer): boolean {
  const stored = bytes.readUInt32BE(1);
  bytes.writeUInt32BE(0, 1);
  return crc32(bytes) === stored;
}

/** Eight bytes below 2^53, without the detour over a BigInt: this is read for every record. */
function readCount(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4);
}

function writeCount(bytes: Buffer, count: number, at: number): void {
  bytes.writeUInt32BE(Math.floor(count / 0x1_0000_0000), at);
  bytes.writeUInt32BE(count % 0x1_0000_0000, at + 4);
}
