/**
 * Attribute types from values, for attributes that no schema declares. The first value decides; only whether a number
 * is `int` or `float` looks at all the request's values, because one client prints 1.0 as 1 and another as 1.0.
 */
import { badRequest } from "../errors.js";
import { isInteger, type Json } from "../json.js";
import { LIMITS } from "../limits.js";
import { type Attribute, plainAttribute } from "../schema/attribute.js";
import type { AttributeType, ScalarType } from "../schema/attribute-type.js";
import { checkAttributeName, type Schema, withAttributes } from "../schema/schema.js";
import { readVector } from "../values.js";

/**
 * The schema with every attribute that the documents bring along. `existing` says whether the namespace was there
 * before: its vector columns are then fixed. Throws 400 naming the attribute.
 */
export function inferAttributes(
  schema: Schema,
  documents: Iterable<readonly (readonly [string, Json])[]>,
  existing: boolean,
): Schema {
  const added = new Map<string, Attribute>();
  for (const attributes of documents) {
    for (const [name, value] of attributes) {
      if (value === null || schema.attributes.has(name)) continue;
      const known = added.get(name);
      const type =
        known === undefined || isWholeNumber(known.type) ? inferType(name, value, existing) : undefined;
      if (type === undefined) continue;
      if (known === undefined || isFraction(type)) added.set(name, plainAttribute(type));
    }
  }
  return withAttributes(schema, added);
}

function isWholeNumber(type: AttributeType): boolean {
  return (type.kind === "scalar" || type.kind === "array") && type.of === "int";
}

function isFraction(type: AttributeType): boolean {
  return (type.kind === "scalar" || type.kind === "array") && type.of === "float";
}

/** The type a value implies, or `undefined` when it implies none yet (an empty array). */
function inferType(name: string, value: Json, existing: boolean): AttributeType | undefined {
  checkAttributeName(name);
  if (name === "vector") return inferVector(value, existing);
  if (!Array.isArray(value)) return { kind: "scalar", of: inferScalar(name, value) };
  const element = value.find((item) => item !== null);
  if (element === undefined) return undefined;
  const of = inferScalar(name, element);
  const fraction = of === "int" && value.some((item) => typeof item === "number" && !Number.isInteger(item));
  return { kind: "array", of: fraction ? "float" : of };
}

function inferScalar(name: string, value: Json): ScalarType {
  if (typeof value === "string") return "string";
  if (typeof value === "boolean") return "bool";
  if (isInteger(value)) return "int";
  if (typeof value === "number") return "float";
  throw badRequest(
    `cannot infer the type of attribute '${name}' from a ${Array.isArray(value) ? "nested array" : "map"}`,
  );
}

function inferVector(value: Json, existing: boolean): AttributeType {
  if (existing) throw badRequest("Vector provided for namespace without vector attribute");
  const vector = readVector(value);
  if (vector === undefined)
    throw badRequest("invalid value for attribute 'vector': expected an array of numbers or base64 text");
  if (vector.length < 1 || vector.length > LIMITS.denseDimensions) {
    throw badRequest(
      `vector attribute 'vector' must have between 1 and ${LIMITS.denseDimensions} dimensions, got ${vector.length}`,
    );
  }
  return { kind: "vector", dims: vector.length, precision: "f32" };
}
