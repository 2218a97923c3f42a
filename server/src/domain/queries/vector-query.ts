/**
 * A query by `vector` or `nearest_to_id` as upstream's own query: nearest neighbours of the attribute `vector`, every other
 * field kept as the caller spelled it.
 */

import { isUtf8 } from "node:buffer";
import { AppError } from "../../errors.js";
import { JsonCursor, JsonSyntaxError } from "../../lang/json-cursor.js";
import { isSet, type JsonMember, type JsonObject, memberValue } from "../../lang/json-members.js";
import { skipStrictly } from "../../lang/json-normalise.js";
import { isNumberArray } from "../../lang/number-array.js";
import type { ObjectEdit } from "../../lang/object-edit.js";
import { isUintText } from "../documents/ids.js";
import type { Leg } from "./query.js";

/** Rows of such a query when it names no number. */
export const rowsDefault = 10;

/** Its vector is walked byte by byte; one of upstream's most dimensions, written at full length, is a hundredth of this. */
const bodyBytesMax = 16 * 1024 * 1024;

/** Fields of ours that upstream does not know, and the ranking that is built; the rest is forwarded. */
const layerFields = [
  "rank_by",
  "vector",
  "nearest_to_id",
  "cursor",
  "as_of",
  "between",
  "include_leg_breakdown",
];

/**
 * Refuses what could not be turned into upstream's query.
 *
 * @param by the field that ranks; it is set
 * @param path of the query within the body, with a dot at its end; empty for the body itself
 * @throws JsonSyntaxError when the vector or a field that is left out is not JSON, or the text not UTF-8
 * @throws AppError `payload_too_large` above 16 MiB
 * @throws AppError `validation_error` for a vector or `top_k` of the wrong shape
 */
export function checkVectorQuery(object: JsonObject, by: "vector" | "nearest_to_id", path: string): void {
  if (object.bytes.length > bodyBytesMax)
    throw new AppError("payload_too_large", `query body with a ${by} is larger than ${bodyBytesMax} bytes`);
  // A list of attributes is written anew from text, which would turn what is not UTF-8 into something else unseen.
  if (!isUtf8(object.bytes)) throw new JsonSyntaxError("text is not utf-8", 0);
  for (const field of layerFields) {
    const member = object.members.get(field);
    // What is left out is still checked: a broken value must not vanish from a body that then passes for JSON.
    if (member !== undefined && field !== "vector") checkSyntax(object, member);
  }
  if (by === "vector") checkVector(object, path);
  checkRows(object, path);
}

function checkSyntax(object: JsonObject, member: JsonMember): void {
  const cursor = new JsonCursor(object.bytes, member.start, member.end);
  skipStrictly(cursor);
  cursor.finish();
}

function checkVector(object: JsonObject, path: string): void {
  const member = object.members.get("vector");
  if (member === undefined) return;
  const { start, end } = member;
  const isText = object.bytes[start] === 0x22;
  if (isText ? end - start > 2 : isNumberArray(object.bytes, start, end)) return;
  checkSyntax(object, member);
  throw new AppError(
    "validation_error",
    `${path}vector: expected an array of at least 1 number, or a base64 string`,
  );
}

function checkRows(object: JsonObject, path: string): void {
  if (!isSet(object, "top_k")) return;
  const rows = memberValue(object, "top_k");
  if (typeof rows === "number" && Number.isInteger(rows) && rows >= 1) return;
  throw new AppError(
    "validation_error",
    `${path}top_k: expected an integer of at least 1, got ${JSON.stringify(rows)}`,
  );
}

/**
 * The ids of `nearest_to_id` in string form; numbers are taken as their digits, which keeps them exact. A bare id stands
 * for a list of one.
 *
 * @throws AppError `validation_error` for another shape, or no id
 */
export function readSeeds(object: JsonObject, path: string): string[] {
  const member = object.members.get("nearest_to_id");
  const cursor = new JsonCursor(object.bytes, member?.start ?? 0, member?.end ?? 0);
  const seeds: string[] = [];
  if (cursor.kind() === "array") cursor.array(() => seeds.push(readSeed(cursor, path)));
  else seeds.push(readSeed(cursor, path));
  if (seeds.length === 0)
    throw new AppError("validation_error", `${path}nearest_to_id: at least 1 id is needed`);
  return seeds;
}

function readSeed(cursor: JsonCursor, path: string): string {
  const isString = cursor.kind() === "string";
  const id = isString ? cursor.string() : cursor.text();
  if (isString ? id.length > 0 : isUintText(id)) return id;
  throw new AppError(
    "validation_error",
    `${path}nearest_to_id: expected ids, each a string or an integer from 0 to 2^64-1`,
  );
}

/**
 * Turns the query into upstream's. Fields that the caller set to null count as absent.
 *
 * @param vector JSON text to search from, in place of ids
 */
export function editVectorQuery(leg: Leg, vector: string | undefined, edit: ObjectEdit): void {
  const { object, form, attributes } = leg;
  const built = form === "vector" ? "vector" : "rank_by";
  if (form === "vector") edit.rename("vector", "rank_by", '["vector","ANN",', "]");
  else edit.set("rank_by", `["vector","ANN",${vector}]`);
  for (const field of layerFields) if (field !== built) edit.remove(field);
  const [hasRows, hasLimit] = [isSet(object, "top_k"), isSet(object, "limit")];
  if (!hasLimit) edit.remove("limit");
  if (!hasRows && hasLimit) edit.remove("top_k");
  if (!hasRows && !hasLimit) edit.set("top_k", String(rowsDefault));
  if (attributes !== undefined) edit.set("include_attributes", attributes);
}

/**
 * `include_attributes` as text without `vector`; undefined when it does not name it.
 *
 * @throws JsonSyntaxError when it is no JSON
 */
export function attributesWithoutVector(object: JsonObject): string | undefined {
  if (!isSet(object, "include_attributes")) return undefined;
  const names = memberValue(object, "include_attributes");
  if (!Array.isArray(names) || !names.includes("vector")) return undefined;
  return JSON.stringify(names.filter((name) => name !== "vector"));
}
