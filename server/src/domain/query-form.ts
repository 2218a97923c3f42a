/**
 * What kind of query a body is, and what of it the gateway refuses.
 *
 * Bodies are small and mostly upstream's own; they are looked through without parsing, so that a native query reaches
 * upstream byte for byte.
 */

import { AppError } from "../errors.js";
import { JsonCursor } from "../lang/json-cursor.js";
import { isSet, type JsonObject, membersAt, readMembers } from "../lang/json-members.js";
import { normaliseKeys } from "../lang/json-normalise.js";

export type QueryForm =
  /** Upstream's own query, one or several: `bytes` to forward. */
  | { kind: "native"; bytes: Buffer }
  /** A query by `vector`, whose ranking the gateway builds. */
  | { kind: "vector"; object: JsonObject };

/** Rank operators of ours that upstream does not know. */
const layerOperators = new Set(["HybridText", "Auto"]);

/** Fields of ours that need what this gateway does not have yet. */
const unsupportedFields = ["nearest_to_id", "cursor", "as_of", "between"];

const rankingFields = ["vector", "nearest_to_id", "rank_by"];

/**
 * Classifies a query body.
 *
 * @throws JsonSyntaxError when the text is not JSON as far as it was read
 * @throws AppError `validation_error` naming the field or operator that is refused
 */
export function classifyQuery(body: Buffer): QueryForm {
  const object = readMembers(body);
  if (object === undefined) throw new AppError("validation_error", "query body: expected an object");
  refuseLayerOperator(object, "");
  if (isSet(object, "queries")) {
    refuseUnsupported(object, "");
    if (isSet(object, "vector"))
      throw new AppError("validation_error", "vector and queries: only one may be given");
    const ambiguous = refuseLayerLegs(object);
    return ambiguous ? classifyQuery(normaliseKeys(object.bytes)) : { kind: "native", bytes: object.bytes };
  }
  const rankings = rankingFields.filter((field) => isSet(object, field));
  if (rankings.length > 1)
    throw new AppError("validation_error", `${rankings.join(" and ")}: only one may be given`);
  refuseUnsupported(object, "");
  if (rankings.length === 0 && !isSet(object, "aggregate_by")) {
    throw new AppError("validation_error", "query body: one of vector, nearest_to_id, rank_by is needed");
  }
  return isSet(object, "vector") ? { kind: "vector", object } : { kind: "native", bytes: object.bytes };
}

function refuseUnsupported(object: JsonObject, path: string): void {
  for (const field of unsupportedFields) {
    if (isSet(object, field))
      throw new AppError("validation_error", `${path}${field}: this field is not supported yet`);
  }
}

/**
 * A leg with fields of ours would be ranked by nothing if it were forwarded.
 *
 * @returns whether a key of a leg is repeated or escaped
 */
function refuseLayerLegs(object: JsonObject): boolean {
  let ambiguous = false;
  const queries = object.members.get("queries");
  if (queries === undefined) return false;
  const cursor = new JsonCursor(object.bytes, queries.start, queries.end);
  if (cursor.kind() !== "array") return false;
  cursor.array((index) => {
    if (cursor.kind() !== "object") {
      cursor.skip();
      return;
    }
    const read = membersAt(cursor);
    ambiguous ||= read.ambiguous;
    const leg: JsonObject = { bytes: object.bytes, start: read.start, members: read.members };
    const path = `queries[${index}].`;
    refuseLayerOperator(leg, path);
    if (isSet(leg, "vector"))
      throw new AppError("validation_error", `${path}vector: this field is not supported yet`);
    refuseUnsupported(leg, path);
  });
  return ambiguous;
}

/** `[attribute, "HybridText", …]`: the operator is the second element. */
function refuseLayerOperator(object: JsonObject, path: string): void {
  const member = object.members.get("rank_by");
  if (member === undefined) return;
  const cursor = new JsonCursor(object.bytes, member.start, member.end);
  if (cursor.kind() !== "array") return;
  cursor.array((index) => {
    if (index !== 1 || cursor.kind() !== "string") {
      cursor.skip();
      return;
    }
    const operator = cursor.string();
    if (layerOperators.has(operator)) {
      throw new AppError("validation_error", `${path}rank_by: the operator ${operator} is not supported yet`);
    }
  });
}
