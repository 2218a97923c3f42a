/** How many rows a query wants, and where it says so. */

import { JsonCursor } from "../lang/json-cursor.js";
import { isSet, type JsonMember, membersAt } from "../lang/json-members.js";
import type { ObjectEdit } from "../lang/object-edit.js";
import type { Leg, PageSize } from "./query.js";
import { rowsDefault } from "./vector-query.js";

/** The deepest row that upstream ranks. */
export const depthMax = 10_000;

/**
 * The rows a ranked query wants; undefined for an aggregation, and where upstream will refuse or choose among several
 * numbers.
 *
 * @throws JsonSyntaxError when `limit` is no JSON
 */
export function pageSizeOf({ object, form }: Leg): PageSize | undefined {
  const { members } = object;
  if (form === "native" && !isSet(object, "rank_by")) return undefined;
  const hasLimit = isSet(object, "limit");
  if (!isSet(object, "top_k")) {
    if (hasLimit) return limitOf(object.bytes, members.get("limit"));
    const edit = (change: ObjectEdit, count: number) => change.set("top_k", String(count));
    return form === "native" ? undefined : { rows: rowsDefault, edit };
  }
  return hasLimit ? undefined : countAt(object.bytes, members.get("top_k"));
}

/** `limit` as a number, or as `{"total": number, …}`. */
function limitOf(bytes: Buffer, limit: JsonMember | undefined): PageSize | undefined {
  if (limit === undefined || bytes[limit.start] !== 0x7b) return countAt(bytes, limit);
  const { members, ambiguous } = membersAt(new JsonCursor(bytes, limit.start, limit.end));
  return ambiguous ? undefined : countAt(bytes, members.get("total"));
}

function countAt(bytes: Buffer, member: JsonMember | undefined): PageSize | undefined {
  if (member === undefined) return undefined;
  const { start, end } = member;
  const text = bytes.toString("latin1", start, end);
  if (!/^[1-9]\d{0,4}$/.test(text)) return undefined;
  const rows = Number(text);
  if (rows > depthMax) return undefined;
  return { rows, edit: (change, count) => change.replaceSpan(start, end, String(count)) };
}
