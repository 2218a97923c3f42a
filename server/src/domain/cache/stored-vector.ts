/** Vectors as the cache keeps them: float32 bytes, or the JSON text they came as; the mark says which. */

import type { VectorForm } from "./record-mark.js";
import type { Bytes } from "./stored-document.js";

export interface StoredVector {
  readonly form: Exclude<VectorForm, "unknown">;
  readonly bytes: Uint8Array;
}

const QUOTE = 0x22;
const OPEN_BRACKET = 0x5b;

/**
 * The vector that JSON stands for: an array of numbers keeps its text, since making numbers of it would cost more than the
 * rest of a write; a string is base64 of little-endian float32. Undefined for anything else.
 * @param room where decoded bytes go; default bytes of their own
 */
export function vectorFromJson(json: Buffer, room?: Bytes): StoredVector | undefined {
  if (json[0] === OPEN_BRACKET) return { form: "json", bytes: json };
  if (json[0] !== QUOTE) return undefined;
  const text = json.toString("latin1", 1, json.length - 1);
  const bytes = room === undefined ? Buffer.from(text, "base64") : decodedInto(room, text);
  return bytes.length > 0 && bytes.length % 4 === 0 ? { form: "float32", bytes } : undefined;
}

function decodedInto(room: Bytes, base64: string): Buffer {
  const bytes = room.take(Math.ceil((base64.length * 3) / 4));
  return bytes.subarray(0, bytes.write(base64, "base64"));
}

/** The numbers of a stored vector as upstream has them, in float32; undefined when the bytes are no vector. */
export function vectorNumbers({ form, bytes }: StoredVector): Float32Array | undefined {
  if (form === "json") {
    try {
      const numbers: unknown = JSON.parse(Buffer.from(bytes).toString("latin1"));
      const isVector = Array.isArray(numbers) && numbers.every((number) => typeof number === "number");
      return isVector && numbers.length > 0 ? Float32Array.from(numbers as number[]) : undefined;
    } catch {
      return undefined;
    }
  }
  if (bytes.length === 0 || bytes.length % 4 !== 0) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.length / 4 }, (_, index) => view.getFloat32(index * 4, true));
}
