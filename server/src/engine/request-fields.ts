/** Reading fields of request bodies: the shapes that more than one route shares, refused in the wire's own words. */
import { badRequest, wrongShape } from "./errors.js";
import { describe, describeKind, isInteger, isObject, type Json, type JsonObject } from "./json.js";
import { LIMITS } from "./limits.js";

/** A body that must be a JSON object. */
export function readBody(body: Json): JsonObject {
  if (!isObject(body)) throw wrongShape("", `invalid type: ${describeKind(body)}, expected a map`);
  return body;
}

export function readBoolean(body: JsonObject, field: string): boolean | undefined {
  const value = body[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "boolean")
    throw wrongShape(field, `invalid type: ${describeKind(value)}, expected a boolean`);
  return value;
}

/** A list of texts, or `undefined` when the field is absent. */
export function readNames(value: Json | undefined, path: string): string[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value))
    throw wrongShape(path, `invalid type: ${describeKind(value)}, expected a sequence`);
  return value.map((name, i) => {
    if (typeof name !== "string") {
      throw wrongShape(`${path}[${i}]`, `invalid type: ${describeKind(name)}, expected a string`);
    }
    return name;
  });
}

/** One of an enum's values, or `undefined` when the field is absent. */
export function readVariant<T extends string>(
  body: JsonObject,
  field: string,
  variants: readonly T[],
): T | undefined {
  const value = body[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string")
    throw wrongShape(field, `invalid type: ${describeKind(value)}, expected a string`);
  const found = variants.find((variant) => variant === value);
  if (found === undefined) {
    const expected = variants.map((variant) => `\`${variant}\``).join(" or ");
    throw wrongShape(field, `unknown variant \`${value}\`, expected ${expected}`);
  }
  return found;
}

/** Checks `consistency`; both levels mean the same here, because a write is visible as soon as it is acknowledged. */
export function checkConsistency(body: JsonObject): void {
  const { consistency } = body;
  if (consistency === undefined || consistency === null) return;
  if (!isObject(consistency)) {
    throw wrongShape(
      "consistency",
      `invalid type: ${describeKind(consistency)}, expected struct Consistency`,
    );
  }
  const { level } = consistency;
  if (level === undefined) throw wrongShape("consistency", "missing field `level`");
  if (level !== "strong" && level !== "eventual") {
    const named =
      typeof level === "string" ? `unknown variant \`${level}\`` : `invalid type: ${describeKind(level)}`;
    throw wrongShape("consistency.level", `${named}, expected \`strong\` or \`eventual\``);
  }
}

export interface PerLimit {
  readonly attributes: readonly string[];
  readonly rows: number;
}
export interface Limit {
  readonly total: number;
  readonly per: PerLimit | null;
}

/** `limit` or its alias `top_k`; `undefined` when neither is given. Throws 400 outside 1..10,000. */
export function readLimit(body: JsonObject): Limit | undefined {
  const { limit, top_k: topK } = body;
  if (limit === undefined || limit === null) {
    if (topK === undefined || topK === null) return undefined;
    return { total: readCount(topK, "top_k"), per: null };
  }
  if (!isObject(limit)) return { total: readCount(limit, "limit"), per: null };
  if (limit.total === undefined) throw wrongLimit();
  return { total: readCount(limit.total, "limit"), per: readPer(limit.per) };
}

function wrongLimit() {
  return wrongShape("limit", "data did not match any variant of untagged enum LimitInput");
}

function readCount(value: Json, field: string): number {
  if (!isInteger(value))
    throw field === "limit"
      ? wrongLimit()
      : wrongShape(field, `invalid type: ${describeKind(value)}, expected usize`);
  if (value < 1 || value > LIMITS.resultRows)
    throw badRequest(`top_k must be between 1 and ${LIMITS.resultRows}`);
  return Number(value);
}

function readPer(value: Json | undefined): PerLimit | null {
  if (value === undefined || value === null) return null;
  if (!isObject(value)) throw wrongLimit();
  const attributes = readNames(value.attributes, "limit.per.attributes");
  const { limit } = value;
  if (attributes === undefined || !isInteger(limit)) throw wrongLimit();
  if (limit < 1) throw badRequest(`limit.per.limit must be at least 1, got ${describe(limit)}`);
  return { attributes, rows: Number(limit) };
}

/** Rows to skip, 0 by default. Throws 400 unless a ranking and a limit are given with it. */
export function readOffset(body: JsonObject, companions: readonly string[]): number {
  const { offset } = body;
  if (offset === undefined || offset === null) return 0;
  if (!isInteger(offset) || offset < 0)
    throw wrongShape("offset", `invalid value: ${describeKind(offset)}, expected usize`);
  const given = (field: string) => body[field] !== undefined && body[field] !== null;
  const limited = given("limit") || given("top_k");
  const missing = companions.find((field) => !given(field));
  if (missing !== undefined || !limited) {
    throw badRequest(`offset requires ${companions.join(", ")} and limit to be specified`);
  }
  return Number(offset);
}
