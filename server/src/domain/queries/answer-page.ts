/**
 * The rows of an upstream answer as spans of its bytes, to count them, to find where a page ended, and to cut one out. Rows
 * are never parsed into values: their numbers keep their text.
 */

import { JsonCursor } from "../../lang/json-cursor.js";

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
  const starts: number[] = [];
  const ends: number[] = [];
  const found = eachRow(bytes, (start, end) => {
    starts.push(start);
    ends.push(end);
  });
  return found ? { bytes, count: starts.length, starts, ends } : undefined;
}

/**
 * How many rows an answer has, and the id of its last one as JSON text; undefined when it has none to show.
 *
 * @throws JsonSyntaxError when the answer is not JSON as far as it was read
 */
export function readLastRow(bytes: Buffer): { count: number; id(): string | undefined } | undefined {
  let count = 0;
  let start = 0;
  let end = 0;
  const found = eachRow(bytes, (from, to) => {
    count++;
    start = from;
    end = to;
  });
  return found ? { count, id: () => (count === 0 ? undefined : idOf(bytes, start, end)) } : undefined;
}

/** @returns whether there are rows at all, were it none */
function eachRow(bytes: Buffer, visit: (start: number, end: number) => void): boolean {
  const cursor = new JsonCursor(bytes);
  if (cursor.kind() !== "object") return false;
  let found = false;
  cursor.object((key) => {
    if (found || cursor.name(key) !== "rows" || cursor.kind() !== "array") {
      cursor.skip();
      return;
    }
    found = true;
    cursor.array(() => {
      const start = cursor.position;
      cursor.skip();
      visit(start, cursor.position);
    });
  });
  cursor.finish();
  return found;
}

function idOf(bytes: Buffer, start: number, end: number): string | undefined {
  const cursor = new JsonCursor(bytes, start, end);
  if (cursor.kind() !== "object") return undefined;
  let id: string | undefined;
  cursor.object((key) => {
    if (cursor.name(key) === "id") id = cursor.text();
    else cursor.skip();
  });
  return id;
}

/** The id of a row as JSON text; undefined when the row has none. */
export function rowId({ bytes, count, starts, ends }: AnswerRows, index: number): string | undefined {
  const [start, end] = [starts[index], ends[index]];
  return index < count && start !== undefined && end !== undefined ? idOf(bytes, start, end) : undefined;
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
