import fc from "fast-check";
import { expect, it } from "vitest";
import { runs } from "../../../test/long-runs.js";
import type { Json } from "../json.js";
import { bindQuery, runQuery } from "../query/query.js";
import { EMPTY_SCHEMA, type Schema, updateSchema } from "../schema/schema.js";
import { StepBudget } from "../step-budget.js";
import { Table } from "../table/table.js";
import type { Value } from "../values.js";

const schema: Schema = {
  ...updateSchema(
    EMPTY_SCHEMA,
    { t: { type: "string", full_text_search: { stemming: false } }, n: "uint", s: "string" },
    false,
  ),
  idType: "uint",
};

const word = fc.constantFrom("red", "fox", "blue");
const doc = fc.record({
  t: fc.array(word, { maxLength: 4 }).map((words) => words.join(" ")),
  n: fc.option(fc.nat(3)),
  s: fc.constantFrom("a", "b"),
});

const { expression } = fc.letrec<{ expression: Json }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.tuple(fc.constant("t"), fc.constant("BM25"), word),
    fc.tuple(fc.constant("s"), fc.constant("Eq"), fc.constantFrom("a", "b")),
    fc.tuple(fc.constant("Attribute"), fc.constant("n")),
    fc.constantFrom<Json>(0, 0.5, 2),
    fc.tuple(fc.constantFrom("Sum", "Max"), fc.array(tie("expression"), { minLength: 1, maxLength: 3 })),
    fc.tuple(fc.constant("Product"), fc.constantFrom(0, 0.25, 3), tie("expression")),
  ),
}));

type Doc = Record<string, Value>;

/** A document's score by the words of the contract, the leaves' own scores looked up one at a time. */
function naive(json: Json, doc: Doc, bm25: (term: string) => number): number {
  if (typeof json === "number") return json;
  const [head, second, third] = json as Json[];
  if (second === "BM25") return bm25(third as string);
  if (second === "Eq") return doc.s === third ? 1 : 0;
  if (head === "Attribute") return Number(doc.n ?? 0);
  if (head === "Product") return (second as number) * naive(third as Json, doc, bm25);
  const scores = (second as Json[]).map((operand) => naive(operand, doc, bm25));
  return head === "Max" ? Math.max(...scores) : scores.reduce((sum, score) => sum + score, 0);
}

it("ranks any tree of sums, maxima and products as scoring document by document does", () => {
  const ranked = fc.array(expression, { minLength: 1, maxLength: 3 }).map((list): Json => ["Sum", list]);
  fc.assert(
    fc.property(fc.array(doc, { maxLength: 12 }), ranked, fc.nat(3), (docs, rank_by, removed) => {
      const table = new Table();
      table.adopt(schema);
      const kept = new Map<number, Doc>();
      docs.forEach((fields, id) => {
        const row = Object.entries(fields).filter(
          (entry): entry is [string, string | number] => entry[1] !== null,
        );
        table.put(id, new Map<string, Value>(row));
        kept.set(id, Object.fromEntries(row));
      });
      if (table.remove(removed)) kept.delete(removed);
      const rows = (rank: Json) =>
        runQuery(bindQuery({ rank_by: rank, limit: 50 }, schema, new StepBudget()), table).rows ?? [];
      const byTerm = new Map<string, Map<unknown, number>>();
      for (const term of ["red", "fox", "blue"]) {
        byTerm.set(term, new Map(rows(["t", "BM25", term]).map(({ id, $dist }) => [id, $dist as number])));
      }
      const expected = [...kept]
        .map(([id, fields]) => ({
          id,
          $dist: naive(rank_by, fields, (term) => byTerm.get(term)?.get(id) ?? 0),
        }))
        .filter(({ $dist }) => $dist > 0)
        .sort((a, b) => b.$dist - a.$dist || a.id - b.id);
      expect(rows(rank_by).map((row) => ({ ...row }))).toEqual(expected);
    }),
    { numRuns: runs(400) },
  );
});
