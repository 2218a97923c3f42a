/**
 * The deprecated export: pages of columns, in the order in which documents were last written. A place in that order is a
 * slot, and slots are renumbered now and then; a cursor says which numbering it counts in, so that a page never follows
 * from another one's numbers.
 */
import { badRequest } from "../errors.js";
import type { Printable } from "../json.js";
import { LIMITS } from "../limits.js";
import { idBytes } from "../table/table.js";
import { printValue, valueBytes } from "../values.js";
import type { Snapshot } from "./query.js";

/** The attribute that the export shows beside the others. */
const VECTOR = "vector";

/**
 * The documents after a cursor, or the first ones when it is null; `numbering` names the namespace's numbering of slots.
 * Throws 400 for a cursor of another numbering.
 */
export function exportPage(
  snapshot: Snapshot,
  cursor: string | null,
  numbering: string,
): Record<string, Printable> {
  const { schema, table } = snapshot;
  const slots = pageAfter(snapshot, cursor === null ? -1 : readCursor(cursor, numbering));
  const column = (name: string): Printable[] => {
    const type = schema.attributes.get(name)?.type;
    return Array.from(slots, (slot) => {
      const value = table.value(slot, name);
      return value === null || type === undefined ? null : printValue(value, type);
    });
  };
  const names = [...schema.attributes.keys()].filter((name) => name !== VECTOR);
  const last = slots.at(-1);
  const live = table.live.slots();
  return {
    ids: Array.from(slots, (slot) => table.id(slot)),
    vectors: column(VECTOR),
    attributes: Object.fromEntries(names.map((name) => [name, column(name)])),
    next_cursor: last === undefined || last === live.at(-1) ? null : printCursor(last, numbering),
  };
}

/** A full page, or fewer documents when they are large; at least one where there is one. */
function pageAfter({ schema, table }: Snapshot, after: number): Int32Array {
  const live = table.live.slots();
  const start = firstAbove(live, after);
  let bytes = 0;
  let end = start;
  while (
    end < live.length &&
    end - start < LIMITS.exportPageRows &&
    (end === start || bytes < LIMITS.exportPageBytes)
  ) {
    const slot = live[end++] as number;
    bytes += idBytes(table.id(slot), schema.idType);
    for (const [name, { type }] of schema.attributes) {
      const value = table.value(slot, name);
      if (value !== null) bytes += valueBytes(value, type);
    }
  }
  return live.subarray(start, end);
}

/** Index of the first of ascending numbers that is greater than `bound`. */
function firstAbove(numbers: Int32Array, bound: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] as number) > bound) high = middle;
    else low = middle + 1;
  }
  return low;
}

function printCursor(slot: number, numbering: string): string {
  return Buffer.from(`${numbering}/${slot}`).toString("base64url");
}

function readCursor(cursor: string, numbering: string): number {
  const [, name, slot] = /^(.*)\/(\d{1,10})$/.exec(Buffer.from(cursor, "base64url").toString("utf8")) ?? [];
  if (name === undefined || printCursor(Number(slot), name) !== cursor) throw badRequest("invalid cursor");
  if (name !== numbering) {
    throw badRequest(
      'cursor is no longer valid: documents were moved since; start the export again, or query with rank_by ["id","asc"] and page by id',
    );
  }
  return Number(slot);
}
