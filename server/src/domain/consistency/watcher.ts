/**
 * Watches the index of namespaces, so that reads know which rows have settled.
 *
 * A poll asks upstream for a namespace's metadata. One that says `up-to-date` moves the watermark up to what was true before it was
 * sent: the safety margin before its start, below every write of this replica that was in flight, and within what the other
 * replicas allow (invariant 11 of ARCHITECTURE.md). Polls come often while a namespace is updating, unknown, or written to
 * beyond its watermark, and seldom otherwise; a write makes one due at once.
 *
 * Nothing here runs by itself: `runOnce` is called several times per interval.
 */

import type { Clock } from "../../clock.js";
import type { Upstream, UpstreamAnswer } from "../../ports/upstream.js";
import { mapConcurrently } from "../concurrently.js";
import { namespacePath } from "../forwarding/forwarding.js";
import { isSuccess } from "../forwarding/relay.js";
import type { BackgroundReads } from "../jobs/background-reads.js";
import { LastWrites } from "./last-writes.js";
import { readObserved } from "./observed-metadata.js";
import { createPollQueue } from "./poll-queue.js";
import type { Replica } from "./replica.js";
import { type IndexStatus, type StableViews, unknownView } from "./view.js";
import { WatchedNamespace, WatchedNamespaces } from "./watched-namespaces.js";
import { createWatermarkKeeper } from "./watermark-keeper.js";
import type { WatermarkRecords } from "./watermark-records.js";
import type { WriteHolds } from "./write-holds.js";

/** Called while polls are judged; must return at once and not throw. */
export interface WatcherListener {
  /** A stable poll has moved the watermark on. */
  stable?(namespace: string, watermark: number): void;
  /** Somebody wrote around the gateway: upstream's last write is none of any replica's. */
  foreignWrite?(namespace: string): void;
  /** A poll was judged, and every write so far is some replica's, or was told of as foreign. */
  accounted?(namespace: string): void;
  /** The namespace is watched no longer: it is gone upstream, or others were used more. */
  dropped?(namespace: string): void;
}

/** A request for metadata that is about to be sent, and what was true then. */
export interface Observation {
  /** Its answer, whatever the status; one that tells nothing changes nothing. Resolves when `view` shows it. */
  saw(answer: UpstreamAnswer): Promise<void>;
}

/** A watched namespace, for whoever measures. */
export interface WatchedState {
  readonly namespace: string;
  readonly status: IndexStatus;
  /** Epoch-ms. */
  readonly watermark: number | undefined;
  /** How far it is behind the clock of stamps, ms; undefined without a watermark. */
  readonly lagMs: number | undefined;
}

/** How often things happened since the start. */
export interface WatcherTotals {
  readonly polls: number;
  /** Polls without an answer that told something, out of `polls`. */
  readonly failedPolls: number;
  readonly foreignWrites: number;
  /** Namespaces that had to leave, or were gone. */
  readonly dropped: number;
}

export interface Watcher extends StableViews {
  /** Begins to watch a namespace. Idempotent; never called for a listing. */
  register(namespace: string): void;
  /** A write succeeded: watched, polled at once, and often until the watermark has passed it. @param stamp epoch-ms */
  noteWritten(namespace: string, stamp: number): void;
  /**
   * Call just before a metadata request is sent for a caller, with decoded body and full: its answer counts as a poll.
   * Registers on success.
   */
  observe(namespace: string): Observation;
  /** One poll now, in the share of background reads; its answer counts. @throws AppError; the signal's reason */
  poll(namespace: string, signal?: AbortSignal): Promise<UpstreamAnswer>;
  /** The namespace was deleted: all that is known of it goes. */
  forget(namespace: string): void;
  /** @returns ends the listening */
  on(listener: WatcherListener): () => void;
  /** Sends the polls that are due. Resolves when they are over, or left to a later call. Never rejects. */
  runOnce(signal?: AbortSignal): Promise<void>;
  /** Stores the watermarks that are not stored yet. Never rejects. */
  flush(signal?: AbortSignal): Promise<void>;
  /** How many namespaces are watched. */
  readonly size: number;
  /** Of every watched namespace. */
  snapshot(): Iterable<WatchedState>;
  totals(): WatcherTotals;
}

export interface WatcherDependencies {
  readonly upstream: Pick<Upstream, "send">;
  readonly clock: Clock;
  readonly holds: WriteHolds;
  readonly replica: Replica;
  readonly backgroundReads: BackgroundReads;
  /** Where watermarks outlive the process; undefined without a blob store. */
  readonly records: WatermarkRecords | undefined;
  /** 0 to 1, to spread polls of the slow tier. */
  readonly random: () => number;
  /** Gives up a call of the blob store after `ms`. Default `AbortSignal.timeout`. */
  readonly timeout?: (ms: number) => AbortSignal;
}

export interface WatcherOptions {
  /** Fast tier, ms. */
  readonly pollIntervalMs: number;
  /** Slow tier, ms. */
  readonly stablePollIntervalMs: number;
  /** What upstream's nodes and its metadata may trail an acknowledged write by, ms. */
  readonly marginMs: number;
  /** Longest a poll may take, ms. Default 5,000. */
  readonly pollTimeoutMs?: number;
  /** Default 10,000. */
  readonly namespacesMax?: number;
  /** Polls in flight at once. Default 16. */
  readonly pollsInFlightMax?: number;
}

/** Longest that anything holds a watermark: a dead replica for 75 s, a write without an answer for 120 s. */
const HELD_MAX_MS = 150_000;
/** Share of the slow tier by which a poll comes earlier, at random. */
const JITTER = 0.2;
/** Pauses between failed polls double up to so many times the fast interval. */
const BACKOFF_MAX = 32;
/** How soon a stable namespace without a watermark is polled again, ms. */
const BLOBS_AGAIN_MS = 5_000;
const FLUSHES_IN_FLIGHT_MAX = 8;

/** What was true when a request for metadata was sent. */
interface Ticket {
  readonly monotonic: number;
  readonly startedAt: number;
  /** No answer to it can prove more. */
  readonly watermark: number;
}

export function createWatcher(dependencies: WatcherDependencies, options: WatcherOptions): Watcher {
  const { upstream, clock, holds, replica, backgroundReads, records, random } = dependencies;
  const { marginMs, pollIntervalMs, stablePollIntervalMs } = options;
  const namespaces = new WatchedNamespaces(options.namespacesMax ?? 10_000);
  const keeper = createWatermarkKeeper({
    records,
    clock,
    timeout: dependencies.timeout ?? AbortSignal.timeout,
  });
  const listeners = new Set<WatcherListener>();
  const totals = { polls: 0, failedPolls: 0, foreignWrites: 0, dropped: 0 };
  const suspicious = new Set<WatchedNamespace>();
  let heardAt = Number.NEGATIVE_INFINITY;

  function register(name: string): WatchedNamespace {
    const known = namespaces.use(name);
    if (known !== undefined) return known;
    // Without records nobody knows what a cache holds of earlier days.
    const lastWrites = new LastWrites({ marginMs, trustsBefore: records && holds.now() - marginMs });
    const made = new WatchedNamespace(name, lastWrites, {
      isRecorded: records !== undefined,
      dueAt: clock.monotonic(),
    });
    const left = namespaces.add(made);
    if (left !== undefined) drop(left);
    return made;
  }

  function drop(namespace: WatchedNamespace): void {
    suspicious.delete(namespace);
    namespaces.delete(namespace.name);
    totals.dropped += 1;
    for (const listener of listeners) listener.dropped?.(namespace.name);
  }

  /** Poll at once, or with the next poll of the fast tier where it is on that already. */
  function hasten(namespace: WatchedNamespace): void {
    const soonest = Math.max(clock.monotonic(), namespace.polledAt + pollIntervalMs);
    namespace.dueAt = Math.min(namespace.dueAt, soonest);
  }

  /** @param through when the write was over; its caller may wait for a watermark beyond the time at which it heard of that */
  function rearm(namespace: WatchedNamespace, through: number): void {
    namespace.written = Math.max(namespace.written, through + marginMs);
    namespace.writtenAt = clock.monotonic();
    hasten(namespace);
  }

  function take(name: string): Ticket {
    const startedAt = holds.now();
    const oldest = holds.oldest(name) ?? Number.POSITIVE_INFINITY;
    return {
      monotonic: clock.monotonic(),
      startedAt,
      watermark: Math.min(startedAt - marginMs, oldest - 1, replica.limit()),
    };
  }

  /** What a write has made due meanwhile comes first. */
  function schedule(namespace: WatchedNamespace): void {
    const now = clock.monotonic();
    namespace.dueAt = Math.min(namespace.dueAt, now + Math.max(pauseAfter(namespace, now), pollIntervalMs));
  }

  function pauseAfter(namespace: WatchedNamespace, now: number): number {
    const { status, view, watermark = Number.NEGATIVE_INFINITY, written, writtenAt, failures } = namespace;
    const slow = stablePollIntervalMs * (1 - JITTER * random());
    const isHeld = watermark < written && now - writtenAt < HELD_MAX_MS;
    if (status !== "stable" || isHeld)
      return Math.min(pollIntervalMs * Math.min(2 ** failures, BACKOFF_MAX), slow);
    // Something of the blob store is missing: the record, or a first beat.
    return view.watermark === undefined ? Math.min(BLOBS_AGAIN_MS, slow) : slow;
  }

  /** @returns whether the answer told something */
  function apply(namespace: WatchedNamespace, answer: UpstreamAnswer, ticket: Ticket): boolean {
    if (!namespaces.has(namespace)) return false;
    if (answer.status === 404) {
      // Unless a write has made it since.
      if (namespace.wroteAt < ticket.monotonic) drop(namespace);
      return true;
    }
    const observed = isSuccess(answer) ? readObserved(answer) : undefined;
    if (observed === undefined) return false;
    judge(namespace, observed.lastWriteAt, ticket);
    // An answer that was overtaken by a younger question's tells of the past.
    if (ticket.monotonic >= namespace.observedFrom) {
      namespace.observedFrom = ticket.monotonic;
      namespace.status = observed.status;
      namespace.hasStamp = observed.hasStamp;
    }
    const advanced = observed.status === "stable" && namespace.advance(ticket.watermark);
    namespace.show();
    if (advanced) for (const listener of listeners) listener.stable?.(namespace.name, ticket.watermark);
    return true;
  }

  function judge(namespace: WatchedNamespace, lastWriteAt: number | undefined, ticket: Ticket): void {
    // What an earlier replica knew comes first.
    if (namespace.record === "unread") return;
    const own = holds.writtenThrough(namespace.name);
    namespace.lastWrites.saw({ lastWriteAt, startedAt: ticket.startedAt, own, now: clock.monotonic() });
    convict(namespace);
  }

  function convict(namespace: WatchedNamespace): void {
    if (namespace.lastWrites.isProved(replica.heard())) {
      totals.foreignWrites += 1;
      for (const listener of listeners) listener.foreignWrite?.(namespace.name);
    }
    if (namespace.lastWrites.isSuspicious) {
      suspicious.add(namespace);
      return;
    }
    suspicious.delete(namespace);
    for (const listener of listeners) listener.accounted?.(namespace.name);
  }

  /** What the other replicas wrote makes polls due, and settles suspicions. */
  function hear(): void {
    const heard = replica.heard();
    if (heard.lookedAt > heardAt) {
      heardAt = heard.lookedAt;
      for (const [name, through] of heard.writes) {
        const namespace = namespaces.get(name);
        if (namespace?.lastWrites.othersWrote(through)) rearm(namespace, through);
      }
    }
    for (const namespace of suspicious) convict(namespace);
  }

  async function ask(namespace: WatchedNamespace, signal: AbortSignal | undefined): Promise<UpstreamAnswer> {
    let ticket = take(namespace.name);
    namespace.polledAt = ticket.monotonic;
    namespace.dueAt = Number.POSITIVE_INFINITY;
    namespace.isPolling = true;
    totals.polls += 1;
    let told = false;
    try {
      await keeper.read(namespace);
      const send = (): Promise<UpstreamAnswer> => {
        ticket = take(namespace.name);
        return upstream.send({
          method: "GET",
          path: namespacePath("v2", namespace.name, "metadata"),
          effect: "read",
          answer: "decoded",
          timeoutMs: options.pollTimeoutMs ?? 5_000,
          ...(signal === undefined ? {} : { signal }),
        });
      };
      const answer = await backgroundReads.run(namespace.name, send, signal);
      told = apply(namespace, answer, ticket);
      return answer;
    } finally {
      if (!told) totals.failedPolls += 1;
      namespace.failures = told ? 0 : namespace.failures + 1;
      namespace.isPolling = false;
      schedule(namespace);
    }
  }

  const queue = createPollQueue<WatchedNamespace>(
    options.pollsInFlightMax ?? 16,
    async (namespace, signal) => {
      if (namespace.isPolling || !namespaces.has(namespace)) return;
      // A poll that fails changes nothing; it is counted, and asked again.
      await ask(namespace, signal).catch(() => undefined);
      if (namespaces.has(namespace)) await keeper.store(namespace);
    },
  );

  return {
    view: (name) => namespaces.use(name)?.view ?? unknownView,

    register: (name) => void register(name),

    noteWritten(name, stamp) {
      const namespace = register(name);
      namespace.wrote = Math.max(namespace.wrote, stamp);
      namespace.wroteAt = clock.monotonic();
      rearm(namespace, Math.max(stamp, holds.now()));
    },

    observe(name) {
      const ticket = take(name);
      return {
        async saw(answer) {
          const isKnown = isSuccess(answer) || namespaces.get(name) !== undefined;
          if (!isKnown) return;
          const namespace = register(name);
          await keeper.read(namespace);
          if (!apply(namespace, answer, ticket) || namespace.isPolling) return;
          namespace.dueAt = Number.POSITIVE_INFINITY;
          schedule(namespace);
          // Whoever asks wants to know, and only a poll sees to it that the other replicas allow more.
          if (replica.limit() < ticket.startedAt - marginMs) hasten(namespace);
        },
      };
    },

    async poll(name, signal) {
      await replica.freshen(signal);
      const namespace = register(name);
      return ask(namespace, signal);
    },

    forget(name) {
      const namespace = namespaces.get(name);
      if (namespace === undefined) return;
      suspicious.delete(namespace);
      namespaces.delete(name);
    },

    on(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    async runOnce(signal) {
      hear();
      const now = clock.monotonic();
      const due = [...namespaces].filter((namespace) => !namespace.isPolling && namespace.dueAt <= now);
      if (due.length === 0) return;
      await replica.freshen(signal);
      // What is read now comes before what is only kept an eye on.
      const isUrgent = (namespace: WatchedNamespace): number =>
        namespace.status !== "stable" || namespace.writtenAt > namespace.polledAt ? 0 : 1;
      due.sort((one, other) => isUrgent(one) - isUrgent(other) || one.dueAt - other.dueAt);
      await queue.replace(due, signal);
    },

    async flush(signal) {
      await mapConcurrently([...namespaces], FLUSHES_IN_FLIGHT_MAX, (namespace) =>
        keeper.store(namespace, { now: true, signal }),
      );
    },

    get size() {
      return namespaces.size;
    },

    *snapshot() {
      for (const { name, view } of namespaces) {
        const { status, watermark } = view;
        const lagMs = watermark === undefined ? undefined : Math.max(0, holds.now() - watermark);
        yield { namespace: name, status, watermark, lagMs };
      }
    },

    totals: () => ({ ...totals }),
  };
}
