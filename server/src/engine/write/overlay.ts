/** The documents as the write will leave them: the table, with the changes planned so far on top. */
import type { Id } from "../ids.js";
import type { Json } from "../json.js";
import type { Schema } from "../schema/schema.js";
import type { Table } from "../table/table.js";
import type { Row, Value } from "../values.js";

/** A namespace before the write; `schema` is null when it does not exist. */
export interface Before {
  readonly schema: Schema | null;
  readonly table: Table;
}

export class Overlay {
  readonly changes = new Map<Id, Row | null>();

  constructor(
    readonly table: Table,
    private readonly schema: Schema,
  ) {}

  /** Whether the new schema has the attribute. */
  keeps(attribute: string): boolean {
    return this.schema.attributes.has(attribute);
  }

  exists(id: Id): boolean {
    const change = this.changes.get(id);
    return change === undefined ? this.table.slot(id) !== undefined : change !== null;
  }

  value(id: Id, attribute: string): Value | null {
    if (attribute === "id") return id;
    const change = this.changes.get(id);
    if (change !== undefined) return change?.get(attribute) ?? null;
    const slot = this.table.slot(id);
    return slot === undefined ? null : this.table.value(slot, attribute);
  }

  set(id: Id, row: Row): void {
    this.changes.set(id, row);
  }

  remove(id: Id): void {
    if (this.table.slot(id) === undefined) this.changes.delete(id);
    else this.changes.set(id, null);
  }

  /** Sets the sent attributes on an existing document; those sent as null are cleared. Returns the new row. */
  patch(id: Id, sent: readonly (readonly [string, Json])[], values: Row): Row {
    const row = this.copyOf(id);
    for (const [name] of sent) {
      const value = values.get(name);
      if (value === undefined) row.delete(name);
      else row.set(name, value);
    }
    this.changes.set(id, row);
    return row;
  }

  /** A copy of the document without attributes that the new schema no longer has. */
  copyOf(id: Id): Map<string, Value> {
    const change = this.changes.get(id);
    if (change) return new Map(change);
    const slot = this.table.slot(id);
    const row = slot === undefined ? new Map<string, Value>() : this.table.row(slot);
    for (const name of row.keys()) if (!this.schema.attributes.has(name)) row.delete(name);
    return row;
  }
}
