/**
 * The epoch of each namespace in the cache, and whether what is cached under it may be served.
 *
 * Changing the epoch forgets a namespace in one small write. When even that does not reach the cache, the namespace is dirty:
 * here at once, for every replica by a durable flag, and nothing of it is served before its epoch has changed. Hits also wait
 * until somebody watches for writes around the gateway, and until the flags have been looked at since the cache came back.
 *
 * A replica that has not looked for a while serves nothing, so whoever flags a namespace knows when the last one has stopped: the
 * write that could not be told to the cache is acknowledged after that. This is the one case in which a cache that fails slows a
 * write down by more than its budget, once a namespace and failure: the alternative is to acknowledge what others then do not
 * show.
 */

import type { Clock } from "../../clock.js";
import type { Log } from "../../log.js";
import { BlobStoreError } from "../../ports/blob-store.js";
import { CacheUnavailable, type DocumentCache } from "../../ports/document-cache.js";
import { pause, type Timers, within } from "../../timers.js";
import { BoundedCache } from "../bounded-cache.js";
import type { CacheCalls } from "./cache-guard.js";
import type { DirtyFlag, DirtyFlags } from "./dirty-flags.js";

export interface Epochs {
  /** The namespace's epoch, made when it has none. @throws CacheUnavailable */
  current(namespace: string): Promise<string>;
  /** As `current`, where a read of the cache has told already whether there is one. @throws CacheUnavailable */
  settled(namespace: string, read: string | undefined): Promise<string>;
  /** Whether records of this epoch may be served now. */
  isServable(namespace: string, epoch: string): boolean;
  /** Whether the namespace has an invalidation that has not reached the cache. */
  isDirty(namespace: string): boolean;
  /** Forgets all that is cached of a namespace; resolves when no replica serves it any more. Never rejects. */
  change(namespace: string, why: string): Promise<void>;
  /** The same, again after `forMs`, with no hits in between: something may still be applied. */
  changeUntil(namespace: string, why: string, forMs: number): Promise<void>;
  /** Somebody watches the namespace, and every write so far is accounted for: what is cached may be served. */
  vouch(namespace: string): void;
  /** Nobody watches it any more. */
  disavow(namespace: string): void;
  /** Called when a namespace was forgotten, or is about to be. */
  onChange(listener: (namespace: string) => void): void;
  /** Looks at the flags and cleans what is dirty; about every second. Never rejects. */
  runOnce(signal?: AbortSignal): Promise<void>;
}

export interface EpochsDependencies {
  readonly cache: CacheCalls & Pick<DocumentCache, "onEvent">;
  /** Undefined without a blob store: this is the only replica. */
  readonly flags: DirtyFlags | undefined;
  readonly replicaId: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Pick<Log, "warn" | "info">;
}

/** A flag that this replica holds counts as known for as long, ms; then it is renewed by the next failure. */
const HELD_MS = 5_000;
/** A flag of another replica that did not change for as long is nobody's any more, ms. */
const ABANDONED_MS = 30_000;
/** A flag that was renewed within as long has been there all the time, ms. */
const UNBROKEN_MS = 20_000;
/**
 * Time a flag that nobody can know of yet is given to be stored, ms: over several tries of a store that loses some. A replica for
 * which the cache and the blob store are both gone for longer acknowledges what others may not show until the flag is stored.
 */
const TELL_MS = 20_000;
const TELL_PAUSE_MS = 250;
/** Hits go on for as long without a look, ms; several may fail or be late. */
const FRESH_MS = 2_500;
const NAMESPACES_MAX = 10_000;

interface Dirty {
  /** Monotonic, ms: not clean before. */
  until: number;
  /** Grows with every further failure. */
  failures: number;
  /** Monotonic time of the last renewal of the durable flag that succeeded. */
  heldAt: number;
  /** The renewal under way. */
  holding: Promise<void> | undefined;
  /** Monotonic time from which on no replica serves the namespace from the cache. */
  safeAt: number;
}

export function createEpochs(dependencies: EpochsDependencies): Epochs {
  const { cache, flags, replicaId, clock, timers, log } = dependencies;
  const trusted = new BoundedCache<string>(clock, {
    ttlMs: Number.MAX_SAFE_INTEGER,
    entriesMax: NAMESPACES_MAX,
  });
  /** Namespaces that are watched, whichever epoch they had when that began. */
  const vouched = new BoundedCache<true>(clock, {
    ttlMs: Number.MAX_SAFE_INTEGER,
    entriesMax: NAMESPACES_MAX,
  });
  const dirty = new Map<string, Dirty>();
  /** Namespaces that are being forgotten, and by how many. */
  const changing = new Map<string, number>();
  /** Flags of other replicas, and since when they are as they are. */
  let flagged = new Map<string, { flag: DirtyFlag; since: number }>();
  const listeners: ((namespace: string) => void)[] = [];
  let lookedAt = Number.NEGATIVE_INFINITY;
  let restoredAt = Number.NEGATIVE_INFINITY;
  cache.onEvent(({ kind }) => {
    if (kind === "restored") restoredAt = clock.monotonic();
  });

  const notify = (namespace: string) => {
    for (const listener of listeners) listener(namespace);
  };

  async function renew(namespace: string): Promise<void> {
    notify(namespace);
    changing.set(namespace, (changing.get(namespace) ?? 0) + 1);
    try {
      trusted.set(namespace, await cache.changeEpoch(namespace));
    } finally {
      const others = (changing.get(namespace) ?? 1) - 1;
      if (others > 0) changing.set(namespace, others);
      else changing.delete(namespace);
    }
  }

  /** Makes the namespace dirty here at once, and resolves when no replica serves it from the cache. */
  async function soil(namespace: string, untilMs: number): Promise<void> {
    const known = dirty.get(namespace);
    const never = Number.NEGATIVE_INFINITY;
    const entry = known ?? { until: 0, failures: 0, heldAt: never, holding: undefined, safeAt: never };
    entry.until = Math.max(entry.until, untilMs);
    entry.failures += 1;
    dirty.set(namespace, entry);
    if (flags === undefined) return;
    if (clock.monotonic() - entry.heldAt >= UNBROKEN_MS) {
      await tell(namespace, entry);
      // By then the others have looked, or could not and have stopped.
      entry.safeAt = Math.max(entry.safeAt, clock.monotonic() + FRESH_MS);
    } else if (clock.monotonic() - entry.heldAt >= HELD_MS) entry.holding ??= hold(namespace, entry);
    const leftMs = entry.safeAt - clock.monotonic();
    if (leftMs > 0) await pause(timers, leftMs);
  }

  /** Stores a flag that is not there, however often that fails at first. Never rejects. */
  async function tell(namespace: string, entry: Dirty): Promise<void> {
    const isTold = () => clock.monotonic() - entry.heldAt < UNBROKEN_MS;
    const until = clock.monotonic() + TELL_MS;
    for (;;) {
      entry.holding ??= hold(namespace, entry);
      await within(timers, Math.max(0, until - clock.monotonic()), entry.holding);
      if (isTold() || clock.monotonic() >= until) return;
      await pause(timers, TELL_PAUSE_MS);
    }
  }

  /** Renews the durable flag. Never rejects. */
  async function hold(namespace: string, entry: Dirty): Promise<void> {
    const begunAt = clock.monotonic();
    try {
      await flags?.hold(namespace);
      entry.heldAt = begunAt;
    } catch (err) {
      log.warn({ namespace, err }, "dirty flag could not be stored yet");
    } finally {
      entry.holding = undefined;
    }
  }

  async function change(namespace: string, why: string): Promise<void> {
    try {
      await renew(namespace);
    } catch (err) {
      if (!(err instanceof CacheUnavailable)) throw err;
      const { reason } = err;
      if (!dirty.has(namespace))
        log.warn({ namespace, why, reason }, "cached documents could not be forgotten yet");
      await soil(namespace, 0);
    }
  }

  /** Cleans one namespace of ours, with its flag where there is one. */
  async function clean(namespace: string, entry: Dirty, flag: DirtyFlag | undefined): Promise<void> {
    if (clock.monotonic() < entry.until) return;
    const { failures } = entry;
    await renew(namespace);
    // Something failed while this one was being cleaned: once more.
    if (entry.failures !== failures) return;
    if (flag !== undefined && !(await letGo(flag, [replicaId]))) return;
    if (entry.failures !== failures) return;
    dirty.delete(namespace);
    log.info({ namespace }, "cached documents were forgotten late");
  }

  /** Takes holders off a flag. False when it has changed since it was looked at: the next look tells. */
  async function letGo(flag: DirtyFlag, holders: readonly string[]): Promise<boolean> {
    if ((await flags?.release(flag, holders)) !== true) return false;
    if (flag.holders.every((holder) => holders.includes(holder))) flagged.delete(flag.namespace);
    return true;
  }

  /** Takes over the flags whose holders are gone. */
  async function adopt({ flag, since }: { flag: DirtyFlag; since: number }): Promise<void> {
    const others = flag.holders.filter((holder) => holder !== replicaId);
    if (others.length === 0 || clock.monotonic() - since < ABANDONED_MS) return;
    await renew(flag.namespace);
    await letGo(flag, others);
  }

  async function look(signal: AbortSignal | undefined): Promise<void> {
    const begunAt = clock.monotonic();
    const listed = (await flags?.list(signal)) ?? [];
    const before = flagged;
    flagged = new Map();
    for (const flag of listed) {
      const known = before.get(flag.namespace);
      const since = known?.flag.etag === flag.etag ? known.since : begunAt;
      flagged.set(flag.namespace, { flag, since });
      if (known === undefined) notify(flag.namespace);
    }
    lookedAt = begunAt;
  }

  async function cleanAll(signal: AbortSignal | undefined): Promise<void> {
    for (const [namespace, entry] of [...dirty]) {
      signal?.throwIfAborted();
      // A flag that could not be stored at first is still owed to the others while the cache is away.
      if (flags !== undefined && entry.heldAt === Number.NEGATIVE_INFINITY) {
        entry.holding ??= hold(namespace, entry);
        await entry.holding;
      }
      await clean(namespace, entry, flagged.get(namespace)?.flag);
    }
    for (const [namespace, known] of [...flagged]) {
      signal?.throwIfAborted();
      // Stored so late that the namespace was clean again by then.
      if (known.flag.holders.includes(replicaId) && !dirty.has(namespace))
        await letGo(known.flag, [replicaId]);
      else await adopt(known);
    }
  }

  return {
    current: async (namespace) => {
      const { epoch } = await cache.get(namespace, [], []);
      return epoch ?? make(namespace);
    },
    settled: async (namespace, read) => read ?? make(namespace),

    isServable(namespace, epoch) {
      if (changing.size > 0 && changing.has(namespace)) return false;
      if (dirty.size > 0 && dirty.has(namespace)) return false;
      if (flagged.size > 0 && flagged.has(namespace)) return false;
      if (flags !== undefined && (lookedAt < restoredAt || clock.monotonic() - lookedAt > FRESH_MS))
        return false;
      return trusted.get(namespace) === epoch || vouched.get(namespace) === true;
    },

    isDirty: (namespace) => dirty.has(namespace) || flagged.has(namespace),
    change,

    async changeUntil(namespace, why, forMs) {
      await soil(namespace, clock.monotonic() + forMs);
      log.warn({ namespace, why, forMs }, "documents are not served from the cache for a while");
    },

    vouch: (namespace) => vouched.set(namespace, true),
    disavow: (namespace) => vouched.delete(namespace),
    onChange: (listener) => void listeners.push(listener),

    async runOnce(signal) {
      try {
        await look(signal);
        await cleanAll(signal);
      } catch (err) {
        if (signal?.aborted) return;
        if (!(err instanceof CacheUnavailable || err instanceof BlobStoreError))
          log.warn({ err }, "dirty flags could not be looked at");
      }
    },
  };

  /** What is in a set without an epoch is nobody's, so the new one has nothing old under it. */
  async function make(namespace: string): Promise<string> {
    const epoch = await cache.ensureEpoch(namespace);
    trusted.set(namespace, epoch);
    return epoch;
  }
}
