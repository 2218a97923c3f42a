/**
 * Attribute values inside the engine: text, numbers (bigint only where a double is not exact), booleans, arrays of
 * those, float32 vectors and sparse vectors. Datetimes are milliseconds, uuids canonical text. Null is absence.
 */
import { formatDatetime, parseDatetime } from "./datetime.js";
import { badRequest } from "./errors.js";
import { float32OfBase64, roundToFloat16 } from "./float-format.js";
import { normalInteger, UINT64_MAX } from "./ids.js";
import { describe, isInteger, isObject, type Json, type Printable } from "./json.js";
import { LIMITS } from "./limits.js";
import type { Attribute } from "./schema/attribute.js";
import { type AttributeType, printType, type ScalarType } from "./schema/attribute-type.js";
import { canonicalUuid } from "./uuid.js";

export type Scalar = string | number | bigint | boolean;
export type SparseVector = ReadonlyMap<string, number>;
export type Value = Scalar | readonly Scalar[] | Float32Array | SparseVector;
/** A document's attributes without its id; null attributes are absent. */
export type Row = ReadonlyMap<string, Value>;

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** Brings a JSON scalar to the type, or `undefined` when it does not fit. */
export function toScalar(value: Json, type: ScalarType): Scalar | undefined {
  switch (type) {
    case "string":
      return typeof value === "string" ? value : undefined;
    case "bool":
      return typeof value === "boolean" ? value : undefined;
    case "float":
      if (typeof value === "bigint") return Number(value);
      return typeof value === "number" && Number.isFinite(value) ? value : undefined;
    case "int":
      return isInteger(value) && value >= INT64_MIN && value <= INT64_MAX ? normalInteger(value) : undefined;
    case "uint":
      return isInteger(value) && value >= 0 && value <= UINT64_MAX ? normalInteger(value) : undefined;
    case "uuid":
      return typeof value === "string" ? canonicalUuid(value) : undefined;
    case "datetime":
      return typeof value === "string" ? parseDatetime(value) : undefined;
  }
}

/** Brings a non-null JSON value to an attribute's type. Throws 400 naming the attribute. */
export function toValue(value: Json, name: string, attribute: Attribute): Value {
  const { type } = attribute;
  switch (type.kind) {
    case "scalar": {
      const scalar = toScalar(value, type.of);
      if (scalar === undefined) throw mismatch(name, type, value);
      checkSize(scalar, name, attribute.filterable);
      return scalar;
    }
    case "array":
      return toArray(value, name, attribute, type.of);
    case "vector":
      return toVector(value, name, type);
    case "sparse":
      return toSparse(value, name);
  }
}

function mismatch(name: string, type: AttributeType, value: Json) {
  return badRequest(
    `invalid value for attribute '${name}': expected ${printType(type)}, but got '${describe(value).slice(0, 80)}'`,
  );
}

function checkSize(scalar: Scalar, name: string, filterable: boolean): void {
  // Three bytes a unit is the most UTF-8 takes, so short text needs no measuring.
  if (typeof scalar !== "string" || scalar.length * 3 <= LIMITS.filterableValueBytes) return;
  const bytes = Buffer.byteLength(scalar);
  const limit = filterable ? LIMITS.filterableValueBytes : LIMITS.attributeValueBytes;
  if (bytes > limit) {
    const what = filterable ? "filterable attribute" : "attribute";
    throw badRequest(`value of ${what} '${name}' is too large: ${bytes} bytes, limit is ${limit} bytes`);
  }
}

function toArray(value: Json, name: string, attribute: Attribute, of: ScalarType): readonly Scalar[] {
  if (!Array.isArray(value)) throw mismatch(name, attribute.type, value);
  let bytes = 0;
  const elements = value.map((element) => {
    const scalar = toScalar(element, of);
    if (scalar === undefined) throw mismatch(name, attribute.type, value);
    checkSize(scalar, name, attribute.filterable);
    bytes += scalarBytes(scalar);
    return scalar;
  });
  if (bytes > LIMITS.attributeValueBytes) {
    throw badRequest(
      `value of attribute '${name}' is too large: ${bytes} bytes, limit is ${LIMITS.attributeValueBytes} bytes`,
    );
  }
  return elements;
}

/** Reads a dense vector (numbers or base64 of float32) for a column. Throws 400 on a wrong length or element. */
export function toVector(value: Json, name: string, type: AttributeType & { kind: "vector" }): Float32Array {
  const vector = readVector(value);
  if (vector === undefined) throw mismatch(name, type, value);
  if (vector.length !== type.dims) {
    throw badRequest(
      `vector dimension mismatch for attribute '${name}': expected ${type.dims} dimensions, got ${vector.length}`,
    );
  }
  if (type.precision === "f16")
    for (let i = 0; i < vector.length; i++) vector[i] = roundToFloat16(vector[i] as number);
  for (const element of vector) {
    if (!Number.isFinite(element))
      throw badRequest(`vector attribute '${name}' holds a value out of range for ${type.precision}`);
  }
  return vector;
}

/** A vector from either wire form, or `undefined` when the value is neither. */
export function readVector(value: Json): Float32Array | undefined {
  if (typeof value === "string") return float32OfBase64(value);
  if (!Array.isArray(value)) return undefined;
  const vector = new Float32Array(value.length);
  for (let i = 0; i < value.length; i++) {
    const element = value[i];
    if (typeof element !== "number" && typeof element !== "bigint") return undefined;
    vector[i] = Number(element);
  }
  return vector;
}

/** Reads a sparse vector `{"dim": weight}`; weights are rounded to half precision. Throws 400. */
export function toSparse(value: Json, name: string): SparseVector {
  if (!isObject(value)) throw mismatch(name, { kind: "sparse" }, value);
  const entries = Object.entries(value);
  if (entries.length > LIMITS.sparseEntries) {
    throw badRequest(
      `sparse vector '${name}' has too many entries: ${entries.length}, limit is ${LIMITS.sparseEntries}`,
    );
  }
  const vector = new Map<string, number>();
  for (const [dim, weight] of entries) {
    const rounded = typeof weight === "number" ? roundToFloat16(weight) : Number.NaN;
    if (!Number.isFinite(rounded)) throw mismatch(name, { kind: "sparse" }, value);
    vector.set(dim, rounded);
  }
  return vector;
}

/** The value as JSON prints it; vectors stay float32 and print as shortest decimals. */
export function printValue(value: Value, type: AttributeType): Printable {
  if (value instanceof Float32Array) return value;
  if (value instanceof Map) return Object.fromEntries(value);
  if (type.kind === "vector" || type.kind === "sparse" || type.of !== "datetime") return value as Printable;
  return Array.isArray(value) ? value.map(formatDatetime) : formatDatetime(value as number);
}

function scalarBytes(scalar: Scalar): number {
  if (typeof scalar === "string") return Buffer.byteLength(scalar);
  return typeof scalar === "boolean" ? 1 : 8;
}

/** Logical size, as billing counts it: 8 a number, bytes of text, 16 a uuid, 1 a bool, 4 an f32, 2 an f16. */
export function valueBytes(value: Value, type: AttributeType): number {
  if (value instanceof Float32Array)
    return value.length * (type.kind === "vector" && type.precision === "f16" ? 2 : 4);
  if (value instanceof Map) {
    let bytes = 0;
    for (const dim of value.keys()) bytes += Buffer.byteLength(dim) + 2;
    return bytes;
  }
  const measure =
    type.kind !== "vector" && type.kind !== "sparse" && type.of === "uuid" ? () => 16 : scalarBytes;
  if (Array.isArray(value)) return value.reduce((sum: number, element: Scalar) => sum + measure(element), 0);
  return measure(value as Scalar);
}
