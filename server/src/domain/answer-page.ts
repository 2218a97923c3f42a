/**
 * The rows of an upstream answer as spans of its bytes, to count them, to find where a page ended, and to cut one out. Rows
 * are never parsed into values: their numbers keep their text.
 */

import { JsonCursor } from "../lang/json-cursor.js";
import { membersAt } from "../lang/json-members.js";

export interface AnswerRows {
  readonly bytes: Buffer;
  readonly count: number;
  /** Offsets of each row's first byte, and behind its last. */
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

/**
 * The rows of an answer; undefined when it has none to show, being an aggregation or no object.
 *
 * @throws JsonSyntaxError when the answer is not JSON as far as it was read
 */
export function readRows(bytes: Buffer): AnswerRows | undefined {
  const cursor = new JsonCursor(bytes);
  if (cursor.kind() !== "object") return undefined;
  const starts: number[] = [];
  const ends: number[] = [];
  let found = false;
  cursor.object((key) => {
    if (found || cursor.name(key) !== "rows" || cursor.kind() !== "array") {
      cursor.skip();
      return;
    }
    found = true;
    cursor.array(() => {
      starts.push(cursor.position);
      cursor.skip();
      ends.push(cursor.position);
    });
  });
  cursor.finish();
  return found ? { bytes, count: starts.length, starts, ends } : undefined;
}

/** The id of a row as JSON text; undefined when the row has none. */
export function rowId({ bytes, starts, ends }: AnswerRows, index: number): string | undefined {
  const cursor = new JsonCursor(bytes, starts[index], ends[index]);
  if (cursor.kind() !== "object") return undefined;
  const id = membersAt(cursor).members.get("id");
  return id === undefined ? undefined : bytes.toString("utf8", id.start, id.end);
}

/**
 * Index of the first row behind the one with `lastId`, looked for where it was last, then everywhere; where it is gone, that
 * position itself.
 *
 * @param seen rows up to and including the last one shown, when it was shown
 */
export function rowsSeen(rows: AnswerRows, lastId: string, seen: number): number {
  const expected = Math.min(seen, rows.count);
  if (expected > 0 && rowId(rows, expected - 1) === lastId) return expected;
  for (let index = 0; index < rows.count; index++) if (rowId(rows, index) === lastId) return index + 1;
  return expected;
}

/** The answer with no rows but those from `from` to before `to`, all other bytes as they were. */
export function cutRows({ bytes, count, starts, ends }: AnswerRows, from: number, to: number): Buffer {
  if (count === 0 || (from === 0 && to === count)) return bytes;
  const head = bytes.subarray(0, starts[0]);
  const page = from < to ? bytes.subarray(starts[from], ends[to - 1]) : Buffer.alloc(0);
  return Buffer.concat([head, page, bytes.subarray(ends[count - 1])]);
}
