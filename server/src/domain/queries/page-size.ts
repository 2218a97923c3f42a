/** How many rows a query wants, and where it says so. */

import { JsonCursor } from "../../lang/json-cursor.js";
import { isSet, type JsonMember, membersAt } from "../../lang/json-members.js";
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
  const { bytes, members } = object;
  if (form === "native" && !isSet(object, "rank_by")) return undefined;
  const offset = isSet(object, "offset") ? countAt(bytes, members.get("offset")) : 0;
  const [hasRows, hasLimit] = [isSet(object, "top_k"), isSet(object, "limit")];
  if (!hasRows && !hasLimit && form !== "native") {
    return { rows: rowsDefault, offset, edit: (change, count) => change.set("top_k", String(count)) };
  }
  // With both, which of them counts is upstream's to say.
  if (hasRows === hasLimit) return undefined;
  const member = hasRows ? members.get("top_k") : limitOf(bytes, members.get("limit"));
  const rows = countAt(bytes, member);
  if (member === undefined || rows === undefined || rows === 0 || rows > depthMax) return undefined;
  const { start, end } = member;
  return { rows, offset, edit: (change, count) => change.replaceSpan(start, end, String(count)) };
}

/** `limit` as a number, or the `total` of `{"total": number, …}`. */
function limitOf(bytes: Buffer, limit: JsonMember | undefined): JsonMember | undefined {
  if (limit === undefined || bytes[limit.start] !== 0x7b) return limit;
  const { members, ambiguous } = membersAt(new JsonCursor(bytes, limit.start, limit.end));
  return ambiguous ? undefined : members.get("total");
}

/** A plain number of at most five digits. */
function countAt(bytes: Buffer, member: JsonMember | undefined): number | undefined {
  if (member === undefined || member.end - member.start > 5) return undefined;
  const text = bytes.toString("latin1", member.start, member.end);
  return /^(?:0|[1-9]\d*)$/.test(text) ? Number(text) : undefined;
}
