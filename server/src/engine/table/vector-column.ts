/**
 * Dense vectors in one array by slot, with what every distance needs to know of each: its squares and its length. Once
 * there are many the elements move to a WebAssembly memory, where the scan reads them.
 */
import type { Value } from "../values.js";
import type { Column } from "./column.js";
import { DamagedFrames, type FrameReader, type FrameWriter } from "./frames.js";
import { VectorMemory } from "./vector-memory.js";

/** Below this many bytes a plain array is scanned as fast as it can matter, and many small columns stay small. */
const MEMORY_FROM_BYTES = 1024 * 1024;

/** Elements that are saved in one step. */
const SAVED_ELEMENTS = 1024 * 1024;

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

  *save(out: FrameWriter, slots: number): Iterable<void> {
    const known = Math.min(slots, this.squares.length, Math.floor(this.elements.length / this.dims));
    out.put(Uint32Array.of(known));
    out.put(this.squares.subarray(0, known));
    yield;
    for (let from = 0; from < known * this.dims; from += SAVED_ELEMENTS) {
      out.put(this.elements.subarray(from, Math.min(from + SAVED_ELEMENTS, known * this.dims)));
      yield;
    }
  }

  load(source: FrameReader, slots: number): void {
    const [known = 0] = source.fill(new Uint32Array(1));
    if (known > slots) throw new DamagedFrames(`${known} vectors for ${slots} slots`);
    this.squares = source.fill(new Float64Array(known));
    this.norms = Float32Array.from(this.squares, scanNorm);
    this.reserveElements(known);
    source.fill(this.elements.subarray(0, known * this.dims));
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
