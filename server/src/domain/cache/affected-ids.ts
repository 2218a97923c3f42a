/** The ids of the rows that upstream says a write has changed. */

import { JsonCursor } from "../../lang/json-cursor.js";
import { isSet, type JsonMember, type JsonObject, memberText } from "../../lang/json-members.js";
import { Splice } from "../../lang/json-splice.js";
import { ObjectEdit } from "../../lang/object-edit.js";
import type { UpstreamAnswer } from "../../ports/upstream.js";
import { readAnswer } from "../forwarding/answer.js";
import { idText } from "./write-ids.js";

export interface AffectedIds {
  readonly upserted: ReadonlySet<string>;
  readonly patched: ReadonlySet<string>;
  readonly deleted: ReadonlySet<string>;
}

const lists = [
  ["upserted_ids", "rows_upserted"],
  ["patched_ids", "rows_patched"],
  ["deleted_ids", "rows_deleted"],
] as const;

/**
 * @returns undefined when the answer tells of rows that it does not name
 * @throws AppError `upstream_error` when the answer is not a JSON object
 */
export function readAffectedIds(answer: UpstreamAnswer): AffectedIds | undefined {
  return readAnswer(answer, "write", (object) => {
    const [upserted, patched, deleted] = lists.map(([list]) => readIds(object, list));
    const named = (upserted?.size ?? 0) + (patched?.size ?? 0) + (deleted?.size ?? 0);
    // A list may be left out when it is empty; then its count is, too.
    const areComplete =
      lists.every(([list, rows]) => isSet(object, list) || count(object, rows) === 0) &&
      (named > 0 || count(object, "rows_affected") === 0);
    if (!areComplete || upserted === undefined || patched === undefined || deleted === undefined)
      return undefined;
    return { upserted, patched, deleted };
  });
}

/** The answer without the lists of ids, all else byte for byte. @throws as `readAffectedIds` */
export function withoutAffectedIds(answer: UpstreamAnswer): UpstreamAnswer {
  return readAnswer(answer, "write", (object) => {
    const splice = new Splice();
    const edit = new ObjectEdit(object, splice);
    for (const [list] of lists) edit.remove(list);
    edit.finish();
    return { ...answer, body: splice.apply(object.bytes, "") };
  });
}

/** Undefined when the list holds something that is no id. */
function readIds(object: JsonObject, name: string): Set<string> | undefined {
  const ids = new Set<string>();
  const member = object.members.get(name);
  if (member === undefined || !isSet(object, name)) return ids;
  const cursor = new JsonCursor(object.bytes, member.start, member.end);
  if (cursor.kind() !== "array") return undefined;
  let areIds = true;
  cursor.array(() => {
    const start = cursor.position;
    cursor.skip();
    const id = idText(object.bytes, start, cursor.position);
    if (id === undefined) areIds = false;
    else ids.add(id);
  });
  return areIds ? ids : undefined;
}

/** The number that a member holds; 0 when it is absent. */
function count(object: JsonObject, name: string): number {
  const member: JsonMember | undefined = object.members.get(name);
  return member === undefined ? 0 : Number(memberText(object.bytes, member));
}
