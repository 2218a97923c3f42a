/**
 * What kind of query a body is, and what of it the gateway refuses.
 *
 * Bodies are small and mostly upstream's own; they are looked through without parsing, so that a native query reaches
 * upstream byte for byte.
 */

import { AppError } from "../../errors.js";
import { JsonCursor } from "../../lang/json-cursor.js";
import { isSet, type JsonObject, membersAt, memberValue, readMembers } from "../../lang/json-members.js";
import { normaliseKeys } from "../../lang/json-normalise.js";
import { pageSizeOf } from "./page-size.js";
import type { BatchQuery, Leg, Query, SingleQuery } from "./query.js";
import { readTemporal } from "./temporal-filter.js";
import { attributesWithoutVector, checkVectorQuery, readSeeds } from "./vector-query.js";

/** Rank operators of ours that upstream does not know. */
const layerOperators = new Set(["HybridText", "Auto"]);

const rankingFields = ["vector", "nearest_to_id", "rank_by"];

/** Upstream's own bound. */
const legsMax = 16;

/**
 * Reads a query body.
 *
 * @throws JsonSyntaxError when the text is not JSON as far as it was read
 * @throws AppError `validation_error` naming the field or operator that is refused
 */
export function readQuery(body: Buffer): Query {
  const object = readMembers(body);
  if (object === undefined) throw new AppError("validation_error", "query body: expected an object");
  if (!isSet(object, "queries")) return readSingle(object);
  return readBatch(object, false) ?? readNormalisedBatch(object.bytes);
}

function readNormalisedBatch(body: Buffer): BatchQuery {
  const object = readMembers(normaliseKeys(body));
  const batch = object && readBatch(object, true);
  if (batch === undefined) throw new Error("a normalised query body was ambiguous");
  return batch;
}

function readSingle(object: JsonObject): SingleQuery {
  refuseLayerOperator(object, "");
  const leg = readLeg(object, "");
  if (leg.form === "native" && !isSet(object, "rank_by") && !isSet(object, "aggregate_by")) {
    throw new AppError("validation_error", "query body: one of vector, nearest_to_id, rank_by is needed");
  }
  return {
    kind: "single",
    leg,
    temporal: readTemporal(object),
    cursor: readCursorField(object),
    size: pageSizeOf(leg),
  };
}

/**
 * @param normalised keys are unique, and escaped only where JSON has no other spelling
 * @returns undefined when the text is not normalised and a key of a leg is repeated or escaped
 */
function readBatch(object: JsonObject, normalised: boolean): BatchQuery | undefined {
  refuseLayerOperator(object, "");
  for (const field of ["vector", "nearest_to_id"]) {
    if (isSet(object, field))
      throw new AppError("validation_error", `${field} and queries: only one may be given`);
  }
  if (isSet(object, "cursor"))
    throw new AppError("validation_error", "cursor: a query of several has no pages");
  const legs = readLegs(object, normalised);
  return legs && { kind: "batch", object, legs, temporal: readTemporal(object) };
}

function readLegs(object: JsonObject, normalised: boolean): Leg[] | undefined {
  const queries = object.members.get("queries");
  const cursor = new JsonCursor(object.bytes, queries?.start ?? 0, queries?.end ?? 0);
  if (cursor.kind() !== "array") throw wrongLegs();
  const legs: Leg[] = [];
  let ambiguous = false;
  cursor.array((index) => {
    if (index >= legsMax) throw wrongLegs();
    const path = `queries[${index}]`;
    if (cursor.kind() !== "object") throw new AppError("validation_error", `${path}: expected an object`);
    const read = membersAt(cursor);
    ambiguous ||= read.ambiguous && !normalised;
    if (!ambiguous)
      legs.push(readBatchLeg({ bytes: object.bytes, start: read.start, members: read.members }, path));
  });
  if (ambiguous) return undefined;
  if (legs.length === 0) throw wrongLegs();
  return legs;
}

function wrongLegs(): AppError {
  return new AppError("validation_error", `queries: expected an array of 1 to ${legsMax} queries`);
}

function readBatchLeg(object: JsonObject, path: string): Leg {
  refuseLayerOperator(object, `${path}.`);
  if (isSet(object, "cursor"))
    throw new AppError("validation_error", `${path}.cursor: a query of several has no pages`);
  for (const field of ["as_of", "between"]) {
    if (isSet(object, field)) {
      throw new AppError("validation_error", `${path}.${field}: give it beside queries, for all of them`);
    }
  }
  return readLeg(object, `${path}.`);
}

/** @param path of the query within the body, with a dot at its end; empty for the body itself */
function readLeg(object: JsonObject, path: string): Leg {
  let given: string | undefined;
  for (const field of rankingFields) {
    if (!isSet(object, field)) continue;
    if (given !== undefined)
      throw new AppError("validation_error", `${path}${given} and ${field}: only one may be given`);
    given = field;
  }
  if (given !== "vector" && given !== "nearest_to_id")
    return { object, form: "native", seeds: [], attributes: undefined };
  checkVectorQuery(object, given, path);
  const seeds = given === "vector" ? [] : readSeeds(object, path);
  return { object, form: given, seeds, attributes: attributesWithoutVector(object) };
}

function readCursorField(object: JsonObject): string | undefined {
  if (!isSet(object, "cursor")) return undefined;
  const value = memberValue(object, "cursor");
  if (typeof value === "string") return value;
  throw new AppError("validation_error", "cursor: expected the text of an x-layer-next-cursor header");
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
