/** The filter operators: which types each takes, what it expects, and how it judges a value. */
import { compareNullable, compareScalars } from "../compare.js";
import { badRequest } from "../errors.js";
import { normalInteger } from "../ids.js";
import { isInteger, type Json } from "../json.js";
import { LIMITS } from "../limits.js";
import type { Attribute } from "../schema/attribute.js";
import type { ScalarType } from "../schema/attribute-type.js";
import type { Schema } from "../schema/schema.js";
import { type Scalar, toScalar, type Value } from "../values.js";
import type { Filter, Leaf } from "./expression.js";
import { bindPattern, isPatternOperator } from "./pattern-operators.js";
import { filterError, type RawLeaf, type Target, typeMismatch } from "./raw-leaf.js";
import { bindTokens, isTokenOperator } from "./token-operators.js";

type Bind = (leaf: RawLeaf, target: Target) => Filter;

const OPERATORS: Readonly<Record<string, Bind>> = {
  Eq: bindEq,
  NotEq: negated(bindEq),
  In: bindIn,
  NotIn: negated(bindIn),
  Contains: bindContains,
  NotContains: negated(bindContains),
  ContainsAny: bindContainsAny,
  NotContainsAny: negated(bindContainsAny),
  Lt: ordered((order) => order < 0),
  Lte: ordered((order) => order <= 0),
  Gt: ordered((order) => order > 0),
  Gte: ordered((order) => order >= 0),
  AnyLt: anyOrdered((order) => order < 0),
  AnyLte: anyOrdered((order) => order <= 0),
  AnyGt: anyOrdered((order) => order > 0),
  AnyGte: anyOrdered((order) => order >= 0),
};

export function isOperator(name: string): boolean {
  return Object.hasOwn(OPERATORS, name) || isPatternOperator(name) || isTokenOperator(name);
}

export function bindLeaf(leaf: RawLeaf, schema: Schema): Filter {
  if (isTokenOperator(leaf.operator)) return bindTokens(leaf, findAttribute(leaf, schema));
  const target = findTarget(leaf, schema);
  if (isPatternOperator(leaf.operator)) return bindPattern(leaf, target);
  if (target.attribute?.filterable === false) throw filterError(leaf, "attribute is not filterable");
  return (OPERATORS[leaf.operator] as Bind)(leaf, target);
}

function findAttribute(leaf: RawLeaf, schema: Schema): Attribute {
  const attribute = schema.attributes.get(leaf.attribute);
  if (attribute === undefined) throw filterError(leaf, "attribute not found");
  return attribute;
}

function findTarget(leaf: RawLeaf, schema: Schema): Target {
  if (leaf.attribute === "id") return { of: schema.idType ?? "string", isArray: false, attribute: null };
  const attribute = findAttribute(leaf, schema);
  const { type } = attribute;
  if (type.kind === "vector" || type.kind === "sparse") {
    throw filterError(leaf, "attribute is not filterable: filters do not apply to vectors");
  }
  return { of: type.of, isArray: type.kind === "array", attribute };
}

/** A literal in the attribute's terms. Any number compares with an integer attribute, whole or not. */
function toLiteral(value: Json, of: ScalarType): Scalar | undefined {
  if (of === "int" || of === "uint") {
    // A float may spell an integer that is stored as a bigint.
    if (isInteger(value)) return normalInteger(value);
    return typeof value === "number" && Number.isFinite(value) ? value : undefined;
  }
  return toScalar(value, of);
}

function literal(leaf: RawLeaf, of: ScalarType, expected: string): Scalar {
  const value = toLiteral(leaf.operand, of);
  if (value === undefined) throw typeMismatch(leaf, expected);
  return value;
}

/** The operand as a list of literals; null elements stay. `undefined` when it is no list or an element does not fit. */
function literals(operand: Json, of: ScalarType): (Scalar | null)[] | undefined {
  if (!Array.isArray(operand)) return undefined;
  if (operand.length > LIMITS.filterValues) {
    throw badRequest(`filter has a list of ${operand.length} values, limit is ${LIMITS.filterValues}`);
  }
  const values: (Scalar | null)[] = [];
  for (const element of operand) {
    const value = element === null ? null : toLiteral(element, of);
    if (value === undefined) return undefined;
    values.push(value);
  }
  return values;
}

function negated(bindOne: Bind): Bind {
  return (leaf, target) => ({ kind: "not", operand: bindOne(leaf, target) });
}

function bindEq(leaf: RawLeaf, target: Target): Leaf {
  const { attribute } = leaf;
  if (leaf.operand === null) return { kind: "leaf", attribute, test: (value) => value === null };
  if (target.isArray) {
    const expected = literals(leaf.operand, target.of);
    if (expected === undefined) throw typeMismatch(leaf, `[]${target.of}`);
    return {
      kind: "leaf",
      attribute,
      test: (value) => Array.isArray(value) && sameElements(value, expected),
    };
  }
  const wanted = literal(leaf, target.of, target.of);
  return {
    kind: "leaf",
    attribute,
    test: (value) => value === wanted,
    shortcut: { kind: "holds", values: [wanted] },
    exact: true,
  };
}

function sameElements(value: readonly Scalar[], expected: readonly (Scalar | null)[]): boolean {
  return value.length === expected.length && value.every((element, i) => element === expected[i]);
}

function bindIn(leaf: RawLeaf, target: Target): Leaf {
  const listed = literals(Array.isArray(leaf.operand) ? leaf.operand : [leaf.operand], target.of);
  if (listed === undefined) throw typeMismatch(leaf, `${target.of} or []${target.of}`);
  return oneOf(leaf.attribute, listed);
}

/** Matches a value, or an array with an element, among those listed; a listed null matches absence. */
function oneOf(attribute: string, listed: readonly (Scalar | null)[]): Leaf {
  const wanted = new Set<Value | null>(listed);
  const test = (value: Value | null) =>
    Array.isArray(value) ? value.some((element: Scalar) => wanted.has(element)) : wanted.has(value);
  // A look-up finds values only; absence has to be asked of every document.
  if (wanted.has(null)) return { kind: "leaf", attribute, test };
  return {
    kind: "leaf",
    attribute,
    test,
    shortcut: { kind: "holds", values: [...wanted] as Scalar[] },
    exact: true,
  };
}

function requireArray(leaf: RawLeaf, target: Target): void {
  if (!target.isArray)
    throw filterError(leaf, `${leaf.operator} requires an array attribute, not ${target.of}`);
}

function bindContains(leaf: RawLeaf, target: Target): Leaf {
  requireArray(leaf, target);
  return oneOf(leaf.attribute, [literal(leaf, target.of, target.of)]);
}

function bindContainsAny(leaf: RawLeaf, target: Target): Leaf {
  requireArray(leaf, target);
  const listed = literals(leaf.operand, target.of);
  if (listed === undefined || listed.includes(null)) throw typeMismatch(leaf, `[]${target.of}`);
  return oneOf(leaf.attribute, listed);
}

/** Comparison with null sorted first: that alone gives the wire's rules for null on either side. */
function ordered(accepts: (order: number) => boolean): Bind {
  return (leaf, target) => {
    if (target.isArray) throw filterError(leaf, `${leaf.operator} is not supported on array attributes`);
    const bound = leaf.operand === null ? null : literal(leaf, target.of, target.of);
    const test = (value: Value | null) => accepts(compareNullable(value as Scalar | null, bound));
    return { kind: "leaf", attribute: leaf.attribute, test };
  };
}

function anyOrdered(accepts: (order: number) => boolean): Bind {
  return (leaf, target) => {
    requireArray(leaf, target);
    const bound = literal(leaf, target.of, target.of);
    const test = (value: Value | null) =>
      Array.isArray(value) && value.some((element: Scalar) => accepts(compareScalars(element, bound)));
    return { kind: "leaf", attribute: leaf.attribute, test };
  };
}
