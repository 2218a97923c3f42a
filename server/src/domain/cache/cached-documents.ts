/**
 * Documents in the cache, as readers use them: looked up, and put there when upstream had to be asked.
 *
 * A reader that finds nothing takes a lease on the record before it asks upstream, and its answer goes in only where the lease
 * still stands. Whatever happens in between takes the lease away: a write that begins, another epoch, an eviction. So no row
 * that was read before a write was acknowledged is found after it, however slow its reader was.
 */

import type { Clock } from "../../clock.js";
import type { Metrics } from "../../metrics.js";
import {
  type CachedRecord,
  type CacheMerge,
  type CacheMergeOutcome,
  type CachePart,
  CacheUnavailable,
} from "../../ports/document-cache.js";
import type { OriginDocument } from "../documents/document-reads.js";
import type { CacheCalls } from "./cache-guard.js";
import type { Epochs } from "./epochs.js";
import {
  type Claim,
  decodeMark,
  encodeMark,
  isLiveMark,
  type RecordMark,
  type VectorForm,
  vectorFormOf,
} from "./record-mark.js";
import { isDocument } from "./stored-document.js";
import type { StoredVector } from "./stored-vector.js";

/** A document that may be answered from. */
export interface CachedDocument {
  /** In the form of `stored-document.ts`; only when asked for. */
  readonly attributes: Buffer | undefined;
  /** Only when asked for. Undefined: unknown to the cache. */
  readonly vector: StoredVector | undefined;
}

export interface CacheLookup {
  /** One for each id, in their order. */
  readonly documents: readonly (CachedDocument | undefined)[];
  /** The cache did not answer: everything is missing, and nothing may be filled in. */
  readonly failed: boolean;
  /** What was seen, for `prepare`. */
  readonly seen: SeenRecords | undefined;
}

interface SeenRecords {
  readonly namespace: string;
  readonly ids: readonly string[];
  readonly epoch: string | undefined;
  readonly records: readonly (CachedRecord | undefined)[];
}

/** The right to fill in what was missing. Take it before asking upstream. */
export interface Backfill {
  /** Whether there is anything to fill. */
  readonly isWanted: boolean;
  /** The cache failed while it was taken or used. */
  readonly hasFailed: boolean;
  /** Puts rows that upstream gave where nothing happened since. Never rejects. */
  fill(rows: ReadonlyMap<string, OriginDocument>): Promise<FillResult>;
}

export interface FillResult {
  /** Ids of the rows that are in the cache now. */
  readonly filled: ReadonlySet<string>;
}

export interface CachedDocuments {
  /** Reads documents. Never rejects: see `failed`. @param ids canonical, or as the caller has them */
  lookUp(namespace: string, ids: readonly string[], parts: readonly CachePart[]): Promise<CacheLookup>;
  /**
   * Takes leases on what a lookup missed, in a namespace that is known to exist. Never rejects.
   * @param ids out of those looked up, without repetition
   */
  prepare(lookup: CacheLookup, ids: readonly string[]): Promise<Backfill>;
}

export interface CachedDocumentsDependencies {
  readonly cache: Pick<CacheCalls, "get" | "put" | "mergeIfPresent">;
  readonly epochs: Pick<Epochs, "isServable" | "isDirty" | "settled">;
  /** Told of every namespace of which something is cached: somebody has to watch it for writes around the gateway. */
  readonly register: (namespace: string) => void;
  /** Told when a row is gone from the cache for good. */
  readonly onLost: (namespace: string) => void;
  /** Told of a namespace with a miss that no failure explains. */
  readonly onMiss: (namespace: string) => void;
  readonly clock: Clock;
  /** Random bytes in hexadecimal. */
  readonly random: (bytes: number) => string;
  readonly metrics: Pick<Metrics, "add" | "observe">;
}

/** How long a reader may take between its lookup and its answer, ms. */
const LEASE_MS = 30_000;
const TOKEN_BYTES = 8;
const SET_LABEL = "documents";

const nothingFilled: FillResult = { filled: new Set() };

/** No right to fill anything. */
export const noBackfill: Backfill = {
  isWanted: false,
  hasFailed: false,
  fill: async () => nothingFilled,
};

/** What stands for a right to fill: the lease's token, or the version of a live record that lacks its vector. */
type Ticket =
  | { readonly kind: "lease"; readonly token: string }
  | { readonly kind: "live"; readonly version: string };

export function createCachedDocuments(dependencies: CachedDocumentsDependencies): CachedDocuments {
  const { cache, epochs, register, onLost, onMiss, clock, random, metrics } = dependencies;

  function count(namespace: string, hits: number, misses: number, errors: number): void {
    const labels = { set: SET_LABEL, namespace };
    if (hits > 0) metrics.add("layer_cache_lookups_total", { ...labels, result: "hit" }, hits);
    if (misses > 0) metrics.add("layer_cache_lookups_total", { ...labels, result: "miss" }, misses);
    if (errors > 0) metrics.add("layer_cache_lookups_total", { ...labels, result: "error" }, errors);
  }

  async function lookUp(
    namespace: string,
    ids: readonly string[],
    parts: readonly CachePart[],
  ): Promise<CacheLookup> {
    const begunAt = clock.monotonic();
    // Asked before and after: the read may come back with the old epoch just as a change of it has cleaned the namespace.
    const wasDirty = epochs.isDirty(namespace);
    let result: "ok" | "error" = "ok";
    try {
      const { epoch, records } = await cache.get(namespace, ids, parts);
      const isServable = !wasDirty && epoch !== undefined && epochs.isServable(namespace, epoch);
      let hits = 0;
      let isCached = false;
      const documents = records.map((record) => {
        if (record === undefined || record.epoch !== epoch || !isLiveMark(record.mark)) return undefined;
        isCached = true;
        const document = isServable ? shown(record) : undefined;
        if (document !== undefined) hits += 1;
        return document;
      });
      if (isCached) register(namespace);
      count(namespace, hits, ids.length - hits, 0);
      return { documents, failed: false, seen: { namespace, ids, epoch, records } };
    } catch (error) {
      if (!(error instanceof CacheUnavailable)) throw error;
      result = "error";
      count(namespace, 0, 0, ids.length);
      return { documents: [], failed: true, seen: undefined };
    } finally {
      const seconds = (clock.monotonic() - begunAt) / 1_000;
      metrics.observe("layer_cache_lookup_duration_seconds", { result }, seconds);
    }
  }

  /** Whether a reader may take this record for its own, to fill it. */
  function isFree(mark: RecordMark, record: CachedRecord, epoch: string): boolean {
    switch (mark.kind) {
      case "live":
        return record.epoch !== epoch;
      case "gone":
      case "unsure":
        return true;
      case "lease":
        return record.epoch !== epoch || mark.claim.until <= clock.now();
      case "pending":
        return mark.writers.every(({ until }) => until <= clock.now());
      case "foreign":
        return false;
    }
  }

  async function takeLeases(
    { namespace, records, ids }: SeenRecords,
    epoch: string,
    wanted: ReadonlySet<string>,
  ): Promise<Map<string, Ticket>> {
    const tickets = new Map<string, Ticket>();
    const claim: Claim = { token: random(TOKEN_BYTES), until: clock.now() + LEASE_MS };
    const mark = encodeMark({ kind: "lease", claim });
    const writes = [];
    for (const [index, id] of ids.entries()) {
      if (!wanted.has(id)) continue;
      const record = records[index];
      const found = record && decodeMark(record.mark);
      if (record !== undefined && found?.kind === "live" && record.epoch === epoch)
        tickets.set(id, { kind: "live", version: record.version });
      else if (record === undefined || found === undefined)
        writes.push({ id, condition: { when: "absent" as const }, mark, epoch, ttlMs: LEASE_MS });
      else if (isFree(found, record, epoch)) {
        const condition = { when: "version" as const, version: record.version };
        writes.push({ id, condition, mark, epoch, ttlMs: LEASE_MS });
      }
    }
    if (writes.length === 0) return tickets;
    const outcomes = await cache.put(namespace, writes);
    for (const [index, { status }] of outcomes.entries())
      if (status === "stored") tickets.set(writes[index]?.id ?? "", { kind: "lease", token: claim.token });
    return tickets;
  }

  async function prepare({ seen }: CacheLookup, ids: readonly string[]): Promise<Backfill> {
    if (seen === undefined) return noBackfill;
    const { namespace } = seen;
    // Before upstream is asked: a write around the gateway after that has to be seen.
    register(namespace);
    onMiss(namespace);
    // What is filled in now would be forgotten, or could be older than what the flag stands for.
    if (epochs.isDirty(namespace)) return noBackfill;
    try {
      const epoch = await epochs.settled(namespace, seen.epoch);
      const tickets = await takeLeases(seen, epoch, new Set(ids));
      return tickets.size === 0 ? noBackfill : createBackfill(namespace, epoch, tickets);
    } catch (error) {
      if (error instanceof CacheUnavailable) return { ...noBackfill, hasFailed: true };
      throw error;
    }
  }

  /** What a row makes of a record whose ticket still holds. */
  function filled(
    ticket: Ticket,
    current: CachedRecord,
    { attributes, vector }: OriginDocument,
    epoch: string,
  ): CacheMerge | undefined {
    const mark = decodeMark(current.mark);
    const form: VectorForm = vector?.form ?? "unknown";
    const live = { mark: encodeMark({ kind: "live", since: clock.now(), vector: form }), epoch };
    if (ticket.kind === "lease") {
      if (mark.kind !== "lease" || mark.claim.token !== ticket.token) return undefined;
      return { ...live, attributes, vector: vector?.bytes ?? null };
    }
    if (mark.kind !== "live" || current.version !== ticket.version || vector === undefined) return undefined;
    return { ...live, vector: vector.bytes };
  }

  /** Counts what became of rows. @returns ids of those that were stored */
  function report(
    namespace: string,
    ids: readonly string[],
    outcomes: readonly CacheMergeOutcome[],
  ): Set<string> {
    const stored = new Set<string>();
    let uncacheable = 0;
    for (const [index, { status }] of outcomes.entries()) {
      if (status === "stored") stored.add(ids[index] as string);
      else if (status === "uncacheable") uncacheable += 1;
    }
    const add = (result: "stored" | "conflict" | "uncacheable", amount: number) => {
      if (amount > 0) metrics.add("layer_cache_backfills_total", { namespace, result }, amount);
    };
    add("stored", stored.size);
    add("conflict", ids.length - stored.size - uncacheable);
    add("uncacheable", uncacheable);
    if (uncacheable > 0) onLost(namespace);
    return stored;
  }

  function createBackfill(namespace: string, epoch: string, tickets: ReadonlyMap<string, Ticket>): Backfill {
    let hasFailed = false;

    async function fill(rows: ReadonlyMap<string, OriginDocument>): Promise<FillResult> {
      const ids = [...tickets.keys()].filter((id) => rows.has(id));
      if (ids.length === 0) return nothingFilled;
      const begunAt = clock.monotonic();
      let result: "ok" | "error" = "ok";
      try {
        const outcomes = await cache.mergeIfPresent(namespace, ids, (id, current) =>
          filled(tickets.get(id) as Ticket, current, rows.get(id) as OriginDocument, epoch),
        );
        return { filled: report(namespace, ids, outcomes) };
      } catch (error) {
        if (!(error instanceof CacheUnavailable)) throw error;
        hasFailed = true;
        result = "error";
        metrics.add("layer_cache_backfills_total", { namespace, result }, ids.length);
        return nothingFilled;
      } finally {
        const seconds = (clock.monotonic() - begunAt) / 1_000;
        metrics.observe("layer_cache_backfill_duration_seconds", { result }, seconds);
      }
    }

    return {
      isWanted: true,
      get hasFailed() {
        return hasFailed;
      },
      fill,
    };
  }

  return { lookUp, prepare };
}

/** A live record as a document; undefined when its bytes are of a form that this version cannot read. */
function shown({ mark, attributes, vector }: CachedRecord): CachedDocument | undefined {
  if (attributes !== undefined && !isDocument(attributes)) return undefined;
  const form = vectorFormOf(mark);
  return {
    attributes: attributes === undefined ? undefined : asBuffer(attributes),
    vector: vector === undefined || form === "unknown" ? undefined : { form, bytes: vector },
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Where there is no cache: everything is a miss, and nothing is kept. */
export const noCachedDocuments: CachedDocuments = {
  lookUp: async () => ({ documents: [], failed: false, seen: undefined }),
  prepare: async () => noBackfill,
};
