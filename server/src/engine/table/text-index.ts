/**
 * The inverted lists of one full-text attribute: per term the documents and how often each holds it, and per document
 * its token count. Statistics follow the live documents exactly; lists keep dead slots until compaction.
 */
import type { Analyzer } from "../text/analyzer.js";
import type { Value } from "../values.js";

export interface Postings {
  /** Ascending; dead slots included. */
  slots: number[];
  /** Occurrences, parallel to `slots`. */
  counts: number[];
}

export class TextIndex {
  private readonly terms = new Map<string, Postings>();
  private lengths: number[] = [];
  /** Live documents with at least one token. */
  documents = 0;
  /** Tokens over those documents. */
  private tokens = 0;

  constructor(readonly analyzer: Analyzer) {}

  get averageLength(): number {
    return this.documents === 0 ? 0 : this.tokens / this.documents;
  }

  /** Token count of a slot; 0 when its field is empty. */
  lengthOf(slot: number): number {
    return this.lengths[slot] ?? 0;
  }

  append(slot: number, value: Value): void {
    const tokens = this.analyzer.tokensOfValue(value).flat();
    while (this.lengths.length < slot) this.lengths.push(0);
    this.lengths.push(tokens.length);
    if (tokens.length === 0) return;
    this.documents++;
    this.tokens += tokens.length;
    const counts = new Map<string, number>();
    for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
    for (const [token, count] of counts) {
      let postings = this.terms.get(token);
      if (postings === undefined) {
        postings = { slots: [], counts: [] };
        this.terms.set(token, postings);
      }
      postings.slots.push(slot);
      postings.counts.push(count);
    }
  }

  /** Takes a dead slot out of the statistics. */
  remove(slot: number): void {
    const length = this.lengthOf(slot);
    if (length === 0) return;
    this.documents--;
    this.tokens -= length;
  }

  postings(term: string): Postings | undefined {
    return this.terms.get(term);
  }

  /** Postings of every term that starts with the prefix. */
  *postingsWithPrefix(prefix: string): Iterable<Postings> {
    for (const [term, postings] of this.terms) if (term.startsWith(prefix)) yield postings;
  }

  compact(kept: Int32Array, target: Int32Array): void {
    this.lengths = Array.from(kept, (old) => this.lengthOf(old));
    for (const [term, postings] of this.terms) {
      const slots: number[] = [];
      const counts: number[] = [];
      postings.slots.forEach((old, i) => {
        const slot = target[old] as number;
        if (slot < 0) return;
        slots.push(slot);
        counts.push(postings.counts[i] as number);
      });
      if (slots.length === 0) this.terms.delete(term);
      else this.terms.set(term, { slots, counts });
    }
  }
}
