/** Attribute types: the wire's text (`[]string`, `[3]f32`, `{}f16`) and the form the engine works with. */
import { badRequest, unsupported } from "../errors.js";
import { LIMITS } from "../limits.js";

export type ScalarType = "string" | "int" | "uint" | "float" | "uuid" | "datetime" | "bool";
export type Precision = "f32" | "f16";

export type AttributeType =
  | { readonly kind: "scalar"; readonly of: ScalarType }
  | { readonly kind: "array"; readonly of: ScalarType }
  | { readonly kind: "vector"; readonly dims: number; readonly precision: Precision }
  | { readonly kind: "sparse" };

const SCALARS: ReadonlySet<string> = new Set(["string", "int", "uint", "float", "uuid", "datetime", "bool"]);
const VECTOR = /^\[(\d+)\](f32|f16|i8)$/;

/** Reads a type's text. Throws 400 naming the attribute when it is no type, or one this engine leaves out. */
export function parseType(text: string, attribute: string): AttributeType {
  if (SCALARS.has(text)) return { kind: "scalar", of: text as ScalarType };
  if (text.startsWith("[]") && SCALARS.has(text.slice(2)))
    return { kind: "array", of: text.slice(2) as ScalarType };
  if (text === "{}f16") return { kind: "sparse" };
  if (/^\[\]\[\d+\]/.test(text)) throw unsupported("late interaction vectors");
  const match = VECTOR.exec(text);
  if (match === null) throw badRequest(`invalid type '${text}' for attribute '${attribute}'`);
  if (match[2] === "i8") throw unsupported("i8 vectors");
  const dims = Number(match[1]);
  if (dims < 1 || dims > LIMITS.denseDimensions) {
    throw badRequest(
      `vector attribute '${attribute}' must have between 1 and ${LIMITS.denseDimensions} dimensions, got ${dims}`,
    );
  }
  return { kind: "vector", dims, precision: match[2] as Precision };
}

/** The type's text on the wire. */
export function printType(type: AttributeType): string {
  switch (type.kind) {
    case "scalar":
      return type.of;
    case "array":
      return `[]${type.of}`;
    case "vector":
      return `[${type.dims}]${type.precision}`;
    case "sparse":
      return "{}f16";
  }
}

/** Text attributes take full-text, regex, glob and fuzzy indexes. */
export function isText(type: AttributeType): boolean {
  return (type.kind === "scalar" || type.kind === "array") && type.of === "string";
}

/** Types whose values are held as text. */
export function isTextual(type: AttributeType): boolean {
  return isText(type) || ((type.kind === "scalar" || type.kind === "array") && type.of === "uuid");
}
