/** A growable set of slots, one bit each: filters are combined 32 documents at a time. */
import type { FrameReader, FrameWriter } from "./frames.js";

export class Bitset {
  private words: Uint32Array;
  /** Number of slots the set speaks about; bits at and beyond it are zero. */
  size: number;
  /** The members as `slots` last listed them; null after a change. */
  private listed: Int32Array | null = null;

  constructor(size: number) {
    this.size = size;
    this.words = new Uint32Array(wordsFor(size));
  }

  static of(size: number, slots: Iterable<number>): Bitset {
    const set = new Bitset(size);
    for (const slot of slots) set.add(slot);
    return set;
  }

  static full(size: number): Bitset {
    return new Bitset(size).invert();
  }

  has(slot: number): boolean {
    return (((this.words[slot >>> 5] ?? 0) >>> (slot & 31)) & 1) === 1;
  }

  /** Adds a slot, growing the set when the slot lies beyond it. */
  add(slot: number): void {
    if (slot >= this.size) this.grow(slot + 1);
    const word = slot >>> 5;
    this.words[word] = (this.words[word] as number) | (1 << (slot & 31));
    this.listed = null;
  }

  /** Adds slots that all lie within the size. */
  addAll(slots: readonly number[]): void {
    const { words } = this;
    for (const slot of slots) words[slot >>> 5] = (words[slot >>> 5] as number) | (1 << (slot & 31));
    this.listed = null;
  }

  remove(slot: number): void {
    if (slot >= this.size) return;
    const word = slot >>> 5;
    this.words[word] = (this.words[word] as number) & ~(1 << (slot & 31));
    this.listed = null;
  }

  private grow(size: number): void {
    if (wordsFor(size) > this.words.length) {
      const words = new Uint32Array(Math.max(wordsFor(size), this.words.length * 2));
      words.set(this.words);
      this.words = words;
    }
    this.size = size;
  }

  copy(): Bitset {
    const set = new Bitset(this.size);
    set.words.set(this.words.subarray(0, set.words.length));
    return set;
  }

  /** Keeps what both hold; in place. The other may be shorter: what it does not speak about is absent. */
  intersect(other: Bitset): this {
    const { words } = this;
    const others = other.words;
    for (let i = 0; i < words.length; i++) words[i] = (words[i] as number) & (others[i] ?? 0);
    this.listed = null;
    return this;
  }

  /** Adds what the other holds; in place, both of one size. */
  unite(other: Bitset): this {
    for (let i = 0; i < this.words.length; i++)
      this.words[i] = (this.words[i] as number) | (other.words[i] ?? 0);
    this.listed = null;
    return this;
  }

  /** Swaps members and non-members; in place. */
  invert(): this {
    for (let i = 0; i < this.words.length; i++) this.words[i] = ~(this.words[i] as number);
    this.clearTail();
    this.listed = null;
    return this;
  }

  private clearTail(): void {
    const used = wordsFor(this.size);
    this.words.fill(0, used);
    const rest = this.size & 31;
    if (rest !== 0 && used > 0) this.words[used - 1] = (this.words[used - 1] as number) & ((1 << rest) - 1);
  }

  save(out: FrameWriter): void {
    out.put(this.words.subarray(0, wordsFor(this.size)));
  }

  /** Takes what `save` put of a set of this size. Throws DamagedFrames. */
  static load(source: FrameReader, size: number): Bitset {
    const set = new Bitset(size);
    source.fill(set.words);
    return set;
  }

  count(): number {
    const { words } = this;
    let total = 0;
    for (let i = 0; i < words.length; i++) if (words[i] !== 0) total += popCount(words[i] as number);
    return total;
  }

  /** The members in ascending order; the caller must not change the list. */
  slots(): Int32Array {
    this.listed ??= this.list();
    return this.listed;
  }

  private list(): Int32Array {
    const { words } = this;
    const out = new Int32Array(this.count());
    let n = 0;
    for (let i = 0; i < words.length; i++) {
      let word = words[i] as number;
      if (word === 0xffffffff) {
        for (let slot = i << 5; slot < (i + 1) << 5; slot++) out[n++] = slot;
        continue;
      }
      while (word !== 0) {
        const low = word & -word;
        out[n++] = (i << 5) + (31 - Math.clz32(low));
        word ^= low;
      }
    }
    return out;
  }
}

function wordsFor(size: number): number {
  return (size + 31) >>> 5;
}

function popCount(word: number): number {
  let n = word - ((word >>> 1) & 0x55555555);
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return (((n + (n >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}
