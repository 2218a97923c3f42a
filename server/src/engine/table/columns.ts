/**
 * Columns: one attribute's values by slot. Slots are only ever appended; an update is a new slot, and `compact` drops
 * the dead ones now and then. That keeps every index append-only too.
 */
import type { AttributeType } from "../schema/attribute-type.js";
import type { Value } from "../values.js";
import { VectorMemory } from "./vector-memory.js";

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

/** Below this many bytes a plain array is scanned as fast as it can matter, and many small columns stay small. */
const MEMORY_FROM_BYTES = 1024 * 1024;

/** Dense vectors in one array, `dims` numbers a slot. */
export class VectorColumn implements Column {
  elements: Float32Array = new Float32Array(0);
  /** By slot, the sum of the vector's squared elements, kept because every cosine needs it; NaN where there is none. */
  squares = new Float64Array(0);
  /** By slot, the vector's length as the scan wants it: NaN where float32 could overflow or vanish, or there is none. */
  norms = new Float32Array(0);
  /** Where the elements are once there are many; null while they are in a plain array. */
  memory: VectorMemory | null = null;

  /** `memoryFromBytes`: the size from which the elements live in a WebAssembly memory; tests lower it. */
  constructor(
    readonly dims: number,
    private readonly memoryFromBytes: number = MEMORY_FROM_BYTES,
  ) {}

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
    if (slot >= this.squares.length) this.reserveSquares(Math.max(slot + 1, this.squares.length * 2));
    if ((slot + 1) * this.dims > this.elements.length) this.reserveElements(slot + 1);
    this.elements.set(value as Float32Array, slot * this.dims);
    const squares = sumOfSquares(value as Float32Array);
    this.squares[slot] = squares;
    this.norms[slot] = scanNorm(squares);
  }

  private reserveSquares(slots: number): void {
    const squares = new Float64Array(slots).fill(Number.NaN);
    squares.set(this.squares);
    this.squares = squares;
    const norms = new Float32Array(slots).fill(Number.NaN);
    norms.set(this.norms);
    this.norms = norms;
  }

  private reserveElements(slots: number): void {
    if (this.memory?.reserve(slots) === true) {
      this.elements = this.memory.elements;
      return;
    }
    const large = slots * this.dims * 4 >= this.memoryFromBytes;
    const memory = large && this.memory === null ? VectorMemory.create(this.dims, slots) : null;
    const elements = memory?.elements ?? new Float32Array(Math.ceil(slots * (large ? 1.125 : 2)) * this.dims);
    elements.set(this.elements);
    this.memory = memory;
    this.elements = elements;
  }

  compact(kept: Int32Array): void {
    const { elements, memory, dims } = this;
    const squares = Float64Array.from(kept, (old) => this.squares[old] ?? Number.NaN);
    const isHalfEmpty = kept.length * dims * 2 < elements.length;
    if (isHalfEmpty) {
      this.elements = new Float32Array(0);
      this.memory = null;
      this.reserveElements(kept.length);
    }
    // Slots only move down, so moving them in ascending order overwrites nothing that is still to be moved.
    kept.forEach((old, slot) => {
      const from = elements.subarray(old * dims, (old + 1) * dims);
      if ((this.squares[old] as number) >= 0) this.elements.set(from, slot * dims);
    });
    this.squares = squares;
    this.norms = Float32Array.from(squares, scanNorm);
    // A plain array is cut to size; a memory keeps its room for what comes next.
    if (!isHalfEmpty && memory === null) this.elements = elements.slice(0, kept.length * dims);
  }
}

/** Lengths between these have products, with each other and within a dot product, that float32 keeps. */
const SCAN_NORM_MIN = 2 ** -50;
const SCAN_NORM_MAX = 2 ** 60;

/** The length of a vector for the scan, NaN when the scan could not judge the vector. */
export function scanNorm(squares: number): number {
  const norm = Math.sqrt(squares);
  return norm >= SCAN_NORM_MIN && norm <= SCAN_NORM_MAX ? norm : Number.NaN;
}

export function sumOfSquares(vector: Float32Array): number {
  let sum = 0;
  for (const element of vector) sum += element * element;
  return sum;
}
