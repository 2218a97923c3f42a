/**
 * A document's bytes in the store: its length-prefixed JSON, then its vectors as raw little-endian float32. JSON keeps
 * rows readable by later versions whatever the attributes are; vectors stay out of it because text would triple them.
 *
 * Layout: u32 length of the JSON | JSON `[attributes, [[vector name, elements], …]]` | vector bytes in that order.
 */
import { float32OfBytes } from "../float-format.js";
import type { Id, IdType } from "../ids.js";
import { normalInteger } from "../ids.js";
import { type JsonObject, type Printable, parseJson, writeJson } from "../json.js";
import type { Schema } from "../schema/schema.js";
import type { Row, Value } from "../values.js";

export function encodeRow(row: Row): Buffer {
  const attributes: [string, Printable][] = [];
  const vectors: Float32Array[] = [];
  const names: [string, number][] = [];
  for (const [name, value] of row) {
    if (value instanceof Float32Array) {
      vectors.push(value);
      names.push([name, value.length]);
    } else if (value instanceof Map) attributes.push([name, Object.fromEntries(value)]);
    else attributes.push([name, value as Printable]);
  }
  const json = Buffer.from(writeJson([Object.fromEntries(attributes), names]));
  const elements = vectors.reduce((sum, vector) => sum + vector.length, 0);
  const bytes = Buffer.allocUnsafe(4 + json.length + elements * 4);
  bytes.writeUInt32LE(json.length);
  json.copy(bytes, 4);
  let at = 4 + json.length;
  for (const vector of vectors) for (const element of vector) at = bytes.writeFloatLE(element, at);
  return bytes;
}

export function decodeRow(bytes: Uint8Array, schema: Schema): Map<string, Value> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const jsonEnd = 4 + buffer.readUInt32LE();
  const [attributes, vectors] = parseJson(buffer.toString("utf8", 4, jsonEnd)) as [
    JsonObject,
    [string, number][],
  ];
  const row = new Map<string, Value>();
  for (const [name, value] of Object.entries(attributes)) {
    const sparse = schema.attributes.get(name)?.type.kind === "sparse";
    row.set(name, sparse ? new Map(Object.entries(value as Record<string, number>)) : (value as Value));
  }
  let at = jsonEnd;
  for (const [name, elements] of vectors) {
    row.set(name, float32OfBytes(buffer.subarray(at, at + elements * 4)));
    at += elements * 4;
  }
  return row;
}

/** Key of a document: the namespace's number, then the id so that keys sort as ids do. */
export function encodeKey(namespace: number, id: Id): Buffer {
  if (typeof id === "string") {
    const text = Buffer.from(id);
    const key = Buffer.allocUnsafe(4 + text.length);
    key.writeUInt32BE(namespace);
    text.copy(key, 4);
    return key;
  }
  const key = Buffer.allocUnsafe(12);
  key.writeUInt32BE(namespace);
  key.writeBigUInt64BE(BigInt(id), 4);
  return key;
}

export function decodeId(key: Uint8Array, type: IdType | null): Id {
  const buffer = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  return type === "uint" ? normalInteger(buffer.readBigUInt64BE(4)) : buffer.toString("utf8", 4);
}

/** First key of a namespace; the first of the next number ends it. */
export function firstKey(namespace: number): Buffer {
  const key = Buffer.allocUnsafe(4);
  key.writeUInt32BE(namespace);
  return key;
}

/** Key of the list of documents that a commit changed: the namespace's number, then the commit's. */
export function encodeJournalKey(namespace: number, commit: number): Buffer {
  const key = Buffer.allocUnsafe(10);
  key.writeUInt32BE(namespace);
  key.writeUIntBE(commit, 4, 6);
  return key;
}

/** Keys of documents one after another, each behind its length. */
export function encodeKeys(namespace: number, ids: Iterable<Id>): Buffer {
  const parts: Buffer[] = [];
  for (const id of ids) {
    const key = encodeKey(namespace, id);
    parts.push(Buffer.of(key.length), key);
  }
  return Buffer.concat(parts);
}

/** The ids of `encodeKeys`. */
export function decodeIds(bytes: Uint8Array, type: IdType | null): Id[] {
  const ids: Id[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + (bytes[at] as number);
    ids.push(decodeId(bytes.subarray(at + 1, end), type));
    at = end;
  }
  return ids;
}
