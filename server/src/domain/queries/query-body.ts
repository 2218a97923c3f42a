/**
 * A query as it goes upstream: the caller's bytes with filters added, fields of ours taken out and rankings of ours built.
 * What needs nothing goes as it came.
 */

import { isSet, type JsonObject } from "../../lang/json-members.js";
import { Splice } from "../../lang/json-splice.js";
import { ObjectEdit } from "../../lang/object-edit.js";
import type { Leg, PageSize, Query } from "./query.js";
import type { Window } from "./query-pages.js";
import { writtenBy } from "./temporal-filter.js";
import { editVectorQuery } from "./vector-query.js";

/** What is asked of upstream beyond what the caller wrote. */
export interface Treatment {
  /** Epoch-ms; only rows stamped at or before it are wanted. Undefined: all are. */
  readonly watermark: number | undefined;
  /** The namespace's policy is `strong`. */
  readonly strong: boolean;
  /** Rows to ask for in place of the query's own; only of a query that has pages. */
  readonly window: Window | undefined;
}

/** Fields of ours that a native query may carry. */
const nativeFields = ["cursor", "as_of", "between"];

/** @param vectors JSON text of what each leg with `nearest_to_id` searches from, by leg */
export function queryBody(query: Query, vectors: ReadonlyMap<Leg, string>, treatment: Treatment): Buffer {
  const { watermark } = treatment;
  const filters = watermark === undefined ? query.temporal : [...query.temporal, writtenBy(watermark)];
  if (query.kind === "single") {
    const { leg } = query;
    // Most queries are upstream's own and go as they came.
    const isPlain = leg.form === "native" && filters.length === 0 && query.cursor === undefined;
    if (isPlain && !treatment.strong) return leg.object.bytes;
    const splice = new Splice();
    const edit = new ObjectEdit(leg.object, splice);
    editLeg(leg, vectors, filters, edit);
    if (treatment.window !== undefined) askFor(treatment.window, query.size, edit);
    addConsistency(leg.object, leg.form !== "native", treatment, edit);
    edit.finish();
    return splice.apply(leg.object.bytes, "");
  }
  const splice = new Splice();
  for (const leg of query.legs) {
    const edit = new ObjectEdit(leg.object, splice);
    editLeg(leg, vectors, filters, edit);
    edit.finish();
  }
  const edit = new ObjectEdit(query.object, splice);
  for (const field of nativeFields) if (isSet(query.object, field)) edit.remove(field);
  // A leg of upstream's own form expects upstream's default, which is strong.
  const isOurs = query.legs.every(({ form }) => form !== "native");
  addConsistency(query.object, isOurs, treatment, edit);
  edit.finish();
  return splice.apply(query.object.bytes, "");
}

function askFor({ from, count }: Window, size: PageSize | undefined, edit: ObjectEdit): void {
  size?.edit(edit, count);
  if (from > 0) edit.set("offset", String((size?.offset ?? 0) + from));
}

function editLeg(
  leg: Leg,
  vectors: ReadonlyMap<Leg, string>,
  filters: readonly string[],
  edit: ObjectEdit,
): void {
  const { object } = leg;
  if (leg.form !== "native") editVectorQuery(leg, vectors.get(leg), edit);
  else for (const field of nativeFields) if (isSet(object, field)) edit.remove(field);
  const [first] = filters;
  if (first === undefined) return;
  if (isSet(object, "filters")) edit.wrap("filters", '["And",[', `,${filters.join(",")}]]`);
  else edit.set("filters", filters.length === 1 ? first : `["And",[${filters.join(",")}]]`);
}

/**
 * What the caller asks for stands. Where it asks for nothing: an eventual read at a watermark could miss a row stamped before
 * it, so a query of our form is strong then, and otherwise eventual.
 */
function addConsistency(object: JsonObject, isOurs: boolean, treatment: Treatment, edit: ObjectEdit): void {
  if (isSet(object, "consistency")) return;
  const strong = treatment.strong || (isOurs && treatment.watermark !== undefined);
  if (strong || isOurs) edit.set("consistency", strong ? '{"level":"strong"}' : '{"level":"eventual"}');
}
