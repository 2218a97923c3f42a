/**
 * BM25 over one full-text attribute. Statistics cover the whole namespace, before any filter, so a filter never changes
 * a score.
 */
import type { Table } from "../table/table.js";
import type { Postings, TextIndex } from "../table/text-index.js";

export interface Bm25Query {
  readonly attribute: string;
  /** Analysed tokens, repeats included. */
  readonly tokens: readonly string[];
  /** A last token matched as a prefix; it adds a flat 1 per document. */
  readonly prefix: string | null;
}

/** Scores by slot, zero where nothing matches; dead slots may hold a score. */
export function bm25Scores(table: Table, query: Bm25Query): Float64Array {
  const scores = new Float64Array(table.slotCount);
  const index = table.textIndex(query.attribute);
  if (index === null) return scores;
  const frequencies = new Map<string, number>();
  for (const token of query.tokens) frequencies.set(token, (frequencies.get(token) ?? 0) + 1);
  for (const [token, frequency] of frequencies) {
    const postings = index.postings(token);
    if (postings !== undefined) addTerm(scores, table, index, postings, frequency);
  }
  if (query.prefix !== null) addPrefix(scores, table, index, query.prefix);
  return scores;
}

function addTerm(
  scores: Float64Array,
  table: Table,
  index: TextIndex,
  postings: Postings,
  frequency: number,
): void {
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
    scores[slot] = (scores[slot] as number) + (weight * count * (k1 + 1)) / (count + k1 * length);
  }
}

function addPrefix(scores: Float64Array, table: Table, index: TextIndex, prefix: string): void {
  const seen = new Uint8Array(table.slotCount);
  for (const { slots } of index.postingsWithPrefix(prefix)) {
    for (const slot of slots) {
      if (seen[slot] === 1) continue;
      seen[slot] = 1;
      scores[slot] = (scores[slot] as number) + 1;
    }
  }
}
