/** The rows that a write names by id, in the form under which the cache keeps them. */

import { isUtf8 } from "node:buffer";
import { JsonCursor } from "../../lang/json-cursor.js";
import { type IdType, isUintText, typedId } from "../documents/ids.js";
import { ROWS_MAX, type RowSpans, type Span, type WriteOutline } from "./write-outline.js";

/** What a write does with a row. */
export type RowOperation = "upsert" | "patch" | "delete";

/** Calls `visit` with the JSON text of every id that a write names, in the order of its rows. */
export function visitIds(
  bytes: Buffer,
  outline: WriteOutline,
  visit: (operation: RowOperation, start: number, end: number) => void,
): void {
  visitRows(outline.upsertRows, (start, end) => visit("upsert", start, end));
  visitRows(outline.patchRows, (start, end) => visit("patch", start, end));
  visitColumn(bytes, outline.upsertColumns, (start, end) => visit("upsert", start, end));
  visitColumn(bytes, outline.patchColumns, (start, end) => visit("patch", start, end));
  visitList(bytes, outline.deletes, (start, end) => visit("delete", start, end));
}

/** The offset of the `id` column's array within an object of columns; undefined without one. */
export function idColumn(bytes: Buffer, columns: Span): number | undefined {
  const cursor = new JsonCursor(bytes, columns.start, columns.end);
  let found: number | undefined;
  cursor.object((key) => {
    if (cursor.name(key) === "id") found = cursor.position;
    cursor.skip();
  });
  return found;
}

/**
 * The string form of an id in JSON, or undefined when no row can have it.
 * @param start of the JSON text
 */
export function idText(bytes: Buffer, start: number, end: number): string | undefined {
  if (bytes[start] === 0x22) {
    const text = bytes.toString("utf8", start + 1, end - 1);
    if (!text.includes("\\")) return isPlain(bytes, start, end) ? text : undefined;
    try {
      return JSON.parse(`"${text}"`) as string;
    } catch {
      return undefined;
    }
  }
  const text = bytes.toString("latin1", start, end);
  return isUintText(text) ? text : undefined;
}

/** A row that a write names, and the records it may be cached in. */
export interface MarkedRow {
  readonly operation: RowOperation;
  /** At least one. */
  readonly keys: readonly string[];
  /** The one of `keys` that counts where ids are of this type; undefined when none does. */
  keyUnder(type: IdType): string | undefined;
}

/**
 * The rows that a write names, in the order of `visitIds`. Undefined when there are too many, or ids that only upstream can
 * make sense of, or one id twice.
 */
export function namedRows(
  bytes: Buffer,
  outline: WriteOutline,
  type: IdType,
): readonly MarkedRow[] | undefined {
  const rows: MarkedRow[] = [];
  const seen = new Set<string>();
  let isClear = !outline.upsertRows.isOver && !outline.patchRows.isOver;
  if (!isClear) return undefined;
  visitIds(bytes, outline, (operation, start, end) => {
    if (!isClear) return;
    const id = start < 0 ? undefined : idText(bytes, start, end);
    const keys = id === undefined ? [] : cacheKeys(id, bytes[start] !== QUOTE, type);
    isClear =
      id !== undefined && keys.length > 0 && rows.length < ROWS_MAX && !keys.some((key) => seen.has(key));
    for (const key of keys) seen.add(key);
    if (id !== undefined) rows.push(new Row(operation, keys, id));
  });
  return isClear ? rows : undefined;
}

/** One object a row: a closure for each of many rows would cost more than all else here. */
class Row implements MarkedRow {
  constructor(
    readonly operation: RowOperation,
    readonly keys: readonly string[],
    private readonly id: string,
  ) {}

  keyUnder(type: IdType): string | undefined {
    const [first] = this.keys;
    if (type !== "uuid") return first;
    return this.keys.length === 1 ? first : keyUnder(this.id, type)[0];
  }
}

const QUOTE = 0x22;

/**
 * The keys under which the row of an id may be cached: one where the type of ids is known, else every one that may turn out to
 * be it.
 */
export function cacheKeys(id: string, isNumber: boolean, type: IdType): readonly string[] {
  if (type === "uuid") return keyUnder(id, "uuid");
  if (type !== "unknown" || isNumber) return [id];
  const [uuid] = keyUnder(id, "uuid");
  return uuid === undefined || uuid === id ? [id] : [id, uuid];
}

function keyUnder(id: string, type: IdType): readonly string[] {
  const typed = typedId(id, type);
  return typed === undefined ? [] : [typed.canonical];
}

/** Bytes that are no text would name another row once they are decoded. */
function isPlain(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++)
    if ((bytes[at] as number) >= 0x80) return isUtf8(bytes.subarray(start, end));
  return true;
}

function visitRows(rows: RowSpans, visit: (start: number, end: number) => void): void {
  for (let row = 0; row < rows.count; row++) visit(rows.idStarts[row] as number, rows.idEnds[row] as number);
}

function visitColumn(
  bytes: Buffer,
  columns: Span | undefined,
  visit: (start: number, end: number) => void,
): void {
  const start = columns && idColumn(bytes, columns);
  if (columns !== undefined && start !== undefined) visitList(bytes, { start, end: columns.end }, visit);
}

function visitList(bytes: Buffer, list: Span | undefined, visit: (start: number, end: number) => void): void {
  if (list === undefined) return;
  const cursor = new JsonCursor(bytes, list.start, list.end);
  if (cursor.kind() !== "array") return;
  cursor.array(() => {
    const { position } = cursor;
    cursor.skip();
    visit(position, cursor.position);
  });
}
