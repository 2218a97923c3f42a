/**
 * BM25 over one full-text attribute. Statistics cover the whole namespace, before any filter, so a filter never changes
 * a score.
 */
import type { StepBudget } from "../step-budget.js";
import type { Table } from "../table/table.js";
import type { Postings, TextIndex } from "../table/text-index.js";
import type { Scores } from "./scores.js";

export interface Bm25Query {
  readonly attribute: string;
  /** Analysed tokens, repeats included. */
  readonly tokens: readonly string[];
  /** A last token matched as a prefix; it adds a flat 1 per document. */
  readonly prefix: string | null;
}

/** Scores by slot, and the slots that have one; dead slots may have one too. Throws 400 when it takes too many steps. */
export function bm25Scores(table: Table, query: Bm25Query, steps: StepBudget): Scores {
  steps.spend(table.slotCount);
  const sheet = {
    values: new Float64Array(table.slotCount),
    slots: new Int32Array(table.slotCount),
    count: 0,
  };
  const index = table.textIndex(query.attribute);
  if (index !== null) {
    const frequencies = new Map<string, number>();
    for (const token of query.tokens) frequencies.set(token, (frequencies.get(token) ?? 0) + 1);
    for (const [token, frequency] of frequencies) {
      const postings = index.postings(token);
      if (postings === undefined) continue;
      steps.spend(postings.slots.length * 2);
      addTerm(sheet, table, index, postings, frequency);
    }
    if (query.prefix !== null) addPrefix(sheet, index, query.prefix, steps);
  }
  return { values: sheet.values, slots: sheet.slots.subarray(0, sheet.count) };
}

interface Sheet {
  readonly values: Float64Array;
  /** The slots with a score, `count` of them. */
  readonly slots: Int32Array;
  count: number;
}

function addTerm(sheet: Sheet, table: Table, index: TextIndex, postings: Postings, frequency: number): void {
  const { values, slots } = sheet;
  const { live } = table;
  const { k1, b, k3 } = index.analyzer.options;
  let documentFrequency = 0;
  for (const slot of postings.slots) if (live.has(slot)) documentFrequency++;
  if (documentFrequency === 0) return;
  const idf = Math.log(1 + (index.documents - documentFrequency + 0.5) / (documentFrequency + 0.5));
  const weight = (idf * (frequency * (k3 + 1))) / (frequency + k3);
  const average = index.averageLength;
  for (let i = 0; i < postings.slots.length; i++) {
    const slot = postings.slots[i] as number;
    if (!live.has(slot)) continue;
    const count = postings.counts[i] as number;
    const length = 1 - b + (b * index.lengthOf(slot)) / average;
    const before = values[slot] as number;
    const score = before + (weight * count * (k1 + 1)) / (count + k1 * length);
    if (before === 0 && score !== 0) slots[sheet.count++] = slot;
    values[slot] = score;
  }
}

function addPrefix(sheet: Sheet, index: TextIndex, prefix: string, steps: StepBudget): void {
  steps.spend(index.termCount * 2 + sheet.values.length);
  const { values, slots } = sheet;
  const seen = new Uint8Array(values.length);
  for (const postings of index.postingsWithPrefix(prefix)) {
    steps.spend(4 + postings.slots.length);
    for (const slot of postings.slots) {
      if (seen[slot] === 1) continue;
      seen[slot] = 1;
      if (values[slot] === 0) slots[sheet.count++] = slot;
      values[slot] = (values[slot] as number) + 1;
    }
  }
}
