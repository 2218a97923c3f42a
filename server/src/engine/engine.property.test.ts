import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, it } from "vitest";
import { runs } from "../../test/long-runs.js";
import { Engine } from "./engine.js";
import { EngineError } from "./errors.js";
import type { Json, JsonObject } from "./json.js";

/** A history is told to the engine and to a plain map; both must agree at every step and after reopening. */
type Model = Map<number, JsonObject>;

const id = fc.integer({ min: 0, max: 12 });
const n = fc.integer({ min: 0, max: 3 });
const row = fc.record({ id, n: fc.option(n), s: fc.constantFrom("x", "y", "z") });
const unique = { selector: (value: { id: number }) => value.id, maxLength: 6 };

type Step =
  | { kind: "upsert"; rows: { id: number; n: number | null; s: string }[] }
  | { kind: "patch"; rows: { id: number; n: number | null }[] }
  | { kind: "delete"; ids: number[] }
  | {
      kind: "deleteWhere" | "patchWhere" | "upsertIfGreater";
      n: number;
      rows: { id: number; n: number | null; s: string }[];
    }
  | { kind: "refused"; rows: { id: number; n: number | null; s: string }[] }
  | { kind: "reopen" };

const rows = fc.uniqueArray(row, unique);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("upsert" as const), rows }),
  fc.record({
    kind: fc.constant("patch" as const),
    rows: fc.uniqueArray(fc.record({ id, n: fc.option(n) }), unique),
  }),
  fc.record({ kind: fc.constant("delete" as const), ids: fc.uniqueArray(id, { maxLength: 6 }) }),
  fc.record({
    kind: fc.constantFrom("deleteWhere" as const, "patchWhere" as const, "upsertIfGreater" as const),
    n,
    rows,
  }),
  fc.record({
    kind: fc.constant("refused" as const),
    rows: fc.uniqueArray(row, { ...unique, minLength: 1 }),
  }),
  fc.constant({ kind: "reopen" as const }),
);

function bodyOf(step: Exclude<Step, { kind: "reopen" }>): Json {
  switch (step.kind) {
    case "upsert":
      return { upsert_rows: step.rows };
    case "patch":
      return { patch_rows: step.rows };
    case "delete":
      return { deletes: step.ids };
    case "deleteWhere":
      return { delete_by_filter: ["n", "Eq", step.n] };
    case "patchWhere":
      return { patch_by_filter: { filters: ["n", "Eq", step.n], patch: { s: "patched" } } };
    case "upsertIfGreater":
      return { upsert_rows: step.rows, upsert_condition: ["n", "Lt", { $ref_new: "n" }] };
    case "refused":
      return { upsert_rows: [...step.rows, { id: 99, n: "not a number" }] };
  }
}

const withoutNulls = (value: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));

function tell(model: Model, step: Exclude<Step, { kind: "reopen" | "refused" }>): void {
  switch (step.kind) {
    case "upsert":
      for (const sent of step.rows) model.set(sent.id, withoutNulls(sent));
      return;
    case "patch":
      for (const sent of step.rows) {
        const stored = model.get(sent.id);
        if (stored !== undefined) model.set(sent.id, withoutNulls({ ...stored, ...sent }));
      }
      return;
    case "delete":
      for (const gone of step.ids) model.delete(gone);
      return;
    case "deleteWhere":
      for (const [key, stored] of model) if (stored.n === step.n) model.delete(key);
      return;
    case "patchWhere":
      for (const stored of model.values()) if (stored.n === step.n) stored.s = "patched";
      return;
    case "upsertIfGreater":
      for (const sent of step.rows) {
        const stored = model.get(sent.id);
        const newer = sent.n !== null && (stored?.n === undefined || (stored.n as number) < sent.n);
        if (stored === undefined || newer) model.set(sent.id, withoutNulls(sent));
      }
  }
}

it("keeps random histories as a plain map does, refused writes and reopening included", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const dataDirectory = mkdtempSync(join(tmpdir(), "engine-history-"));
      let engine = Engine.open({ dataDirectory });
      const model: Model = new Map();
      try {
        engine.write("h", { upsert_rows: [{ id: 50, n: 0, s: "first" }], schema: { n: "int", s: "string" } });
        model.set(50, { id: 50, n: 0, s: "first" });
        for (const step of steps) {
          if (step.kind === "reopen") {
            await engine.close();
            engine = Engine.open({ dataDirectory });
          } else if (step.kind === "refused") {
            expect(() => engine.write("h", bodyOf(step))).toThrow(EngineError);
          } else {
            engine.write("h", bodyOf(step));
            tell(model, step);
          }
          const answer = engine.query("h", { limit: 100, include_attributes: true });
          const found = (answer.rows as JsonObject[]).map((found) => ({ ...found }));
          expect(found).toEqual([...model.values()].sort((a, b) => Number(a.id) - Number(b.id)));
        }
      } finally {
        await engine.close();
        rmSync(dataDirectory, { recursive: true, force: true });
      }
    }),
    { numRuns: runs(40) },
  );
}, 60_000);

it("answers alike before and after dead slots are squeezed out", async () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), "engine-compaction-"));
  const engine = Engine.open({ dataDirectory });
  const ids = Array.from({ length: 1_500 }, (_, i) => i);
  const generation = (g: number) => ({
    upsert_columns: {
      id: ids,
      n: ids.map((i) => (i * g) % 97),
      tag: ids.map((i) => [`t${(i + g) % 7}`]),
      text: ids.map((i) => `word${i % 11} gen${g}`),
      vector: ids.map((i) => [i, g]),
    },
    distance_metric: "euclidean_squared",
    schema: { text: { type: "string", full_text_search: true } },
  });
  for (let g = 1; g <= 4; g++) engine.write("c", generation(g));
  engine.write("c", { delete_by_filter: ["n", "Gt", 50] });
  const left = ids.filter((i) => (i * 4) % 97 <= 50);
  const queryIds = (body: JsonObject) =>
    (engine.query("c", { limit: 10_000, ...body }).rows as JsonObject[]).map((row) => Number(row.id));
  expect(queryIds({})).toEqual(left);
  expect(queryIds({ filters: ["tag", "Contains", "t3"] })).toEqual(left.filter((i) => (i + 4) % 7 === 3));
  expect(queryIds({ rank_by: ["text", "BM25", "gen3"] })).toEqual([]);
  expect(queryIds({ rank_by: ["text", "BM25", "word5"] })).toEqual(left.filter((i) => i % 11 === 5));
  expect(queryIds({ rank_by: ["vector", "ANN", [0, 4]] })).toEqual(left);
  expect(engine.query("c", { limit: 1 }).performance).toMatchObject({ approx_namespace_size: left.length });
  await engine.close();
  rmSync(dataDirectory, { recursive: true, force: true });
});
