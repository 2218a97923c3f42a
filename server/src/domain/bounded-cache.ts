/** Values kept for a while, the least recently used leaving first when there are too many. */

import type { Clock } from "../clock.js";

export interface BoundedCacheOptions {
  /** How long a value is served, ms; 0 keeps nothing. */
  ttlMs: number;
  entriesMax: number;
}

export class BoundedCache<Value> {
  readonly #clock: Clock;
  readonly #options: BoundedCacheOptions;
  /** In order of last use, oldest first. */
  readonly #entries = new Map<string, { value: Value; expiresAt: number }>();

  constructor(clock: Clock, options: BoundedCacheOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (entry.expiresAt <= this.#clock.monotonic()) return undefined;
    this.#entries.set(key, entry);
    return entry.value;
  }

  set(key: string, value: Value): void {
    if (this.#options.ttlMs <= 0) return;
    this.#entries.delete(key);
    this.#entries.set(key, { value, expiresAt: this.#clock.monotonic() + this.#options.ttlMs });
    if (this.#entries.size <= this.#options.entriesMax) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }
}
