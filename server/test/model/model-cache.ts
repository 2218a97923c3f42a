/** A document cache that many replicas share, true by construction, with what may go wrong with one. */

import {
  type CachedRecord,
  type CacheEvent,
  type CacheMergeOutcome,
  CacheUnavailable,
  type CacheWrite,
  type CacheWriteOutcome,
  type DocumentCache,
  isCacheableId,
} from "../../src/ports/document-cache.js";
import type { Node, Simulation } from "../simulation.js";
import type { CacheFault } from "./history.js";

interface Stored {
  readonly record: CachedRecord;
  readonly expiresAt: number;
}

const SLOW_MS = 200;

export class ModelCache {
  readonly #simulation: Simulation;
  readonly #epochs = new Map<string, string>();
  readonly #records = new Map<string, Stored>();
  readonly #listeners = new Map<Node, Set<(event: CacheEvent) => void>>();
  #versions = 0;
  #downUntil = 0;
  #slowUntil = 0;
  #losesNextWrite = false;
  #connection = 1;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  fail(fault: CacheFault): void {
    const { now } = this.#simulation;
    switch (fault.what) {
      case "down":
        this.#downUntil = Math.max(this.#downUntil, now + fault.ms);
        this.#tell({ kind: "lost", reason: "the model took it away" });
        this.#simulation.at(this.#downUntil, () => this.#restored(false));
        return;
      case "slow":
        this.#slowUntil = Math.max(this.#slowUntil, now + fault.ms);
        return;
      case "emptied":
        this.#records.clear();
        this.#epochs.clear();
        this.#restored(true);
        return;
      case "evict":
        for (const key of [...this.#records.keys()])
          if (this.#simulation.random() < 0.5) this.#records.delete(key);
        this.#tell({ kind: "dropped", cause: "evicted" });
        return;
      case "lose-writes":
        this.#losesNextWrite = true;
    }
  }

  /** The cache as one replica sees it. */
  from(node: Node): DocumentCache {
    const read = <T>(apply: () => T): Promise<T> => this.#call(node, false, apply);
    const write = <T>(apply: () => T): Promise<T> => this.#call(node, true, apply);
    return {
      get: (set, ids, parts) =>
        read(() => ({
          epoch: this.#epochs.get(set),
          records: ids.map((id) => {
            const found = this.#find(set, id);
            if (found === undefined) return undefined;
            const { attributes, vector, ...rest } = found;
            return {
              ...rest,
              ...(attributes !== undefined && parts.includes("attributes") ? { attributes } : {}),
              ...(vector !== undefined && parts.includes("vector") ? { vector } : {}),
            };
          }),
        })),
      put: (set, writes) => write(() => writes.map((each) => this.#put(set, each))),
      mergeIfPresent: (set, ids, merge) =>
        write(() =>
          ids.map((id): CacheMergeOutcome => {
            const current = this.#find(set, id);
            if (current === undefined) return { status: "absent" };
            const { vector, ...seen } = current;
            const merged = merge(id, seen);
            if (merged === undefined) return { status: "kept" };
            const kept = merged.vector === undefined ? vector : (merged.vector ?? undefined);
            const attributes = merged.attributes ?? current.attributes;
            return this.#put(set, {
              id,
              condition: { when: "always" },
              mark: merged.mark,
              epoch: merged.epoch,
              ...(attributes === undefined ? {} : { attributes }),
              ...(kept === undefined ? {} : { vector: kept }),
              ...(merged.ttlMs === undefined ? {} : { ttlMs: merged.ttlMs }),
            });
          }),
        ),
      delete: (set, ids) =>
        write(() => {
          for (const id of ids) this.#records.delete(`${set}\n${id}`);
        }),
      ensureEpoch: (set) => write(() => this.#epochs.get(set) ?? this.#newEpoch(set)),
      changeEpoch: (set) => write(() => this.#newEpoch(set)),
      scan: (set) =>
        read(() => ({
          records: [...this.#records.keys()]
            .filter((key) => key.startsWith(`${set}\n`))
            .flatMap((key) => {
              const id = key.slice(set.length + 1);
              const record = this.#find(set, id);
              return record !== undefined && record.epoch === this.#epochs.get(set) ? [{ id, record }] : [];
            }),
        })),
      health: () =>
        this.#simulation.now < this.#downUntil
          ? { state: "down", since: node.clock.now(), connection: this.#connection, reason: "taken away" }
          : { state: "up", since: 0, connection: this.#connection },
      onEvent: (listener) => {
        const listeners = this.#listeners.get(node) ?? new Set();
        this.#listeners.set(node, listeners.add(listener));
        return () => listeners.delete(listener);
      },
      close: async () => undefined,
    };
  }

  #find(set: string, id: string): CachedRecord | undefined {
    const key = `${set}\n${id}`;
    const stored = this.#records.get(key);
    if (stored === undefined || stored.expiresAt > this.#simulation.now) return stored?.record;
    this.#records.delete(key);
    return undefined;
  }

  #put(set: string, write: CacheWrite): CacheWriteOutcome {
    if (!isCacheableId(write.id)) return { status: "uncacheable", reason: "bad-id" };
    const current = this.#find(set, write.id);
    if (write.condition.when === "absent" && current !== undefined) return { status: "conflict" };
    if (write.condition.when === "version" && current?.version !== write.condition.version)
      return { status: "conflict" };
    this.#versions += 1;
    const version = String(this.#versions);
    const { mark, epoch, attributes, vector, ttlMs = Number.POSITIVE_INFINITY } = write;
    const record = {
      mark,
      epoch,
      version,
      ...(attributes === undefined ? {} : { attributes }),
      ...(vector === undefined ? {} : { vector }),
    };
    this.#records.set(`${set}\n${write.id}`, { record, expiresAt: this.#simulation.now + ttlMs });
    return { status: "stored", version };
  }

  #newEpoch(set: string): string {
    this.#versions += 1;
    const epoch = `e${this.#versions}`;
    this.#epochs.set(set, epoch);
    return epoch;
  }

  #restored(emptied: boolean): void {
    if (this.#simulation.now < this.#downUntil) return;
    this.#connection += 1;
    this.#tell({ kind: "restored", connection: this.#connection, emptied });
  }

  #tell(event: CacheEvent): void {
    for (const [node, listeners] of this.#listeners)
      node.at(this.#simulation.now, () => {
        for (const listener of listeners) listener(event);
      });
  }

  #call<T>(node: Node, isWrite: boolean, apply: () => T): Promise<T> {
    const simulation = this.#simulation;
    const sentAt = simulation.now;
    return new Promise((resolve, reject) => {
      if (sentAt < this.#downUntil) {
        node.at(sentAt, () => reject(new CacheUnavailable("down", "the cache is down")));
        return;
      }
      const isLost = isWrite && this.#losesNextWrite;
      if (isLost) this.#losesNextWrite = false;
      const isSlow = isLost || sentAt < this.#slowUntil;
      node.at(sentAt + SLOW_MS, () => reject(new CacheUnavailable("timeout", "no answer in 200 ms")));
      if (isLost) return;
      // A slow call may still be applied, after its caller has gone on without it.
      simulation.at(sentAt + (isSlow ? SLOW_MS * 2 * simulation.random() : simulation.random()), () => {
        if (simulation.now < this.#downUntil) return;
        const result = apply();
        node.at(simulation.now + simulation.random(), () => resolve(result));
      });
    });
  }
}
