/**
 * The bytes of an index entry of the embedded blob store: format, etag (32), size (8), then either the name of a body file
 * (format 1) or the body itself (format 2).
 */

import { BlobStoreError } from "../../ports/blob-store.js";

const FORMAT_FILE = 1;
const FORMAT_INLINE = 2;
const HEADER_BYTES = 41;

export interface BlobIndexEntry {
  /** SHA-256 of the body in hex. */
  readonly etag: string;
  readonly sizeBytes: number;
  /** Name of the body's file; absent when the body is `inline`. */
  readonly file?: string;
  readonly inline?: Uint8Array;
}

export function encodeEntry(entry: BlobIndexEntry): Buffer {
  const tail =
    entry.file === undefined ? (entry.inline ?? new Uint8Array(0)) : Buffer.from(entry.file, "utf8");
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + tail.length);
  bytes.writeUInt8(entry.file === undefined ? FORMAT_INLINE : FORMAT_FILE, 0);
  bytes.write(entry.etag, 1, 32, "hex");
  bytes.writeBigUInt64BE(BigInt(entry.sizeBytes), 33);
  bytes.set(tail, HEADER_BYTES);
  return bytes;
}

/** @throws BlobStoreError `damaged` for bytes that are no entry */
export function decodeEntry(key: string, bytes: Buffer): BlobIndexEntry {
  const format = bytes[0];
  if (bytes.length < HEADER_BYTES || (format !== FORMAT_FILE && format !== FORMAT_INLINE))
    throw new BlobStoreError("damaged", `the index entry of blob ${key} has an unknown format`);
  const etag = bytes.toString("hex", 1, 33);
  const sizeBytes = Number(bytes.readBigUInt64BE(33));
  const tail = bytes.subarray(HEADER_BYTES);
  return format === FORMAT_FILE
    ? { etag, sizeBytes, file: tail.toString("utf8") }
    : { etag, sizeBytes, inline: tail };
}
