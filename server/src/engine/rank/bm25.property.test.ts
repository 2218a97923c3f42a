import fc from "fast-check";
import { expect, it } from "vitest";
import { runs } from "../../../test/long-runs.js";
import { EMPTY_SCHEMA, updateSchema } from "../schema/schema.js";
import { StepBudget } from "../step-budget.js";
import { Table } from "../table/table.js";
import { bm25Scores } from "./bm25.js";

const K1 = 0.9;
const B = 0.4;
const K3 = 5;

/** The formula of the contract, document by document. */
function transcription(texts: readonly string[], query: readonly string[], target: string): number {
  const documents = texts.map((text) => text.split(" ").filter((word) => word !== ""));
  const indexed = documents.filter((words) => words.length > 0);
  const average = indexed.reduce((sum, words) => sum + words.length, 0) / indexed.length;
  const words = target.split(" ").filter((word) => word !== "");
  let score = 0;
  for (const token of new Set(query)) {
    const tf = words.filter((word) => word === token).length;
    if (tf === 0) continue;
    const df = indexed.filter((other) => other.includes(token)).length;
    const qf = query.filter((word) => word === token).length;
    const idf = Math.log(1 + (indexed.length - df + 0.5) / (df + 0.5));
    const tfPart = (tf * (K1 + 1)) / (tf + K1 * (1 - B + (B * words.length) / average));
    score += (idf * tfPart * (qf * (K3 + 1))) / (qf + K3);
  }
  return score;
}

const schema = updateSchema(
  EMPTY_SCHEMA,
  { id: "uint", text: { type: "string", full_text_search: { k1: K1, b: B, k3: K3 } } },
  false,
);
const word = fc.constantFrom("a", "b", "c", "d", "e");
const text = fc.array(word, { maxLength: 8 }).map((words) => words.join(" "));

it("scores as a direct transcription of the formula, whatever was written before", () => {
  fc.assert(
    fc.property(
      fc.array(text, { maxLength: 15 }),
      fc.array(text, { minLength: 1, maxLength: 10 }),
      fc.array(word, { minLength: 1, maxLength: 5 }),
      (earlier, texts, tokens) => {
        const table = new Table();
        table.adopt(schema);
        for (const [id, content] of earlier.entries()) table.put(id, new Map([["text", content]]));
        for (const id of earlier.keys()) if (id >= texts.length) table.remove(id);
        for (const [id, content] of texts.entries()) table.put(id, new Map([["text", content]]));
        const { values } = bm25Scores(table, { attribute: "text", tokens, prefix: null }, new StepBudget());
        texts.forEach((content, id) => {
          const score = values[table.slot(id) as number];
          expect(score).toBeCloseTo(transcription(texts, tokens, content), 10);
        });
      },
    ),
    { numRuns: runs(300) },
  );
});
