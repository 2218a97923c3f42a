/**
 * The exact scan: distances from one query vector to the vectors of the chosen slots. It is the one place that knows
 * how distances are computed, so a faster kernel replaces this function and nothing else.
 */
import type { Metric } from "../schema/attribute.js";
import { sumOfSquares, type VectorColumn } from "../table/columns.js";

/** Distances in float32, parallel to `slots`; slots without a vector get +Infinity. */
export function distances(
  column: VectorColumn,
  slots: Int32Array,
  query: Float32Array,
  metric: Metric,
): Float32Array {
  const measure = metric === "cosine_distance" ? cosineTo(column, query) : squaredTo(column, query);
  const out = new Float32Array(slots.length);
  for (let i = 0; i < slots.length; i++) {
    const slot = slots[i] as number;
    out[i] = column.has(slot) ? measure(slot) : Number.POSITIVE_INFINITY;
  }
  return out;
}

type Measure = (slot: number) => number;

/** `1 - (a·b)/(|a||b|)`; a zero vector is at distance 1 from everything. */
function cosineTo({ elements, squares, dims }: VectorColumn, query: Float32Array): Measure {
  const querySquares = sumOfSquares(query);
  // Below this a distance is rounding left over from the sums, also for a vector compared with itself.
  const noise = dims * Number.EPSILON;
  return (slot) => {
    const start = slot * dims;
    let dot = 0;
    for (let i = 0; i < dims; i++) dot += (elements[start + i] as number) * (query[i] as number);
    const scale = Math.sqrt(querySquares * (squares[slot] as number));
    if (scale === 0) return 1;
    const distance = 1 - dot / scale;
    return distance < noise ? 0 : distance;
  };
}

/** `Σ(x-y)²`, each step in float32: vectors equally far apart then tie exactly, as they do on the service. */
function squaredTo({ elements, dims }: VectorColumn, query: Float32Array): Measure {
  return (slot) => {
    const start = slot * dims;
    let sum = Math.fround(0);
    for (let i = 0; i < dims; i++) {
      const difference = Math.fround((elements[start + i] as number) - (query[i] as number));
      sum = Math.fround(sum + Math.fround(difference * difference));
    }
    return sum;
  };
}
