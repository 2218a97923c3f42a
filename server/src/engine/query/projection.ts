/** Which attributes a result shows, and how a document is printed as a row. */
import { badRequest } from "../errors.js";
import { base64OfFloat32 } from "../float-format.js";
import type { JsonObject, Printable } from "../json.js";
import { readNames } from "../request-fields.js";
import type { Schema } from "../schema/schema.js";
import { idBytes, type Table } from "../table/table.js";
import { printValue, valueBytes } from "../values.js";

export type VectorEncoding = "float" | "base64";

/** Reads `include_attributes` and `exclude_attributes` into the names to print, in schema order for "all". */
export function readProjection(body: JsonObject, schema: Schema): string[] {
  const { include_attributes: include, exclude_attributes: exclude } = body;
  const excluded = readNames(exclude, "exclude_attributes");
  if (excluded !== undefined) {
    if (include !== undefined && include !== null) {
      throw badRequest("cannot specify both include_attributes and exclude_attributes");
    }
    return [...schema.attributes.keys()].filter((name) => !excluded.includes(name));
  }
  if (include === undefined || include === null || include === false) return [];
  if (include === true) return [...schema.attributes.keys()];
  const names = readNames(include, "include_attributes") ?? [];
  for (const name of names) {
    if (name !== "id" && !schema.attributes.has(name)) {
      throw badRequest(`attribute "${name}" not found in schema, cannot be part of include_attributes`);
    }
  }
  return names.filter((name) => name !== "id");
}

export type PrintedRow = Record<string, Printable>;

export interface RowPrinter {
  readonly schema: Schema;
  readonly attributes: readonly string[];
  readonly encoding: VectorEncoding;
}

/** Prints one document; `dist` is left out when null. Absent attributes are left out too. */
export function printRow(printer: RowPrinter, table: Table, slot: number, dist: number | null): PrintedRow {
  const row: PrintedRow = Object.create(null);
  if (dist !== null) row.$dist = dist;
  row.id = table.id(slot);
  for (const name of printer.attributes) {
    const value = table.value(slot, name);
    const type = printer.schema.attributes.get(name)?.type;
    if (value === null || type === undefined) continue;
    if (!(value instanceof Float32Array)) row[name] = printValue(value, type);
    else row[name] = printer.encoding === "base64" ? base64OfFloat32(value) : value.slice();
  }
  return row;
}

/** Bytes a row is billed for: id, 4 for `$dist`, and its values. */
export function returnedBytes(printer: RowPrinter, table: Table, slot: number, dist: number | null): number {
  let bytes = idBytes(table.id(slot), printer.schema.idType) + (dist === null ? 0 : 4);
  for (const name of printer.attributes) {
    const value = table.value(slot, name);
    const type = printer.schema.attributes.get(name)?.type;
    if (value !== null && type !== undefined) bytes += valueBytes(value, type);
  }
  return bytes;
}
