/**
 * Which slots can be among the k nearest, told by the float32 scan. The scan's error has a bound, so a slot is left out
 * only when its distance is certainly greater than k others; the few that stay are measured again by `distances`, and
 * results, ties included, are as if all had been.
 */
import type { Metric } from "../schema/attribute.js";
import { sumOfSquares, type VectorColumn } from "../table/columns.js";
import { SCAN_BLOCK_SLOTS } from "../table/vector-memory.js";

/**
 * A float32 sum in sixteen parts is off by at most (dims/16 + 16) roundings of 2^-24 each, relative to the sum of its
 * terms' sizes. Doubled, so that the gap that is demanded also outlasts the rounding of a distance to float32.
 */
function errorBound(dims: number): number {
  return (dims / 16 + 16) * 2 ** -23;
}

/** Scales below this lose float32 products to underflow; such vectors are never judged by the scan. */
const SCALE_MIN = 2 ** -100;
/** Per dimension, what underflow can take from a sum of squares, with room to spare. */
const UNDERFLOW = 2 ** -147;

/** What the scan says about a slot, as a distance in float64. NaN means that it cannot say. */
type Judge = (scanned: number, slot: number) => number;

/**
 * A subset of `slots`, in their order, that holds the `k` nearest by `distances` and every slot tied with the last of
 * them. All of `slots` when the column has no scan.
 */
export function nearestCandidates(
  column: VectorColumn,
  slots: Int32Array,
  query: Float32Array,
  metric: Metric,
  k: number,
): Int32Array {
  const { memory, dims } = column;
  if (memory === null || k >= slots.length || k === 0) return slots;
  const bound = errorBound(dims);
  const cosine = metric === "cosine_distance";
  const judge = cosine ? cosineJudge(column, query) : euclideanJudge(column);
  const reach = cosine
    ? (worst: number) => worst + 2 * bound
    : (worst: number) => worst * (1 + 3 * bound) + dims * UNDERFLOW;
  const best = new NearestValues(k);
  const candidates: number[] = [];
  const judged: number[] = [];
  let limit = Number.POSITIVE_INFINITY;
  memory.setQuery(query);
  for (let start = 0; start < slots.length; start += SCAN_BLOCK_SLOTS) {
    const block = slots.subarray(start, start + SCAN_BLOCK_SLOTS);
    const scanned = memory.scan(block, metric);
    for (let i = 0; i < block.length; i++) {
      const slot = block[i] as number;
      const value = judge(scanned[i] as number, slot);
      if (value > limit) continue;
      candidates.push(slot);
      judged.push(value);
      if (best.offer(value)) limit = reach(best.worst);
    }
  }
  // The limit fell as the scan went on; NaN compares false and stays.
  return Int32Array.from(candidates.filter((_, i) => !((judged[i] as number) > limit)));
}

function cosineJudge({ squares }: VectorColumn, query: Float32Array): Judge {
  const querySquares = sumOfSquares(query);
  return (dot, slot) => {
    const scale = Math.sqrt(querySquares * (squares[slot] as number));
    // Also false for a slot without a vector, whose squares are NaN.
    return scale >= SCALE_MIN && Number.isFinite(dot) ? 1 - dot / scale : Number.NaN;
  };
}

function euclideanJudge({ squares }: VectorColumn): Judge {
  return (sum, slot) => ((squares[slot] as number) >= 0 && sum < Number.POSITIVE_INFINITY ? sum : Number.NaN);
}

/** The k smallest values seen, as a heap with the greatest on top. */
class NearestValues {
  private readonly heap: Float64Array;
  private size = 0;

  constructor(private readonly k: number) {
    this.heap = new Float64Array(k);
  }

  /** The k-th smallest value so far, infinity until there are k. */
  get worst(): number {
    return this.size < this.k ? Number.POSITIVE_INFINITY : (this.heap[0] as number);
  }

  /** Takes a value in; `true` when `worst` may have changed. NaN is never taken. */
  offer(value: number): boolean {
    if (!(value < this.worst)) return false;
    if (this.size < this.k) this.rise(this.size++, value);
    else this.sink(value);
    return this.size === this.k;
  }

  private rise(from: number, value: number): void {
    const { heap } = this;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((heap[parent] as number) >= value) break;
      heap[at] = heap[parent] as number;
      at = parent;
    }
    heap[at] = value;
  }

  /** Puts a value in place of the greatest. */
  private sink(value: number): void {
    const { heap, size } = this;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && (heap[child + 1] as number) > (heap[child] as number)) child++;
      if ((heap[child] as number) <= value) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = value;
  }
}
