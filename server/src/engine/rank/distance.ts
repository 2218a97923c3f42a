/**
 * The exact scan: distances from one query vector to the vectors of the chosen slots. It is the one place that knows
 * how distances are computed, so a faster kernel replaces this function and nothing else.
 */
import type { Metric } from "../schema/attribute.js";
import type { VectorColumn } from "../table/columns.js";

/** Distances in float32, parallel to `slots`; slots without a vector get +Infinity. */
export function distances(
  column: VectorColumn,
  slots: Int32Array,
  query: Float32Array,
  metric: Metric,
): Float32Array {
  const measure = metric === "cosine_distance" ? cosineTo(query) : squaredTo(query);
  const out = new Float32Array(slots.length);
  for (let i = 0; i < slots.length; i++) {
    const slot = slots[i] as number;
    out[i] = column.has(slot) ? measure(column.elements, slot * column.dims) : Number.POSITIVE_INFINITY;
  }
  return out;
}

type Measure = (elements: Float32Array, start: number) => number;

/** `1 - (a·b)/(|a||b|)`; a zero vector is at distance 1 from everything. */
function cosineTo(query: Float32Array): Measure {
  let squares = 0;
  for (const x of query) squares += x * x;
  const queryNorm = Math.sqrt(squares);
  return (elements, start) => {
    let dot = 0;
    let norm = 0;
    for (let i = 0; i < query.length; i++) {
      const x = elements[start + i] as number;
      dot += x * (query[i] as number);
      norm += x * x;
    }
    const scale = queryNorm * Math.sqrt(norm);
    return scale === 0 ? 1 : Math.max(0, 1 - dot / scale);
  };
}

/** `Σ(x-y)²`, each step in float32: vectors equally far apart then tie exactly, as they do on the service. */
function squaredTo(query: Float32Array): Measure {
  return (elements, start) => {
    let sum = Math.fround(0);
    for (let i = 0; i < query.length; i++) {
      const difference = Math.fround((elements[start + i] as number) - (query[i] as number));
      sum = Math.fround(sum + Math.fround(difference * difference));
    }
    return sum;
  };
}
