/**
 * The inverted lists of one full-text attribute: per term the documents and how often each holds it, and per document
 * its token count. Statistics follow the live documents exactly; lists keep dead slots until compaction.
 */
import type { Analyzer } from "../text/analyzer.js";
import type { Value } from "../values.js";
import { DamagedFrames, type FrameReader, type FrameWriter } from "./frames.js";
import { putTexts, takeTexts } from "./value-frames.js";

/** Terms and postings that are saved in one step. */
const SAVED_TERMS = 8_192;
const SAVED_POSTINGS = 256 * 1024;

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

  /** Distinct terms, those of dead slots included. */
  get termCount(): number {
    return this.terms.size;
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

  /** Puts the index of the first `slots` slots, a few milliseconds' worth at each step. */
  *save(out: FrameWriter, slots: number): Iterable<void> {
    out.put(Float64Array.of(this.documents, this.tokens, this.terms.size));
    out.put(Uint32Array.from({ length: slots }, (_, slot) => this.lengthOf(slot)));
    let group: [string, Postings][] = [];
    let postings = 0;
    for (const entry of this.terms) {
      group.push(entry);
      postings += entry[1].slots.length;
      if (group.length < SAVED_TERMS && postings < SAVED_POSTINGS) continue;
      putPostings(out, group);
      yield;
      group = [];
      postings = 0;
    }
    if (group.length > 0) putPostings(out, group);
    yield;
  }

  /** Takes what `save` put for as many slots, into an index that is new. Throws DamagedFrames. */
  load(source: FrameReader, slots: number): void {
    const [documents = 0, tokens = 0, terms = 0] = source.fill(new Float64Array(3));
    this.documents = documents;
    this.tokens = tokens;
    this.lengths = Array.from(source.fill(new Uint32Array(slots)));
    while (this.terms.size < terms) takePostings(source, this.terms);
  }
}

function putPostings(out: FrameWriter, entries: readonly (readonly [string, Postings])[]): void {
  out.put(Uint32Array.of(entries.length));
  putTexts(
    out,
    entries.map(([term]) => term),
  );
  out.put(Uint32Array.from(entries, ([, { slots }]) => slots.length));
  out.put(concatenated(entries.map(([, { slots }]) => slots)));
  out.put(concatenated(entries.map(([, { counts }]) => counts)));
}

function concatenated(lists: readonly (readonly number[])[]): Uint32Array {
  const all = new Uint32Array(lists.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const list of lists) {
    all.set(list, at);
    at += list.length;
  }
  return all;
}

function takePostings(source: FrameReader, terms: Map<string, Postings>): void {
  const [count = 0] = source.fill(new Uint32Array(1));
  const names = takeTexts(source, count);
  const lengths = source.fill(new Uint32Array(count));
  let total = 0;
  for (const length of lengths) total += length;
  const slots = source.fill(new Uint32Array(total));
  const counts = source.fill(new Uint32Array(total));
  if (count === 0) throw new DamagedFrames("a group of terms is empty");
  let at = 0;
  names.forEach((term, i) => {
    const end = at + (lengths[i] as number);
    terms.set(term, { slots: listOf(slots, at, end), counts: listOf(counts, at, end) });
    at = end;
  });
}

/** A plain array, because postings grow. */
function listOf(numbers: Uint32Array, from: number, to: number): number[] {
  const list = new Array<number>(to - from);
  for (let i = 0; i < list.length; i++) list[i] = numbers[from + i] as number;
  return list;
}
