/**
 * What documents take of the heap once they are in a table, as an estimate from above: measured on Node 20, compared with
 * the heap by a test. Numbers and vectors lie in arrays outside the heap and count nothing.
 */
import type { Schema } from "../schema/schema.js";
import type { Row, Value } from "../values.js";

/** An id with its place in the map from ids to slots. */
const ROW_BYTES = 64;
/** A text, or an element of a list, with its places in its column and its index. */
const TEXT_BYTES = 112;
/** A list, a sparse vector: the object itself. */
const COMPOSITE_BYTES = 64;
/** A dimension of a sparse vector. */
const ENTRY_BYTES = 96;
/** A character of a text. */
const CHARACTER_BYTES = 2;
/** A character's share in the postings of the words of a full-text index. */
const INDEXED_CHARACTER_BYTES = 5;

/** Heap bytes of a document with its values. */
export function rowHeapBytes(row: Row, schema: Schema): number {
  let bytes = ROW_BYTES;
  for (const [name, value] of row) {
    bytes += valueHeapBytes(value, (schema.attributes.get(name)?.fullText ?? null) !== null);
  }
  return bytes;
}

/** `isIndexed` by a full-text index. */
function valueHeapBytes(value: Value, isIndexed: boolean): number {
  if (typeof value === "string") {
    return TEXT_BYTES + value.length * (CHARACTER_BYTES + (isIndexed ? INDEXED_CHARACTER_BYTES : 0));
  }
  if (value instanceof Float32Array) return 0;
  if (value instanceof Map) return COMPOSITE_BYTES + value.size * ENTRY_BYTES;
  if (!Array.isArray(value)) return typeof value === "bigint" ? TEXT_BYTES : 8;
  let bytes = COMPOSITE_BYTES;
  for (const element of value as readonly Value[]) bytes += valueHeapBytes(element, isIndexed);
  return bytes;
}
