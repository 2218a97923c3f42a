/** The columns of all types but dense vectors, and which type has which. */
import type { AttributeType } from "../schema/attribute-type.js";
import type { Value } from "../values.js";
import type { Column } from "./column.js";
import { putValues, takeValues } from "./column-frames.js";
import { DamagedFrames, type FrameReader, type FrameWriter } from "./frames.js";
import { putWide, takeWide } from "./value-frames.js";
import { VectorColumn } from "./vector-column.js";

export function createColumn(type: AttributeType): Column {
  if (type.kind === "vector") return new VectorColumn(type.dims);
  if (type.kind === "scalar" && ["int", "uint", "float", "datetime"].includes(type.of))
    return new NumberColumn();
  return new ValueColumn(type);
}

/** Numbers as doubles, NaN for null; integers that a double cannot hold sit in a side table. */
export class NumberColumn implements Column {
  /** By slot; NaN is null, and for a slot in `wide` the nearest double. May be shorter than the table. */
  doubles = new Float64Array(0);
  readonly wide = new Map<number, bigint>();

  get(slot: number): number | bigint | null {
    const wide = this.wide.size === 0 ? undefined : this.wide.get(slot);
    if (wide !== undefined) return wide;
    const value = this.doubles[slot];
    return value === undefined || Number.isNaN(value) ? null : value;
  }

  append(slot: number, value: Value): void {
    if (slot >= this.doubles.length) {
      const grown = new Float64Array(Math.max(slot + 1, this.doubles.length * 2, 16)).fill(Number.NaN);
      grown.set(this.doubles);
      this.doubles = grown;
    }
    if (typeof value === "bigint") this.wide.set(slot, value);
    this.doubles[slot] = Number(value);
  }

  compact(kept: Int32Array): void {
    const wide = [...kept].map((old, slot) => [slot, this.wide.get(old)] as const);
    this.doubles = Float64Array.from(kept, (old) => this.doubles[old] ?? Number.NaN);
    this.wide.clear();
    for (const [slot, value] of wide) if (value !== undefined) this.wide.set(slot, value);
  }

  *save(out: FrameWriter, slots: number): Iterable<void> {
    const known = Math.min(slots, this.doubles.length);
    out.put(Uint32Array.of(known));
    out.put(this.doubles.subarray(0, known));
    putWide(out, [...this.wide]);
    yield;
  }

  load(source: FrameReader, slots: number): void {
    const [known = 0] = source.fill(new Uint32Array(1));
    if (known > slots) throw new DamagedFrames(`${known} numbers for ${slots} slots`);
    this.doubles = source.fill(new Float64Array(known));
    for (const [slot, wide] of takeWide(source)) this.wide.set(slot, wide);
  }
}

/** Slots that are saved in one step. */
const SAVED_SLOTS = 8_192;

/** Text, booleans, arrays and sparse vectors, as they are. */
export class ValueColumn implements Column {
  private values: (Value | undefined)[] = [];

  constructor(private readonly type: AttributeType) {}

  get(slot: number): Value | null {
    return this.values[slot] ?? null;
  }

  append(slot: number, value: Value): void {
    while (this.values.length < slot) this.values.push(undefined);
    this.values.push(value);
  }

  compact(kept: Int32Array): void {
    this.values = Array.from(kept, (old) => this.values[old]);
  }

  *save(out: FrameWriter, slots: number): Iterable<void> {
    for (let from = 0; from < slots; from += SAVED_SLOTS) {
      const length = Math.min(SAVED_SLOTS, slots - from);
      const values = Array.from({ length }, (_, i) => this.values[from + i]);
      putValues(out, values, this.type);
      yield;
    }
  }

  load(source: FrameReader, slots: number): void {
    this.values = [];
    for (let from = 0; from < slots; from += SAVED_SLOTS) {
      const values = takeValues(source, Math.min(SAVED_SLOTS, slots - from), this.type);
      for (const value of values) this.values.push(value);
    }
  }
}
