/** What is remembered of each watched namespace, bounded. */

import type { LastWrites } from "./last-writes.js";
import { type IndexStatus, type NamespaceView, unknownView } from "./view.js";
import type { WatermarkRecord } from "./watermark-records.js";

export class WatchedNamespace {
  status: IndexStatus = "unknown";
  hasStamp = false;
  watermark: number | undefined;
  /** The record of an earlier process: its watermark counts before ours is shown. */
  record: WatermarkRecord | "unread" | "absent";
  /** Monotonic time before which reading the record is not tried again. */
  readRecordAt = Number.NEGATIVE_INFINITY;
  /** Monotonic time at which the record was last stored. */
  recordedAt = Number.NEGATIVE_INFINITY;
  /** What the watermark should pass soon, for the sake of a write here or elsewhere. */
  written = Number.NEGATIVE_INFINITY;
  /** Monotonic time of the last news of a write. */
  writtenAt = Number.NEGATIVE_INFINITY;
  /** Highest stamp that this process has written. */
  wrote = Number.NEGATIVE_INFINITY;
  /** Monotonic time of that write. */
  wroteAt = Number.NEGATIVE_INFINITY;
  /** Monotonic time at which the newest request began whose answer told something. */
  observedFrom = Number.NEGATIVE_INFINITY;
  /** Monotonic time at which the last poll began. */
  polledAt = Number.NEGATIVE_INFINITY;
  /** Monotonic time of the next poll. */
  dueAt: number;
  isPolling = false;
  /** Polls in a row that told nothing. */
  failures = 0;
  /** In the order of use. */
  usedAt = 0;
  #view: NamespaceView = unknownView;

  constructor(
    readonly name: string,
    readonly lastWrites: LastWrites,
    options: { isRecorded: boolean; dueAt: number },
  ) {
    this.record = options.isRecorded ? "unread" : "absent";
    this.dueAt = options.dueAt;
  }

  get view(): NamespaceView {
    return this.#view;
  }

  /** Makes the view what the fields say. A watermark is hidden until the record has had its say, lest it go back. */
  show(): void {
    const watermark = this.record === "unread" ? undefined : this.watermark;
    this.#view = { status: this.status, watermark, hasStamp: this.hasStamp };
  }

  /** @returns whether the watermark has moved on */
  advance(watermark: number): boolean {
    if (!Number.isFinite(watermark) || watermark <= (this.watermark ?? Number.NEGATIVE_INFINITY))
      return false;
    this.watermark = watermark;
    return true;
  }
}

/** Up to `max` namespaces; the one used longest ago leaves when another comes. */
export class WatchedNamespaces {
  readonly #max: number;
  readonly #namespaces = new Map<string, WatchedNamespace>();
  #uses = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#namespaces.size;
  }

  /** Counts as a use. */
  use(name: string): WatchedNamespace | undefined {
    const found = this.#namespaces.get(name);
    if (found !== undefined) found.usedAt = ++this.#uses;
    return found;
  }

  get(name: string): WatchedNamespace | undefined {
    return this.#namespaces.get(name);
  }

  /** @returns the one that had to leave */
  add(namespace: WatchedNamespace): WatchedNamespace | undefined {
    namespace.usedAt = ++this.#uses;
    const leaving = this.#namespaces.size >= this.#max ? this.#leastUsed() : undefined;
    if (leaving !== undefined) this.#namespaces.delete(leaving.name);
    this.#namespaces.set(namespace.name, namespace);
    return leaving;
  }

  /** Whether it is watched, and not another of the same name. */
  has(namespace: WatchedNamespace): boolean {
    return this.#namespaces.get(namespace.name) === namespace;
  }

  delete(name: string): boolean {
    return this.#namespaces.delete(name);
  }

  [Symbol.iterator](): Iterator<WatchedNamespace> {
    return this.#namespaces.values();
  }

  /** A scan: it happens once for every newcomer of a full registry, and keeps every use cheap. */
  #leastUsed(): WatchedNamespace | undefined {
    let least: WatchedNamespace | undefined;
    for (const namespace of this.#namespaces.values())
      if (least === undefined || namespace.usedAt < least.usedAt) least = namespace;
    return least;
  }
}
