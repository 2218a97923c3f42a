/**
 * The lmdb databases behind the embedded queue, and the steps that keep items, indexes and counts in agreement. Everything
 * here runs inside one write transaction of the caller's.
 *
 * A queue's entries are keyed by its *incarnation*, a number that is never used again, so that a purge is one small write
 * and what it orphans is swept later.
 *
 * `queues` name → incarnation, settings · `items` incarnation+id → item · `order` incarnation+stage+place → id · `leases` incarnation+expiry+id → nothing · `counts` incarnation+stage(+reason) →
 * number · `dropped` incarnation → nothing · `meta` counters.
 */

import type { QueueDefinition } from "../../ports/queue-store.js";
import { afterPrefix, byteKey, keyNumber, splitByteKey } from "../lmdb/byte-keys.js";
import { type ByteDatabase, type Environment, openBytes } from "../lmdb/environment.js";
import { decodeItem, encodeItem, type StoredItem } from "./item-format.js";

const EMPTY = Buffer.alloc(1);
const SEQUENCE = Buffer.from("sequence");
const HEADER_BYTES = 8;

/** Changes of counts collected during a transaction, written once at its end. */
export class CountChanges {
  readonly changes = new Map<string, { key: Buffer; by: number }>();

  add(key: Buffer, by: number): void {
    const name = key.toString("latin1");
    const change = this.changes.get(name);
    if (change) change.by += by;
    else this.changes.set(name, { key, by });
  }
}

export class EmbeddedItems {
  readonly queues: ByteDatabase;
  readonly items: ByteDatabase;
  readonly order: ByteDatabase;
  readonly leases: ByteDatabase;
  readonly counts: ByteDatabase;
  readonly dropped: ByteDatabase;
  readonly meta: ByteDatabase;

  constructor(environment: Environment) {
    this.queues = openBytes(environment, "queues");
    this.items = openBytes(environment, "items");
    this.order = openBytes(environment, "order");
    this.leases = openBytes(environment, "leases");
    this.counts = openBytes(environment, "counts");
    this.dropped = openBytes(environment, "dropped");
    this.meta = openBytes(environment, "meta");
  }

  /** The incarnation of a queue, undefined when there is none. */
  incarnation(name: string): number | undefined {
    const stored = this.queues.get(Buffer.from(name));
    return stored && keyNumber(stored.subarray(0, HEADER_BYTES));
  }

  definition(name: string, stored: Buffer): QueueDefinition {
    return { name, settings: Buffer.from(stored.subarray(HEADER_BYTES)) };
  }

  createQueue(name: string, settings: Uint8Array): void {
    this.queues.put(Buffer.from(name), Buffer.concat([byteKey(this.nextNumber()), settings]));
  }

  dropQueue(name: string, incarnation: number): void {
    this.queues.remove(Buffer.from(name));
    this.dropped.put(byteKey(incarnation), EMPTY);
  }

  /** A number never given before: a place in the order, a revision, an incarnation. */
  nextNumber(): number {
    const stored = this.meta.get(SEQUENCE);
    const next = (stored === undefined ? 0 : keyNumber(stored)) + 1;
    this.meta.put(SEQUENCE, byteKey(next));
    return next;
  }

  get(queue: number, id: string): StoredItem | undefined {
    const stored = this.items.get(byteKey(queue, id));
    return stored && decodeItem(stored);
  }

  /** Writes an item over `before`, with its index entries; counts go to `changes`. */
  replace(
    queue: number,
    id: string,
    before: StoredItem | undefined,
    after: StoredItem,
    changes: CountChanges,
  ): void {
    const moved = before?.stage !== after.stage || before.place !== after.place;
    if (before !== undefined) {
      if (moved) {
        this.order.remove(byteKey(queue, before.stage, byteKey(before.place)));
      }
      if (before.lease !== undefined) this.leases.remove(byteKey(queue, before.lease.expiresAt, id));
      this.#count(queue, before, -1, changes);
    }
    this.items.put(byteKey(queue, id), encodeItem(after));
    if (moved) {
      this.order.put(byteKey(queue, after.stage, byteKey(after.place)), Buffer.from(id, "utf8"));
    }
    if (after.lease !== undefined) this.leases.put(byteKey(queue, after.lease.expiresAt, id), EMPTY);
    this.#count(queue, after, 1, changes);
  }

  writeCounts(changes: CountChanges): void {
    for (const { key, by } of changes.changes.values()) {
      if (by === 0) continue;
      const stored = this.counts.get(key);
      const count = (stored === undefined ? 0 : keyNumber(stored)) + by;
      if (count > 0) this.counts.put(key, byteKey(count));
      else this.counts.remove(key);
    }
  }

  /** Ids whose lease is over at `now`, at most `limit`, those longest over first. */
  expired(queue: number, now: number, limit: number): string[] {
    const range = { start: byteKey(queue, ""), end: byteKey(queue, Math.floor(now) + 1, ""), limit };
    return [...this.leases.getKeys(range)].map((key) => splitByteKey(key, 3)[2]?.toString("utf8") ?? "");
  }

  leaseCount(queue: number): number {
    return this.leases.getKeysCount(within(byteKey(queue, "")));
  }

  /** Counts by stage, and by stage and reason. */
  *countEntries(queue: number): Generator<{ stage: string; reason: string | undefined; count: number }> {
    for (const { key, value } of this.counts.getRange(within(byteKey(queue, "")))) {
      const [, stage = Buffer.alloc(0), reason = Buffer.alloc(0)] = splitByteKey(key, 3);
      yield {
        stage: stage.toString("utf8"),
        reason: reason.length === 0 ? undefined : reason.toString("utf8"),
        count: keyNumber(value),
      };
    }
  }

  /** Removes entries of a dropped queue, at most `limit` of each kind. True when none are left. */
  sweepDropped(queue: number, limit: number): boolean {
    let isEmpty = true;
    for (const database of [this.items, this.order, this.leases, this.counts]) {
      const keys = [...database.getKeys({ ...within(byteKey(queue, "")), limit })];
      for (const key of keys) database.remove(key);
      if (keys.length === limit) isEmpty = false;
    }
    if (isEmpty) this.dropped.remove(byteKey(queue));
    return isEmpty;
  }

  #count(queue: number, item: StoredItem, by: number, changes: CountChanges): void {
    changes.add(byteKey(queue, item.stage, ""), by);
    if (item.reason !== undefined) changes.add(byteKey(queue, item.stage, item.reason), by);
  }
}

/** The range of keys that begin with `prefix`. */
export function within(prefix: Buffer): { start: Buffer; end?: Buffer } {
  const end = afterPrefix(prefix);
  return end === undefined ? { start: prefix } : { start: prefix, end };
}
