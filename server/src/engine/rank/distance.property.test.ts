import fc from "fast-check";
import { expect, it } from "vitest";
import { runs } from "../../../test/long-runs.js";
import { bindQuery, runQuery } from "../query/query.js";
import { METRICS, type Metric } from "../schema/attribute.js";
import { EMPTY_SCHEMA, type Schema, updateSchema } from "../schema/schema.js";
import { StepBudget } from "../step-budget.js";
import { Table } from "../table/table.js";

const DIMS = 4;

/** The contract's formulas over the float32 inputs, in float64. */
function exact(a: Float32Array, b: Float32Array, metric: Metric): number {
  const pairs = Array.from(a, (x, i) => [x, b[i] as number] as const);
  if (metric === "euclidean_squared") return pairs.reduce((sum, [x, y]) => sum + (x - y) ** 2, 0);
  const dot = pairs.reduce((sum, [x, y]) => sum + x * y, 0);
  const norm = (v: Float32Array) => Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));
  const scale = norm(a) * norm(b);
  return scale === 0 ? 1 : 1 - dot / scale;
}

const element = fc.float({ min: -2, max: 2, noNaN: true });
const vector = fc.array(element, { minLength: DIMS, maxLength: DIMS }).map((list) => Float32Array.from(list));
/** Copies of a few vectors, moved by less than an int8 code could tell apart. */
const nearDuplicates = fc
  .tuple(
    fc.array(vector, { minLength: 1, maxLength: 3 }),
    fc.array(fc.tuple(fc.nat(2), fc.nat(20)), { maxLength: 40 }),
  )
  .map(([bases, copies]) =>
    copies.map(([base, step]) => (bases[base % bases.length] as Float32Array).map((x) => x + step * 1e-5)),
  );

it.each(METRICS)(
  "finds the nearest by %s as brute force in float64 does, among near-duplicates too",
  (metric) => {
    const schema: Schema = {
      ...updateSchema(EMPTY_SCHEMA, { id: "uint", v: { type: `[${DIMS}]f32`, ann: true } }, false),
      metric,
    };
    fc.assert(
      fc.property(nearDuplicates, vector, fc.integer({ min: 1, max: 10 }), (vectors, query, limit) => {
        const table = new Table();
        table.adopt(schema);
        vectors.forEach((v, id) => {
          table.put(id, new Map([["v", v]]));
        });
        const rank_by = ["v", "ANN", Array.from(query)];
        const hits = runQuery(bindQuery({ rank_by, limit }, schema, new StepBudget()), table).rows ?? [];
        const best = vectors.map((v) => exact(v, query, metric)).sort((a, b) => a - b);
        expect(hits).toHaveLength(Math.min(limit, vectors.length));
        hits.forEach(({ id, $dist }, i) => {
          // Float32 tells distances of this size apart to about 1e-6.
          const real = exact(vectors[id as number] as Float32Array, query, metric);
          expect($dist as number).toBeCloseTo(real, 4);
          expect(Math.abs(real - (best[i] as number))).toBeLessThan(2e-5);
        });
      }),
      { numRuns: runs(300) },
    );
  },
);
