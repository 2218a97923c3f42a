/**
 * A query by `vector` as upstream's own query: nearest neighbours of the attribute `vector`, every other field kept as
 * the caller spelled it.
 */

import { isUtf8 } from "node:buffer";
import { AppError } from "../errors.js";
import { JsonSyntaxError } from "../lang/json-cursor.js";
import { isSet, type JsonObject, memberText, memberValue } from "../lang/json-members.js";

export interface BuiltQuery {
  body: Buffer;
  /** `vector` was listed in `include_attributes` and taken out. */
  vectorDropped: boolean;
}

const rowsDefault = 10;

/** Its vector is parsed into numbers; one of upstream's most dimensions, written at full length, is a hundredth of this. */
const bodyBytesMax = 16 * 1024 * 1024;

/** Fields of ours that upstream does not know; the rest is forwarded. */
const layerFields = new Set([
  "vector",
  "rank_by",
  "nearest_to_id",
  "cursor",
  "as_of",
  "between",
  "include_leg_breakdown",
]);

/**
 * @param object a body with `vector` set, see `classifyQuery`
 * @throws JsonSyntaxError when one of these is not JSON, or the text not UTF-8
 * @throws AppError `payload_too_large` above 16 MiB
 * @throws AppError `validation_error` for a vector, `top_k` or `include_attributes` of the wrong shape
 */
export function buildVectorQuery(object: JsonObject): BuiltQuery {
  if (object.bytes.length > bodyBytesMax)
    throw new AppError("payload_too_large", `query body with a vector is larger than ${bodyBytesMax} bytes`);
  // The body is put together anew from text, which would turn what is not UTF-8 into something else unseen.
  if (!isUtf8(object.bytes)) throw new JsonSyntaxError("text is not utf-8", 0);
  checkVector(object);
  checkRows(object);
  const vector = object.members.get("vector");
  const parts =
    vector === undefined ? [] : [`"rank_by":["vector","ANN",${memberText(object.bytes, vector)}]`];
  let vectorDropped = false;
  for (const member of object.members.values()) {
    if (layerFields.has(member.name)) {
      // What is left out is still checked: a broken value must not vanish from a body that then passes for JSON.
      memberValue(object, member.name);
      continue;
    }
    let text = memberText(object.bytes, member);
    if (member.name === "include_attributes") {
      const kept = withoutVector(memberValue(object, "include_attributes"));
      vectorDropped = kept !== undefined;
      text = kept ?? text;
    }
    // A null stands for an absent field, whose default follows below.
    if (defaultedFields.has(member.name) && !isSet(object, member.name)) continue;
    parts.push(`${JSON.stringify(member.name)}:${text}`);
  }
  if (!isSet(object, "top_k") && !isSet(object, "limit")) parts.push(`"top_k":${rowsDefault}`);
  if (!isSet(object, "consistency")) parts.push('"consistency":{"level":"eventual"}');
  return { body: Buffer.from(`{${parts.join(",")}}`), vectorDropped };
}

const defaultedFields = new Set(["top_k", "limit", "consistency"]);

function checkVector(object: JsonObject): void {
  const vector = memberValue(object, "vector");
  const isNumbers =
    Array.isArray(vector) && vector.length > 0 && vector.every((part) => typeof part === "number");
  if (isNumbers || (typeof vector === "string" && vector.length > 0)) return;
  throw new AppError(
    "validation_error",
    "vector: expected an array of at least 1 number, or a base64 string",
  );
}

function checkRows(object: JsonObject): void {
  if (!isSet(object, "top_k")) return;
  const rows = memberValue(object, "top_k");
  if (typeof rows === "number" && Number.isInteger(rows) && rows >= 1) return;
  throw new AppError(
    "validation_error",
    `top_k: expected an integer of at least 1, got ${JSON.stringify(rows)}`,
  );
}

/** `include_attributes` as text without `vector`; undefined when it does not name it. */
function withoutVector(names: unknown): string | undefined {
  if (!Array.isArray(names) || !names.includes("vector")) return undefined;
  return JSON.stringify(names.filter((name) => name !== "vector"));
}
