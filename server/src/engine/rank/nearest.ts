/**
 * Which slots can be among the k nearest, told by the float32 scan. The scan's error has a bound, so a slot is left out
 * only when its distance is certainly greater than k others; the few that stay are measured again by `distances`, and
 * results, ties included, are as if all had been.
 */
import type { Metric } from "../schema/attribute.js";
import { scanNorm, sumOfSquares, type VectorColumn } from "../table/vector-column.js";
import { SCAN_BLOCK_SLOTS, type VectorMemory } from "../table/vector-memory.js";
import { KSmallest } from "./k-smallest.js";

/**
 * A float32 sum in sixteen parts is off by at most (dims/16 + 16) roundings of 2^-24 each, relative to the sum of its
 * terms' sizes. Doubled, so that the gap that is demanded also outlasts the rounding of norms and cuts, and of a distance,
 * to float32.
 */
function errorBound(dims: number): number {
  return (dims / 16 + 16) * 2 ** -23;
}

/** Per dimension, what underflow can take from a sum of squares, with room to spare. */
const UNDERFLOW = 2 ** -147;

/**
 * A subset of `slots`, in their order, that holds the `k` nearest by `distances` and every slot tied with the last of
 * them. All of `slots` when the column has no scan. After each `blockSlots` slots the scan learns how near is near enough.
 */
export function nearestCandidates(
  column: VectorColumn,
  slots: Int32Array,
  query: Float32Array,
  metric: Metric,
  k: number,
  blockSlots: number = SCAN_BLOCK_SLOTS,
): Int32Array {
  const { memory } = column;
  if (memory === null || k >= slots.length || k === 0) return slots;
  memory.setQuery(query);
  const sift =
    metric === "cosine_distance" ? cosineSift(column, memory, query, k) : euclideanSift(column, memory, k);
  const length = Math.min(blockSlots, memory.blockSlots(slots));
  for (let start = 0; start < slots.length; start += length) sift.take(slots.subarray(start, start + length));
  return sift.sieve.kept();
}

interface Sift {
  readonly sieve: Sieve;
  /** Scans a block of slots and offers the sieve what the scan kept. */
  readonly take: (block: Int32Array) => void;
}

function euclideanSift({ dims, squares }: VectorColumn, memory: VectorMemory, k: number): Sift {
  const bound = errorBound(dims);
  const sieve = new Sieve(k, (worst) => worst * (1 + 3 * bound) + dims * UNDERFLOW);
  const take = (block: Int32Array) => {
    const { count, slots, values } = memory.scanSquaredDifferences(block, sieve.limit);
    for (let i = 0; i < count; i++) {
      const slot = slots[i] as number;
      const sum = values[i] as number;
      // An infinite sum may be the rounding of one that float32 can hold.
      const isKnown = sum < Number.POSITIVE_INFINITY && (squares[slot] as number) >= 0;
      sieve.offer(slot, isKnown ? sum : Number.NaN);
    }
  };
  return { sieve, take };
}

function cosineSift(
  { dims, norms }: VectorColumn,
  memory: VectorMemory,
  query: Float32Array,
  k: number,
): Sift {
  const reach = 2 * errorBound(dims);
  const queryNorm = scanNorm(sumOfSquares(query));
  const sieve = new Sieve(k, (worst) => worst + reach);
  const take = (block: Int32Array) => {
    // `1 - dot/(|query||x|) > limit`, solved for the dot product.
    const cut = (1 - sieve.limit) * queryNorm;
    const { count, slots, values } = memory.scanDotProducts(block, norms, cut);
    for (let i = 0; i < count; i++) {
      const slot = slots[i] as number;
      // NaN, which is never too far, when a norm is.
      sieve.offer(slot, 1 - (values[i] as number) / (queryNorm * (norms[slot] as number)));
    }
  };
  return { sieve, take };
}

/** Keeps the slots whose scanned distance is within a limit, which falls as nearer ones are found. */
class Sieve {
  /** A distance above it is certainly not among the nearest. */
  limit = Number.POSITIVE_INFINITY;
  private readonly slots: number[] = [];
  private readonly distances: number[] = [];
  private readonly best: KSmallest;

  /** `reach` is how far a k-th nearest scanned distance lets others go. */
  constructor(
    k: number,
    private readonly reach: (worst: number) => number,
  ) {
    this.best = new KSmallest(k);
  }

  /** Keeps a slot unless its distance is over the limit; NaN is a distance that the scan could not tell. */
  offer(slot: number, distance: number): void {
    if (distance > this.limit) return;
    this.slots.push(slot);
    this.distances.push(distance);
    if (this.best.offer(distance)) this.limit = this.reach(this.best.worst);
  }

  /** What is still within the limit. */
  kept(): Int32Array {
    // NaN compares false and stays.
    return Int32Array.from(this.slots.filter((_, i) => !((this.distances[i] as number) > this.limit)));
  }
}
