/**
 * JSON values with exact integers.
 *
 * The suite judges whether an id of 2^64 - 1 survives a round trip, so nothing here may pass through a double: integers
 * beyond the safe range are `bigint` in memory, plain digits in an HTTP body, and `{"$int": "…"}` towards drivers, whose
 * own JSON readers may not be exact.
 */
import { parse, stringify } from "lossless-json";

export type Value = null | boolean | number | bigint | string | Value[] | { [key: string]: Value };
export type ValueObject = { [key: string]: Value };

const INTEGER = /^-?\d+$/;

/** True for a JSON object: not null, not an array. */
export function isObject(value: unknown): value is ValueObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Parses JSON text keeping every integer exact. Throws SyntaxError on malformed text. */
export function parseJson(text: string): Value {
  return parse(text, null, { parseNumber: parseNumberExactly }) as Value;
}

/** Prints a value as JSON text, big integers as plain digits. */
export function printJson(value: Value, indent?: number): string {
  return stringify(value, null, indent) ?? "null";
}

function parseNumberExactly(text: string): number | bigint {
  const number = Number(text);
  return INTEGER.test(text) && !Number.isSafeInteger(number) ? BigInt(text) : number;
}

/** Brings what a YAML or JSON reader gave into `Value` form: bigints inside the safe range become numbers. */
export function normalise(value: unknown): Value {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (Array.isArray(value)) return value.map(normalise);
  if (value instanceof Date) return value.toISOString();
  if (isObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, normalise(item)]));
  }
  return value as Value;
}

/** Replaces bigints by their tagged form, which any JSON writer can print. */
export function toTagged(value: Value): Value {
  if (typeof value === "bigint") return { $int: value.toString() };
  if (Array.isArray(value)) return value.map(toTagged);
  if (isObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toTagged(item)]));
  }
  return value;
}

/** The inverse of `toTagged`. Throws on `$int` whose text is no integer. */
export function fromTagged(value: unknown): Value {
  if (Array.isArray(value)) return value.map(fromTagged);
  if (!isObject(value)) return value as Value;
  const keys = Object.keys(value);
  if (keys.length === 1 && keys[0] === "$int") {
    const digits = value.$int;
    if (typeof digits !== "string" || !INTEGER.test(digits)) {
      throw new Error(`$int must hold an integer as text, got ${JSON.stringify(digits)}`);
    }
    return normalise(BigInt(digits));
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fromTagged(item)]));
}
