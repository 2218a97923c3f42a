/**
 * A namespace's documents in memory: columns and indexes over append-only slots. Every write to a document makes a new
 * slot and leaves the old one dead, so no list is ever edited in the middle; when dead slots pass a share of the table
 * they are squeezed out in one pass. Nothing here is durable: the store rebuilds a table when it is opened.
 *
 * Memory, measured on Node 20, in bytes a row: 50 for the id, 8 to 16 a number, 50 to 100 a short filterable text, 200
 * for two tags, 4.2 a vector dimension, 30 a word of indexed text. Dead slots can add up to 45 % before they go.
 */
import type { Id, IdType } from "../ids.js";
import type { Attribute } from "../schema/attribute.js";
import { isText } from "../schema/attribute-type.js";
import type { Schema } from "../schema/schema.js";
import { createAnalyzer } from "../text/analyzer.js";
import { type Row, type Value, valueBytes } from "../values.js";
import { Bitset } from "./bitset.js";
import { type Column, createColumn, VectorColumn } from "./columns.js";
import { TextIndex } from "./text-index.js";
import { ValueIndex } from "./value-index.js";

/** Chosen: compaction copies the table, so it waits for this many dead slots and this share of all. */
const COMPACT_DEAD_SLOTS = 1_024;
const COMPACT_DEAD_SHARE = 0.3;

interface Field {
  readonly attribute: Attribute;
  readonly column: Column;
  readonly values: ValueIndex | null;
  readonly text: TextIndex | null;
}

export class Table {
  private ids: Id[] = [];
  private readonly slotOf = new Map<Id, number>();
  private liveSlots = new Bitset(0);
  private fields = new Map<string, Field>();
  private idType: IdType | null = null;
  private dead = 0;
  private bytes = 0;

  /** Slots handed out so far, dead ones included: the length of every per-slot array. */
  get slotCount(): number {
    return this.ids.length;
  }

  get rowCount(): number {
    return this.slotOf.size;
  }

  /** Logical bytes of the live documents, ids included. */
  get logicalBytes(): number {
    return this.bytes;
  }

  /** The live slots; callers must not change it. */
  get live(): Bitset {
    return this.liveSlots;
  }

  slot(id: Id): number | undefined {
    return this.slotOf.get(id);
  }

  id(slot: number): Id {
    return this.ids[slot] as Id;
  }

  value(slot: number, attribute: string): Value | null {
    return this.fields.get(attribute)?.column.get(slot) ?? null;
  }

  column(attribute: string): Column | undefined {
    return this.fields.get(attribute)?.column;
  }

  vectorColumn(attribute: string): VectorColumn | undefined {
    const column = this.fields.get(attribute)?.column;
    return column instanceof VectorColumn ? column : undefined;
  }

  valueIndex(attribute: string): ValueIndex | null {
    return this.fields.get(attribute)?.values ?? null;
  }

  textIndex(attribute: string): TextIndex | null {
    return this.fields.get(attribute)?.text ?? null;
  }

  /** The slot's attributes; vectors are copies, safe to keep. */
  row(slot: number): Map<string, Value> {
    const row = new Map<string, Value>();
    for (const [name, { column }] of this.fields) {
      const value = column.get(slot);
      if (value !== null) row.set(name, value instanceof Float32Array ? value.slice() : value);
    }
    return row;
  }

  /** Makes fields and indexes match the schema, building indexes that are new over the documents there are. */
  adopt(schema: Schema): void {
    this.idType = schema.idType;
    const fields = new Map<string, Field>();
    for (const [name, attribute] of schema.attributes) {
      const current = this.fields.get(name);
      fields.set(name, current?.attribute === attribute ? current : this.createField(attribute, current));
    }
    this.fields = fields;
  }

  private createField(attribute: Attribute, current: Field | undefined): Field {
    const column = current?.column ?? createColumn(attribute.type);
    const values =
      current?.values ?? (wantsValueIndex(attribute) ? this.index(new ValueIndex(), column) : null);
    const sameText =
      current !== undefined &&
      JSON.stringify(current.attribute.fullText) === JSON.stringify(attribute.fullText);
    const { fullText } = attribute;
    const text =
      fullText === null
        ? null
        : sameText
          ? current.text
          : this.index(new TextIndex(createAnalyzer(fullText)), column);
    return { attribute, column, values: wantsValueIndex(attribute) ? values : null, text };
  }

  private index<T extends { append(slot: number, value: Value): void }>(index: T, column: Column): T {
    for (const slot of this.liveSlots.slots()) {
      const value = column.get(slot);
      if (value !== null) index.append(slot, value);
    }
    return index;
  }

  /** Stores a document in place of any earlier one with its id. Every attribute must be in the adopted schema. */
  put(id: Id, row: Row): void {
    this.remove(id);
    const slot = this.ids.length;
    this.ids.push(id);
    this.slotOf.set(id, slot);
    this.liveSlots.add(slot);
    this.bytes += idBytes(id, this.idType);
    for (const [name, value] of row) {
      const field = this.fields.get(name);
      if (field === undefined) throw new Error(`attribute '${name}' is not in the table's schema`);
      field.column.append(slot, value);
      field.values?.append(slot, value);
      field.text?.append(slot, value);
      this.bytes += valueBytes(value, field.attribute.type);
    }
  }

  /** Removes a document; `false` when there is none with this id. */
  remove(id: Id): boolean {
    const slot = this.slotOf.get(id);
    if (slot === undefined) return false;
    this.slotOf.delete(id);
    this.liveSlots.remove(slot);
    this.dead++;
    this.bytes -= idBytes(id, this.idType);
    for (const { attribute, column, text } of this.fields.values()) {
      const value = column.get(slot);
      if (value === null) continue;
      text?.remove(slot);
      this.bytes -= valueBytes(value, attribute.type);
    }
    return true;
  }

  /** Squeezes out dead slots once there are many; call between requests, never while one holds slot numbers. */
  compactIfDue(): void {
    if (this.dead >= COMPACT_DEAD_SLOTS && this.dead > this.ids.length * COMPACT_DEAD_SHARE) this.compact();
  }

  private compact(): void {
    const kept = this.liveSlots.slots();
    const target = new Int32Array(this.ids.length).fill(-1);
    kept.forEach((old, slot) => {
      target[old] = slot;
    });
    this.ids = Array.from(kept, (old) => this.ids[old] as Id);
    this.ids.forEach((id, slot) => {
      this.slotOf.set(id, slot);
    });
    this.liveSlots = Bitset.full(kept.length);
    for (const { column, values, text } of this.fields.values()) {
      column.compact(kept);
      values?.compact(target);
      text?.compact(kept, target);
    }
    this.dead = 0;
  }
}

function wantsValueIndex({ type, filterable, regex, glob, fuzzy }: Attribute): boolean {
  const textual = isText(type) || ((type.kind === "scalar" || type.kind === "array") && type.of === "uuid");
  return textual && (filterable || regex || glob || fuzzy);
}

/** Logical size of an id: 8 for a u64, 16 for a uuid, the byte length for text. */
export function idBytes(id: Id, type: IdType | null): number {
  if (typeof id !== "string") return 8;
  return type === "uuid" ? 16 : Buffer.byteLength(id);
}
