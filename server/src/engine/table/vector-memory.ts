/**
 * Vectors in a WebAssembly memory of their own, so that the SIMD scan reads them where they are. It grows in place,
 * which also spares the copy and the half-empty array of doubling. What the scan gives is float32 arithmetic: fast, and
 * wrong by a known bound; `rank/nearest.ts` says how exact results come of it.
 */
import { VECTOR_KERNEL } from "./vector-kernel.js";

/** The part of WebAssembly that is used here; Node's types leave it to browser libraries. */
interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
interface WasmRuntime {
  readonly Memory: new (descriptor: { initial: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
}
/** Addresses, counts and the cut as `vector-kernel.wat` tells them; the result is how many slots were kept. */
interface Kernels {
  readonly dotProducts: (
    elements: number,
    slots: number,
    norms: number,
    count: number,
    dims: number,
    query: number,
    out: number,
    cut: number,
  ) => number;
  readonly squaredDifferences: (
    elements: number,
    slots: number,
    count: number,
    dims: number,
    query: number,
    out: number,
    cut: number,
  ) => number;
  /** Its result means nothing. */
  readonly touch: (elements: number, slots: number, count: number, dims: number) => number;
}

const PAGE_BYTES = 65_536;
/** What 32-bit addresses reach. */
const MEMORY_BYTES_MAX = 65_536 * PAGE_BYTES;

/** Slots of one call of the kernel: its slots and results stay in the processor's first cache. */
export const SCAN_BLOCK_SLOTS = 2_048;

/** Bytes of scattered vectors that are loaded ahead of a scan: measured best between 64 and 256 KiB. */
const TOUCH_BYTES = 131_072;

/** The front of the memory, before the elements: a block's slots, its norms, its results, and the query. */
const SLOTS_AT = 0;
const NORMS_AT = SCAN_BLOCK_SLOTS * 4;
const OUT_AT = NORMS_AT + SCAN_BLOCK_SLOTS * 4;
const QUERY_AT = OUT_AT + SCAN_BLOCK_SLOTS * 4;
const ELEMENTS_AT = 2 * PAGE_BYTES;

export class VectorMemory {
  /** The stored elements, `dims` a slot; a new view after `reserve`. */
  elements: Float32Array;
  private slots: Int32Array;
  private norms: Float32Array;
  private out: Float32Array;
  private query: Float32Array;

  private constructor(
    private readonly memory: WasmMemory,
    private readonly kernels: Kernels,
    private readonly dims: number,
  ) {
    [this.elements, this.slots, this.norms, this.out, this.query] = this.views();
  }

  /**
   * A memory for vectors of `dims` elements with room for `slots` of them, or null where there is none to be had: no
   * WebAssembly or no SIMD, more than 4 GiB, or the system gives no more address space.
   */
  static create(dims: number, slots: number): VectorMemory | null {
    const { WebAssembly: wasm } = globalThis as { WebAssembly?: WasmRuntime };
    const pages = pagesFor(dims, slots);
    if (wasm === undefined || pages === null || QUERY_AT + dims * 4 > ELEMENTS_AT) return null;
    try {
      const memory = new wasm.Memory({ initial: pages });
      const module = new wasm.Module(Buffer.from(VECTOR_KERNEL, "base64"));
      const { exports } = new wasm.Instance(module, { engine: { memory } });
      return new VectorMemory(memory, exports as Kernels, dims);
    } catch {
      // Both refusals mean the same to the caller, who goes on with plain arrays.
      return null;
    }
  }

  /** Makes room for `slots` vectors; `false` when there is no more to be had and nothing has changed. */
  reserve(slots: number): boolean {
    const pages = pagesFor(this.dims, slots);
    if (pages === null) return false;
    const more = pages - this.memory.buffer.byteLength / PAGE_BYTES;
    if (more <= 0) return true;
    try {
      this.memory.grow(more);
    } catch {
      return false;
    }
    [this.elements, this.slots, this.norms, this.out, this.query] = this.views();
    return true;
  }

  private views(): [Float32Array, Int32Array, Float32Array, Float32Array, Float32Array] {
    const { buffer } = this.memory;
    return [
      new Float32Array(buffer, ELEMENTS_AT),
      new Int32Array(buffer, SLOTS_AT, SCAN_BLOCK_SLOTS),
      new Float32Array(buffer, NORMS_AT, SCAN_BLOCK_SLOTS),
      new Float32Array(buffer, OUT_AT, SCAN_BLOCK_SLOTS),
      new Float32Array(buffer, QUERY_AT, this.dims),
    ];
  }

  /** Sets the vector that the scans compare with. */
  setQuery(query: Float32Array): void {
    this.query.set(query);
  }

  /** How many of the slots to scan in one call: fewer where they lie scattered, at most `SCAN_BLOCK_SLOTS`. */
  blockSlots(slots: Int32Array): number {
    if (!isScattered(slots)) return SCAN_BLOCK_SLOTS;
    return Math.min(SCAN_BLOCK_SLOTS, Math.max(16, Math.floor(TOUCH_BYTES / (this.dims * 4))));
  }

  /** Hands a block of slots to the kernels, and has the memory under way that they will wait for. */
  private place(slots: Int32Array): void {
    this.slots.set(slots);
    if (isScattered(slots)) this.kernels.touch(ELEMENTS_AT, SLOTS_AT, slots.length, this.dims);
  }

  /**
   * Dot products of the query with the vectors of at most `SCAN_BLOCK_SLOTS` slots, less those below `cut` times the
   * slot's norm; a NaN on either side leaves nothing out. `norms` is by slot.
   */
  scanDotProducts(slots: Int32Array, norms: Float32Array, cut: number): Scanned {
    const count = slots.length;
    this.place(slots);
    gather(norms, slots, this.norms);
    const { dotProducts } = this.kernels;
    return this.scanned(
      dotProducts(ELEMENTS_AT, SLOTS_AT, NORMS_AT, count, this.dims, QUERY_AT, OUT_AT, cut),
    );
  }

  /** Sums of squared differences from the query, less those above `cut`, as `scanDotProducts` otherwise. */
  scanSquaredDifferences(slots: Int32Array, cut: number): Scanned {
    this.place(slots);
    const { squaredDifferences } = this.kernels;
    return this.scanned(
      squaredDifferences(ELEMENTS_AT, SLOTS_AT, slots.length, this.dims, QUERY_AT, OUT_AT, cut),
    );
  }

  private scanned(count: number): Scanned {
    return { count, slots: this.slots, values: this.out };
  }
}

/** Whether ascending slots have more gaps than members: then the processor cannot tell what comes next. */
function isScattered(slots: Int32Array): boolean {
  const { length } = slots;
  return length > 1 && (slots[length - 1] as number) - (slots[0] as number) > 2 * length;
}

/** Below this share of gaps, copying runs is faster than copying one by one. */
const GAPS_MAX = 1 / 32;

/** Copies the values of ascending slots: run by run where there are few gaps, as after a handful of updates. */
function gather(values: Float32Array, slots: Int32Array, into: Float32Array): void {
  const { length } = slots;
  const gaps = length === 0 ? 0 : (slots[length - 1] as number) - (slots[0] as number) + 1 - length;
  if (gaps > length * GAPS_MAX) {
    for (let i = 0; i < length; i++) into[i] = values[slots[i] as number] as number;
    return;
  }
  for (let start = 0; start < length; ) {
    const end = runEnd(slots, start);
    const slot = slots[start] as number;
    into.set(values.subarray(slot, slot + end - start), start);
    start = end;
  }
}

/** Index behind the run of consecutive slots that begins at `start`. */
function runEnd(slots: Int32Array, start: number): number {
  const offset = (slots[start] as number) - start;
  let low = start;
  let high = slots.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((slots[middle] as number) - middle === offset) low = middle;
    else high = middle;
  }
  return high;
}

/** What a scan kept: the first `count` entries of two parallel arrays, valid until the next scan. */
export interface Scanned {
  readonly count: number;
  readonly slots: Int32Array;
  readonly values: Float32Array;
}

/** Pages that hold `slots` vectors, an eighth added to grow into; null beyond what a memory can be. */
function pagesFor(dims: number, slots: number): number | null {
  const needed = ELEMENTS_AT + slots * dims * 4;
  if (needed > MEMORY_BYTES_MAX) return null;
  return Math.ceil(Math.min(needed * 1.125, MEMORY_BYTES_MAX) / PAGE_BYTES);
}
