/**
 * Keeps the embedded cache within its size, and sweeps what has expired.
 *
 * Eviction is a clock: a hand walks the records in the order they were written and takes those that were not read since it
 * last came by. Reads are remembered in memory only, per process, so reading never writes. Records with a time to live guard
 * writes in flight and go by themselves; the hand takes them only when a whole round was not enough.
 */

import { byteKey, keyNumber } from "../lmdb/byte-keys.js";
import { type EmbeddedRecords, expiryKey } from "./embedded-records.js";
import { decodeHeader, type RecordHeader } from "./record-format.js";

/** Records removed in one transaction: some milliseconds, in which other writers wait. */
const BATCH = 256;
/** Reads remembered before the older half is forgotten: about 10 MB. */
const TOUCHED_MAX = 100_000;
/** Reads count only once this share of the bound is in use: until then nothing will be evicted for long. */
const PRESSED = 0.75;
/** Eviction goes on until this share of the bound is in use, so that it does not run for every write. */
const TARGET = 0.95;

export class Eviction {
  readonly #store: EmbeddedRecords;
  readonly #bytesMax: number;
  /** Places of records read lately: the newer and the older generation. */
  #touched = new Set<number>();
  #touchedBefore = new Set<number>();
  #hand = 0;
  #isPressed: boolean;

  /** @param bytesMax bound on the bytes of live pages */
  constructor(store: EmbeddedRecords, bytesMax: number) {
    this.#store = store;
    this.#bytesMax = bytesMax;
    this.#isPressed = store.bytes() > bytesMax * PRESSED;
  }

  /** Notes that a record was read. */
  touch(place: number): void {
    if (!this.#isPressed) return;
    if (this.#touched.size >= TOUCHED_MAX) {
      this.#touchedBefore = this.#touched;
      this.#touched = new Set();
    }
    this.#touched.add(place);
  }

  /** Looks at the size of the store. True when it is over its bound. */
  measure(): boolean {
    const bytes = this.#store.bytes();
    this.#isPressed = bytes > this.#bytesMax * PRESSED;
    return bytes > this.#bytesMax;
  }

  /** Evicts until the store fits. Returns the sets that lost records. */
  async evict(): Promise<ReadonlySet<string>> {
    const sets = new Set<string>();
    let wraps = 0;
    while (wraps < 3 && this.#store.bytes() > this.#bytesMax * TARGET) {
      const spareBrief = wraps < 2;
      const more = await this.#store.transaction(() => this.#evictBatch(spareBrief, sets));
      if (!more) wraps += 1;
    }
    return sets;
  }

  /** Removes expired records, at most `limit`. Returns the sets that lost records. */
  async sweep(now: number, limit: number): Promise<ReadonlySet<string>> {
    const sets = new Set<string>();
    const { expiry, records } = this.#store;
    const due = { end: expiryKey(now, Number.MAX_SAFE_INTEGER), limit: Math.min(limit, BATCH) };
    for (let removed = 0; removed < limit; removed += BATCH) {
      if (expiry.getKeysCount({ ...due, limit: 1 }) === 0) break;
      await this.#store.transaction(() => {
        for (const { key: at, value: key } of [...expiry.getRange(due)]) {
          expiry.remove(at);
          const stored = records.get(key);
          // Written again since, with another end or none.
          if (stored === undefined || !isEndOf(at, decodeHeader(stored))) continue;
          this.#store.remove(key, stored);
          sets.add(this.#store.setOf(key));
        }
      });
    }
    return sets;
  }

  /** Moves the hand over one batch. False when it came to the end and starts over. */
  #evictBatch(spareBrief: boolean, sets: Set<string>): boolean {
    const { order, records } = this.#store;
    const batch = [...order.getRange({ start: byteKey(this.#hand), limit: BATCH })];
    for (const { key: place, value: key } of batch) {
      const version = keyNumber(place);
      this.#hand = version + 1;
      const stored = records.get(key);
      if (stored === undefined) {
        order.remove(place);
        continue;
      }
      const wasTouched = this.#touched.delete(version) || this.#touchedBefore.delete(version);
      if (wasTouched || (spareBrief && decodeHeader(stored).expiresAt !== 0)) continue;
      this.#store.remove(key, stored);
      sets.add(this.#store.setOf(key));
    }
    if (batch.length === BATCH) return true;
    this.#hand = 0;
    return false;
  }
}

/** Whether an entry of `expiry` tells the end that the record has now. */
function isEndOf(entry: Buffer, { expiresAt, version }: RecordHeader): boolean {
  return expiresAt !== 0 && expiryKey(expiresAt, version).equals(entry);
}
