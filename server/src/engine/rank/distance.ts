/**
 * The exact distances from one query vector to the vectors of the chosen slots. It is the one place that knows what a
 * distance is: `nearest.ts` only says which slots need not be asked.
 */
import type { Metric } from "../schema/attribute.js";
import { sumOfSquares, type VectorColumn } from "../table/vector-column.js";

/**
 * Distances parallel to `slots`, summed in float64 and kept as float32, which is what ties are judged by. Slots
 * without a vector get +Infinity.
 */
export function distances(
  column: VectorColumn,
  slots: Int32Array,
  query: Float32Array,
  metric: Metric,
): Float32Array {
  const out = new Float32Array(slots.length).fill(Number.POSITIVE_INFINITY);
  if (metric === "cosine_distance") cosine(column, slots, query, out);
  else euclideanSquared(column, slots, query, out);
  return out;
}

/** `1 - (a·b)/(|a||b|)`; a zero vector is at distance 1 from everything. */
function cosine(column: VectorColumn, slots: Int32Array, query: Float32Array, out: Float32Array): void {
  const { elements, squares, dims } = column;
  const querySquares = sumOfSquares(query);
  // Below this a distance is rounding left over from the sums, also for a vector compared with itself.
  const noise = dims * Number.EPSILON;
  for (let i = 0; i < slots.length; i++) {
    const slot = slots[i] as number;
    if (!column.has(slot)) continue;
    const scale = Math.sqrt(querySquares * (squares[slot] as number));
    const distance = scale === 0 ? 1 : 1 - dotProduct(elements, slot * dims, query) / scale;
    out[i] = distance < noise ? 0 : distance;
  }
}

/** `Σ(x-y)²`. */
function euclideanSquared(
  column: VectorColumn,
  slots: Int32Array,
  query: Float32Array,
  out: Float32Array,
): void {
  const { elements, dims } = column;
  for (let i = 0; i < slots.length; i++) {
    const slot = slots[i] as number;
    if (column.has(slot)) out[i] = squaredDifference(elements, slot * dims, query);
  }
}

/*
 * The two kernels are plain functions over their arguments with four independent sums: measured twice as fast as
 * closures over the arrays with one sum, because additions then need not wait for each other.
 */

function dotProduct(elements: Float32Array, start: number, query: Float32Array): number {
  const dims = query.length;
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = 0;
  for (; i + 4 <= dims; i += 4) {
    const at = start + i;
    a += (elements[at] as number) * (query[i] as number);
    b += (elements[at + 1] as number) * (query[i + 1] as number);
    c += (elements[at + 2] as number) * (query[i + 2] as number);
    d += (elements[at + 3] as number) * (query[i + 3] as number);
  }
  for (; i < dims; i++) a += (elements[start + i] as number) * (query[i] as number);
  return a + b + c + d;
}

function squaredDifference(elements: Float32Array, start: number, query: Float32Array): number {
  const dims = query.length;
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = 0;
  for (; i + 4 <= dims; i += 4) {
    const at = start + i;
    const w = (elements[at] as number) - (query[i] as number);
    const x = (elements[at + 1] as number) - (query[i + 1] as number);
    const y = (elements[at + 2] as number) - (query[i + 2] as number);
    const z = (elements[at + 3] as number) - (query[i + 3] as number);
    a += w * w;
    b += x * x;
    c += y * y;
    d += z * z;
  }
  for (; i < dims; i++) {
    const w = (elements[start + i] as number) - (query[i] as number);
    a += w * w;
  }
  return a + b + c + d;
}
