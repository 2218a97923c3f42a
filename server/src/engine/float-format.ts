/**
 * Conversions between the wire's forms of a vector and float32: shortest decimals, base64 of little-endian float32,
 * and rounding to half precision. All are pure and work on whole vectors, because one call per element costs more
 * than the conversion itself.
 */
import { endianness } from "node:os";

/** The shortest decimals that round-trip as float32 (`0.7`, not `0.699999988079071`). */
export function decimalsOfFloat32(vector: Float32Array): number[] {
  const decimals = new Array<number>(vector.length);
  for (let i = 0; i < vector.length; i++) decimals[i] = decimalOfFloat32(vector[i] as number);
  return decimals;
}

/** The shortest decimal that round-trips as float32. */
export function decimalOfFloat32(value: number): number {
  // Nine significant digits always identify a float32; six always survive one.
  for (let precision = 6; precision < 9; precision++) {
    const candidate = Number(value.toPrecision(precision));
    if (Math.fround(candidate) === value) return candidate;
  }
  return Number(value.toPrecision(9));
}

/** Base64 of the vector's little-endian float32 bytes. */
export function base64OfFloat32(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (let i = 0; i < vector.length; i++) bytes.writeFloatLE(vector[i] as number, i * 4);
  return bytes.toString("base64");
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** The vector behind a base64 text, or `undefined` when the text is not base64 of whole float32 values. */
export function float32OfBase64(text: string): Float32Array | undefined {
  if (text.length % 4 === 1 || !BASE64.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64");
  return bytes.length % 4 === 0 ? float32OfBytes(bytes) : undefined;
}

/** Copies little-endian float32 bytes into a vector of its own. */
export function float32OfBytes(bytes: Uint8Array): Float32Array {
  const vector = new Float32Array(bytes.length / 4);
  if (endianness() === "LE") {
    new Uint8Array(vector.buffer).set(bytes);
    return vector;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < vector.length; i++) vector[i] = view.getFloat32(i * 4, true);
  return vector;
}

/** Rounds to the nearest half-precision value, ties to even; beyond 65504 the result is infinite. */
export function roundToFloat16(value: number): number {
  const magnitude = Math.abs(value);
  if (!Number.isFinite(value) || magnitude === 0) return value;
  if (magnitude >= 65520) return value < 0 ? -Infinity : Infinity;
  // A half has 11 significant bits; below 2^-14 the step stays that of the smallest normal.
  const exponent = Math.max(Math.floor(Math.log2(magnitude)), -14);
  const step = 2 ** (exponent - 10);
  return roundHalfEven(value / step) * step;
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
