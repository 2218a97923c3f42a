/**
 * Columns: one attribute's values by slot. Slots are only ever appended; an update is a new slot, and `compact` drops
 * the dead ones now and then. That keeps every index append-only too.
 */
import type { AttributeType } from "../schema/attribute-type.js";
import type { Value } from "../values.js";

export interface Column {
  get(slot: number): Value | null;
  /** Gives the slot its value; slots come in ascending order and may be skipped (a skipped slot is null). */
  append(slot: number, value: Value): void;
  /** Renumbers: the value of old slot `kept[i]` becomes that of slot `i`. */
  compact(kept: Int32Array): void;
}

export function createColumn(type: AttributeType): Column {
  if (type.kind === "vector") return new VectorColumn(type.dims);
  if (type.kind === "scalar" && ["int", "uint", "float", "datetime"].includes(type.of))
    return new NumberColumn();
  return new ValueColumn();
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
}

/** Text, booleans, arrays and sparse vectors, as they are. */
export class ValueColumn implements Column {
  private values: (Value | undefined)[] = [];

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
}

/** Dense vectors in one array, `dims` numbers a slot. */
export class VectorColumn implements Column {
  elements = new Float32Array(0);
  /** By slot, the sum of the vector's squared elements, kept because every cosine needs it; NaN where there is none. */
  squares = new Float64Array(0);

  constructor(readonly dims: number) {}

  has(slot: number): boolean {
    // False for NaN, and for a slot beyond the array.
    return (this.squares[slot] as number) >= 0;
  }

  /** A view of the slot's elements, valid until the next append. */
  view(slot: number): Float32Array {
    return this.elements.subarray(slot * this.dims, (slot + 1) * this.dims);
  }

  get(slot: number): Float32Array | null {
    return this.has(slot) ? this.view(slot) : null;
  }

  append(slot: number, value: Value): void {
    const needed = (slot + 1) * this.dims;
    if (needed > this.elements.length) {
      this.reserve(Math.max(slot + 1, this.squares.length * 2));
    }
    this.elements.set(value as Float32Array, slot * this.dims);
    this.squares[slot] = sumOfSquares(value as Float32Array);
  }

  private reserve(slots: number): void {
    const elements = new Float32Array(slots * this.dims);
    elements.set(this.elements);
    this.elements = elements;
    const squares = new Float64Array(slots).fill(Number.NaN);
    squares.set(this.squares);
    this.squares = squares;
  }

  compact(kept: Int32Array): void {
    const elements = new Float32Array(kept.length * this.dims);
    kept.forEach((old, slot) => {
      if (this.has(old)) elements.set(this.view(old), slot * this.dims);
    });
    this.squares = Float64Array.from(kept, (old) => this.squares[old] ?? Number.NaN);
    this.elements = elements;
  }
}

export function sumOfSquares(vector: Float32Array): number {
  let sum = 0;
  for (const element of vector) sum += element * element;
  return sum;
}
