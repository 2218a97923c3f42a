/**
 * Virtual time for tests of what happens between replicas: minutes pass in milliseconds, in the same order for the same seed.
 * Nodes can be paused, as by a sleeping machine: nothing reaches them until they wake, and then everything at once.
 */

import type { Clock } from "../src/clock.js";
import {
  type BlobCallOptions,
  type BlobPutOutcome,
  type BlobStore,
  BlobStoreError,
} from "../src/ports/blob-store.js";

interface Event {
  at: number;
  order: number;
  run: () => void;
}

export class Simulation {
  now = 0;
  readonly random: () => number;
  readonly #events: Event[] = [];
  #order = 0;

  constructor(seed: number) {
    // Mulberry32: small, and good enough to shuffle events.
    let state = seed >>> 0;
    this.random = () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
    };
  }

  between(low: number, high: number): number {
    return low + this.random() * (high - low);
  }

  at(time: number, run: () => void): void {
    const event = { at: Math.max(time, this.now), order: this.#order, run };
    this.#order += 1;
    let index = this.#events.length;
    while (index > 0 && isAfter(this.#events[index - 1], event)) index -= 1;
    this.#events.splice(index, 0, event);
  }

  /** Runs events until `end`, letting promises settle after each. */
  async runUntil(end: number): Promise<void> {
    for (;;) {
      const next = this.#events[0];
      if (next === undefined || next.at > end) break;
      this.#events.shift();
      this.now = next.at;
      next.run();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.now = end;
  }
}

function isAfter(a: Event | undefined, b: Event): boolean {
  return a !== undefined && (a.at > b.at || (a.at === b.at && a.order > b.order));
}

/** A process in the simulation. */
export class Node {
  readonly name: string;
  readonly clock: Clock;
  isDead = false;
  #wakesAt = 0;
  #slept = 0;
  #sleptFrom = 0;
  readonly #simulation: Simulation;
  #wallMs: number;

  /** @param skew of its wall clock in ms, and of the rate of both clocks */
  constructor(simulation: Simulation, name: string, skew: { wallMs: number; rate: number }) {
    this.#simulation = simulation;
    this.name = name;
    this.#wallMs = skew.wallMs;
    this.clock = {
      now: () => 1_700_000_000_000 + this.#wallMs + simulation.now * skew.rate,
      monotonic: () => (simulation.now - this.#slept) * skew.rate,
    };
  }

  /** Stops for a while. @param freezesClock whether its monotonic clock stops too, as it does while a machine sleeps */
  pause(ms: number, freezesClock: boolean): void {
    this.#wakesAt = Math.max(this.#wakesAt, this.#simulation.now + ms);
    this.#sleptFrom = freezesClock ? ms : 0;
    this.#simulation.at(this.#wakesAt, () => {
      this.#slept += this.#sleptFrom;
      this.#sleptFrom = 0;
    });
  }

  /** The end of its last pause. */
  get wokeAt(): number {
    return this.#wakesAt;
  }

  /** Sets its wall clock anew, as a host does that has asked for the time. @param ms ahead of the true one */
  setWall(ms: number): void {
    this.#wallMs = ms;
  }

  /** Runs something in this process at `time`, or when it wakes; never once it is dead. */
  at(time: number, run: () => void): void {
    this.#simulation.at(time, () => {
      if (this.isDead) return;
      if (this.#wakesAt > this.#simulation.now) this.at(this.#wakesAt, run);
      else run();
    });
  }

  /** Runs something in this process `ms` from now, or when it wakes. */
  after(ms: number, run: () => void): void {
    this.at(this.#simulation.now + ms, run);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.at(this.#simulation.now + ms, resolve));
  }
}

/** How long a node waits for an answer of the store. */
const CALL_TIMEOUT_MS = 3_000;

export interface StoreFaults {
  /** Milliseconds on the way to the store and back. */
  latency: () => number;
  /** Chance that a call's answer is lost; the call may have been applied. */
  lost: number;
  /** Chance that a conditional write is refused with S3's 409 although its condition holds. */
  conflict: number;
}

/** A blob store in the simulation: one truth, reached over a network. */
export class SimulatedStore {
  readonly blobs = new Map<string, { body: Uint8Array; etag: string }>();
  faults: StoreFaults;
  /** Told of every write at the moment it is applied. */
  onWrite: (key: string, body: Uint8Array) => void = () => undefined;
  readonly #simulation: Simulation;
  #writes = 0;

  constructor(simulation: Simulation, faults: StoreFaults) {
    this.#simulation = simulation;
    this.faults = faults;
  }

  /** The store as a node sees it. */
  from(node: Node): BlobStore {
    const call = <T>(apply: () => T): Promise<T> => this.#call(node, apply);
    return {
      get: (key) => call(() => this.blobs.get(key)),
      putIfAbsent: (key, body) => call(() => this.#put(key, body, !this.blobs.has(key))),
      putIfMatch: (key, body, etag) => call(() => this.#put(key, body, this.blobs.get(key)?.etag === etag)),
      delete: (key) => call(() => void this.blobs.delete(key)),
      list: (
        { prefix, after = "", limit }: { prefix: string; after?: string; limit: number },
        _options?: BlobCallOptions,
      ) =>
        call(() => {
          const keys = [...this.blobs.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
          const entries = keys.slice(0, limit).map((key) => {
            const blob = this.blobs.get(key);
            return { key, etag: blob?.etag ?? "", sizeBytes: blob?.body.length ?? 0 };
          });
          return { entries, more: keys.length > limit };
        }),
      ping: () => call(() => undefined),
      close: async () => undefined,
    };
  }

  #put(key: string, body: Uint8Array, holds: boolean): BlobPutOutcome {
    if (!holds || this.#simulation.random() < this.faults.conflict) return { status: "conflict" };
    this.#writes += 1;
    this.onWrite(key, body);
    this.blobs.set(key, { body, etag: `"${this.#writes}"` });
    return { status: "stored", etag: `"${this.#writes}"` };
  }

  #call<T>(node: Node, apply: () => T): Promise<T> {
    const { latency, lost } = this.faults;
    const isLost = this.#simulation.random() < lost;
    const isApplied = !isLost || this.#simulation.random() < 0.5;
    const sent = this.#simulation.now;
    return new Promise((resolve, reject) => {
      // The client gives up; its request may still be on its way, and arrive.
      const late = new BlobStoreError("timeout", "no answer", { outcomeUnknown: true });
      node.at(sent + CALL_TIMEOUT_MS, () => reject(late));
      if (!isApplied) return;
      this.#simulation.at(sent + latency(), () => {
        const answer = apply();
        if (!isLost) node.at(this.#simulation.now + latency(), () => resolve(answer));
      });
    });
  }
}
