import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../../../test/long-runs.js";
import { METRICS, type Metric } from "../schema/attribute.js";
import { VectorColumn } from "../table/vector-column.js";
import { VectorMemory } from "../table/vector-memory.js";
import { distances } from "./distance.js";
import { nearestCandidates } from "./nearest.js";
import { topK } from "./top-k.js";

/** Small, so that a few vectors are many blocks, each cut by what those before it found. */
const BLOCK_SLOTS = 8;

/** The nearest of the given slots, ties by slot, with their distances. */
function nearest(column: VectorColumn, slots: Int32Array, query: Float32Array, metric: Metric, k: number) {
  const found = distances(column, slots, query, metric);
  const order = (a: number, b: number) => (found[a] as number) - (found[b] as number) || a - b;
  return topK(slots.length, k, order).map((i) => [slots[i], found[i]]);
}

function columnOf(dims: number, vectors: readonly (Float32Array | null)[]): VectorColumn {
  const column = new VectorColumn(dims, 0);
  vectors.forEach((vector, slot) => {
    if (vector !== null) column.append(slot, vector);
  });
  return column;
}

const vectorOf = (dims: number, element: fc.Arbitrary<number>) =>
  fc.array(element, { minLength: dims, maxLength: dims }).map((list) => Float32Array.from(list));

const usual = fc.float({ min: -2, max: 2, noNaN: true });
const odd = fc.oneof(
  fc.constantFrom(0, 1, 2 ** -149, 2 ** -75, -(2 ** -126), 1e-30, 1e19, -1e19, 3.4e38, -3.4e38),
  usual,
);

/** Copies of a few vectors, each element moved by a few float32 steps: distances whose order float32 sums get wrong. */
function nearDuplicates(dims: number) {
  const bases = fc.array(vectorOf(dims, usual), { minLength: 1, maxLength: 3 });
  const copies = fc.array(fc.tuple(fc.nat(2), fc.nat(8), fc.nat(1_000)), { maxLength: 200, size: "max" });
  return fc
    .tuple(bases, copies)
    .map(([bases, copies]) =>
      copies.map(([base, steps, seed]) =>
        (bases[base % bases.length] as Float32Array).map(
          (element, i) => element * (1 + Math.round(steps * Math.sin(seed + i * i)) * 2 ** -23),
        ),
      ),
    );
}

const anyData = fc.constantFrom(1, 3, 7, 16, 40, 100).chain((dims) =>
  fc.record({
    dims: fc.constant(dims),
    vectors: fc.oneof(
      nearDuplicates(dims),
      fc.array(fc.option(vectorOf(dims, usual), { freq: 10 }), { maxLength: 60 }),
      fc.array(vectorOf(dims, odd), { maxLength: 60 }),
    ),
    query: fc.oneof(vectorOf(dims, usual), vectorOf(dims, odd)),
    k: fc.integer({ min: 0, max: 20 }),
    skipped: fc.array(fc.nat(200), { maxLength: 20 }),
  }),
);

describe("the scan's candidates", () => {
  it.each(METRICS)("hold exactly what measuring everything by %s finds", (metric) => {
    fc.assert(
      fc.property(anyData, ({ dims, vectors, query, k, skipped }) => {
        const column = columnOf(dims, vectors);
        const slots = Int32Array.from(vectors.keys()).filter((slot) => !skipped.includes(slot));
        const candidates = nearestCandidates(column, slots, query, metric, k, BLOCK_SLOTS);
        expect(nearest(column, candidates, query, metric, k)).toEqual(
          nearest(column, slots, query, metric, k),
        );
      }),
      { numRuns: runs(300) },
    );
  });

  it.each(METRICS)("leave out nearly everything by %s when distances differ", (metric) => {
    const dims = 24;
    const vectors = Array.from({ length: 20_000 }, (_, slot) =>
      Float32Array.from({ length: dims }, (_, i) => Math.sin(slot * 12.9898 + i * 78.233)),
    );
    const column = columnOf(dims, vectors);
    const slots = Int32Array.from(vectors.keys());
    const query = Float32Array.from({ length: dims }, (_, i) => Math.cos(i));
    const candidates = nearestCandidates(column, slots, query, metric, 10);
    expect(column.memory).toBeInstanceOf(VectorMemory);
    expect(candidates.length).toBeLessThan(200);
    expect(nearest(column, candidates, query, metric, 10)).toEqual(nearest(column, slots, query, metric, 10));
  });
});

describe("slots with gaps between them", () => {
  const dims = 40;
  /** Of many lengths, so that a norm in the wrong place shows. */
  const vectors = Array.from({ length: 9_000 }, (_, slot) =>
    Float32Array.from({ length: dims }, (_, i) => (1 + (slot % 13)) * Math.sin(slot * 12.9898 + i * 78.233)),
  );

  it.each(METRICS)("here and there are judged by %s as neighbours are", (metric) => {
    const column = columnOf(dims, vectors);
    const gaps = new Set([0, 1, 2, 500, 2_040, 2_047, 2_048, 4_100, 4_102, 8_999]);
    const slots = Int32Array.from(vectors.keys()).filter((slot) => !gaps.has(slot));
    for (const slot of [3, 499, 2_049, 4_101, 8_998]) {
      const query = vectors[slot] as Float32Array;
      const candidates = nearestCandidates(column, slots, query, metric, 10);
      expect(candidates.length).toBeLessThan(200);
      expect(nearest(column, candidates, query, metric, 10)).toEqual(
        nearest(column, slots, query, metric, 10),
      );
    }
  });

  it.each(METRICS)("everywhere are judged by %s as neighbours are", (metric) => {
    const column = columnOf(dims, vectors);
    const slots = Int32Array.from(vectors.keys()).filter((slot) => slot % 9 === 7);
    expect(column.memory?.blockSlots(slots)).toBeLessThan(slots.length);
    const query = Float32Array.from({ length: dims }, (_, i) => Math.cos(i));
    const candidates = nearestCandidates(column, slots, query, metric, 10);
    expect(candidates.length).toBeLessThan(slots.length);
    expect(nearest(column, candidates, query, metric, 10)).toEqual(nearest(column, slots, query, metric, 10));
  });
});

describe("a column of vectors", () => {
  it("keeps its vectors while it grows, moves to a memory and is compacted", () => {
    const dims = 5;
    const vectorOfId = (id: number) => Float32Array.from({ length: dims }, (_, i) => id + i / 8);
    for (const keep of [2, 3, 7]) {
      const column = new VectorColumn(dims, 4_000);
      for (let id = 0; id < 30_000; id++) column.append(id, vectorOfId(id));
      expect(column.memory).not.toBeNull();
      const kept = Int32Array.from({ length: 30_000 / keep }, (_, i) => i * keep);
      column.compact(kept);
      column.append(kept.length, vectorOfId(-1));
      kept.forEach((id, slot) => {
        if (slot % 97 === 0) expect(column.get(slot)).toEqual(vectorOfId(id));
      });
      expect(column.get(kept.length)).toEqual(vectorOfId(-1));
      expect(column.get(kept.length + 1)).toBeNull();
    }
  });

  it("goes on with plain arrays where a memory is not to be had", () => {
    expect(VectorMemory.create(128, 2 ** 31)).toBeNull();
    const column = new VectorColumn(2, Number.POSITIVE_INFINITY);
    for (let id = 0; id < 1_000; id++) column.append(id, Float32Array.of(id, 1));
    expect(column.memory).toBeNull();
    const slots = Int32Array.from({ length: 1_000 }, (_, i) => i);
    const query = Float32Array.of(3, 1);
    expect(nearestCandidates(column, slots, query, "euclidean_squared", 1)).toBe(slots);
  });
});
