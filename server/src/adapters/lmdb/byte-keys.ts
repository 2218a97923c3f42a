/**
 * Keys of the embedded stores, built as bytes so that their order is the order of UTF-8 and no name can run into another:
 * every part but the last carries its length.
 */

/** A part of a key: text as UTF-8, a number as eight bytes that sort like it (0 to 2^53 - 1). */
export type KeyPart = string | number | Uint8Array;

/** Joins parts into a key. The last part has no length, so that a prefix of it is a prefix of the key. */
export function byteKey(...parts: readonly KeyPart[]): Buffer {
  const [only] = parts;
  if (parts.length === 1 && typeof only === "number") return encodePart(only);
  const encoded = parts.map(encodePart);
  const size = encoded.reduce((total, part) => total + part.length + 2, -2);
  const key = Buffer.allocUnsafe(size);
  let at = 0;
  encoded.forEach((part, index) => {
    if (index < encoded.length - 1) at = key.writeUInt16BE(part.length, at);
    at += part.copy(key, at);
  });
  return key;
}

/** Splits a key of `count` parts again. */
export function splitByteKey(key: Uint8Array, count: number): Buffer[] {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  const parts: Buffer[] = [];
  let at = 0;
  for (let index = 0; index < count - 1; index += 1) {
    const length = bytes.readUInt16BE(at);
    parts.push(bytes.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  parts.push(bytes.subarray(at));
  return parts;
}

/** Reads a numeric part. */
export function keyNumber(part: Uint8Array): number {
  const bytes = Buffer.from(part.buffer, part.byteOffset, part.byteLength);
  return bytes.readUInt32BE(0) * 0x1_0000_0000 + bytes.readUInt32BE(4);
}

/** Writes a number as a part of a key has it. */
export function writeNumber(key: Buffer, number: number, at: number): void {
  key.writeUInt32BE(Math.floor(number / 0x1_0000_0000), at);
  key.writeUInt32BE(number % 0x1_0000_0000, at + 4);
}

/** The smallest key greater than every key that begins with `prefix`; undefined when there is none. */
export function afterPrefix(prefix: Uint8Array): Buffer | undefined {
  for (let last = prefix.length - 1; last >= 0; last -= 1) {
    const byte = prefix[last] ?? 0xff;
    if (byte === 0xff) continue;
    const end = Buffer.from(prefix.subarray(0, last + 1));
    end[last] = byte + 1;
    return end;
  }
  return undefined;
}

function encodePart(part: KeyPart): Buffer {
  if (typeof part === "string") return Buffer.from(part, "utf8");
  if (typeof part !== "number") return Buffer.from(part.buffer, part.byteOffset, part.byteLength);
  const bytes = Buffer.allocUnsafe(8);
  writeNumber(bytes, part, 0);
  return bytes;
}
