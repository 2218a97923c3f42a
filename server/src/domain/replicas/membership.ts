/**
 * Which replicas there are, the oldest write each still has in flight, and what each has written.
 *
 * Every replica publishes a blob of its own about once a second: `low`, the stamp below which it will complete no further
 * write; `clock`, which every stamp it takes from now on reaches; and `writes`, the namespaces it has written. Others judge it
 * alive as long as its etag keeps changing, by their own monotonic clocks. The watermark of stable reads may not pass the low
 * of any replica, so:
 * a replica joins before its first stamp, and may not stamp once it has not published for the time to live;
 * one that dies holds the watermark until every write it may have sent has ended, and is then forgotten;
 * one that is idle says so, holds nothing, and joins again before its next write.
 *
 * Nor may it pass the replica's own published clock: to join is to publish, then look, then stamp above every clock seen. Of two
 * replicas at least one sees the other, however their wall clocks differ (invariant 10 of ARCHITECTURE.md). For the sake of those
 * who join later a clock outlives its replica: whoever forgets one has published a clock above its.
 *
 * A replica that was forgotten while it slept finds its blob gone and goes on under another key, so that forgetting one never
 * hides a blob that is in use.
 *
 * idle ── beat with a low: publish, look, raise the clock ──► active ── beat every second ──► active ── beat without ──► idle
 * active ── not published for the time to live ──► lapsed ── beat ──► active
 */

import type { Clock } from "../../clock.js";
import { type BlobCallOptions, type BlobStore, BlobStoreError } from "../../ports/blob-store.js";

export const MEMBER_TTL_MS = 15_000;
/** Share of the time to live in which this replica still stamps; the rest is for others' clocks. */
const STAMPING_SHARE = 0.9;
const PREFIX = "replicas/";
const FORMAT = 1;

/** What a replica says of itself. */
export interface MemberState {
  /** Epoch-ms stamp below which it completes no further write; undefined while it is idle. */
  readonly low: number | undefined;
  /** Epoch-ms; every stamp it takes from now on is at or above it. 0 for a replica of a version that told none. */
  readonly clock: number;
  /** Namespaces written lately, and the epoch-ms up to which upstream's last write of each may be this replica's. */
  readonly writes: ReadonlyMap<string, number>;
}

export interface Member extends MemberState {
  readonly id: string;
  /** `dead`: silent for the time to live, but its writes may still be on their way. */
  readonly status: "alive" | "dead";
}

export interface Membership {
  /**
   * Publishes `state` and looks at the others; about once a second, and never two at a time. The first with a low after being
   * idle, or forgotten, joins. @throws BlobStoreError
   */
  beat(state: MemberState, signal?: AbortSignal): Promise<void>;
  /** Looks at the others without publishing, as one that is idle may. @throws BlobStoreError */
  look(signal?: AbortSignal): Promise<void>;
  /** False when stamps would not be covered by what others see: before joining, while idle, and when publishing fails. */
  mayStamp(): boolean;
  /** The others as of the last look, those left out whose writes have all ended. */
  others(): readonly Member[];
  /** The stamp no watermark may pass for the others' sake, as of the last look; undefined when they hold nothing. */
  othersLow(): number | undefined;
  /** Leaves: says idle, so that nobody waits for this replica. */
  leave(state: Omit<MemberState, "low">, signal?: AbortSignal): Promise<void>;
}

interface Sight {
  etag: string;
  at: number;
  state: MemberState;
}

/**
 * @param deps.raiseClock told of others' clocks: stamps from now on, and the clock of the next beat, must be above
 * @param options.id unique to this process's life
 * @param options.writeDeadlineMs longest a write sent by a replica may take to be applied or fail
 */
export function createMembership(
  { blobs, clock, raiseClock }: { blobs: BlobStore; clock: Clock; raiseClock: (clock: number) => void },
  options: { id: string; writeDeadlineMs: number; ttlMs?: number },
): Membership {
  const ttlMs = options.ttlMs ?? MEMBER_TTL_MS;
  let life = 0;
  let key = `${PREFIX}${options.id}-${life}.json`;
  const sights = new Map<string, Sight>();
  let etag: string | undefined;
  let beats = 0;
  let lookedAt = clock.monotonic();
  let published: { monotonic: number; wall: number } | undefined;
  /** Whether what is published has said "active" ever since this replica last looked at the others' clocks. */
  let hasJoined = false;

  async function publish(state: MemberState, signal: AbortSignal | undefined): Promise<void> {
    const call = signal === undefined ? {} : { signal };
    // Idle from here on, whether or not the store answers.
    if (state.low === undefined) hasJoined = false;
    beats += 1;
    const body = encodeBody({
      id: options.id,
      beat: beats,
      low: state.low ?? null,
      clock: state.clock,
      writes: Object.fromEntries(state.writes),
    });
    const sent = { monotonic: clock.monotonic(), wall: clock.now() };
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const outcome = await (etag === undefined
        ? blobs.putIfAbsent(key, body, call)
        : blobs.putIfMatch(key, body, etag, call));
      if (outcome.status === "stored") {
        etag = outcome.etag;
        published = sent;
        return;
      }
      // Nobody else writes this key, but to forget us: an earlier beat without an answer did, or we were forgotten.
      const found = await blobs.get(key, call);
      etag = found?.etag;
      if (found !== undefined && !parseBody(key, found.body).forgotten) continue;
      hasJoined = false;
      life += 1;
      key = `${PREFIX}${options.id}-${life}.json`;
      etag = undefined;
    }
    throw new BlobStoreError("unavailable", `replica ${options.id} cannot publish ${key}`);
  }

  async function look(signal: AbortSignal | undefined): Promise<void> {
    const call = signal === undefined ? {} : { signal };
    const started = clock.monotonic();
    const present = new Set<string>();
    for (let after: string | undefined, more = true; more; ) {
      const page = await blobs.list(
        { prefix: PREFIX, limit: 1_000, ...(after === undefined ? {} : { after }) },
        call,
      );
      for (const entry of page.entries) {
        after = entry.key;
        if (entry.key === key) continue;
        present.add(entry.key);
        if (sights.get(entry.key)?.etag === entry.etag) continue;
        const blob = await blobs.get(entry.key, call);
        if (blob === undefined) continue;
        const state = stateOf(parseBody(entry.key, blob.body));
        sights.set(entry.key, { etag: blob.etag, at: clock.monotonic(), state });
      }
      more = page.more;
    }
    lookedAt = started;
    for (const other of sights.keys()) if (!present.has(other)) sights.delete(other);
  }

  /** After a look that followed a publish: what a replica's clock forbids must stand in ours before it is forgotten. */
  async function forgetTheDead(publishedClock: number, signal: AbortSignal | undefined): Promise<void> {
    for (const [other, { etag: seenEtag, state, ...sight }] of sights) {
      if (!isOver(sight)) continue;
      if (state.clock > publishedClock) raiseClock(state.clock);
      else await forget(other, seenEtag, signal === undefined ? {} : { signal });
    }
  }

  /** Removes a replica's blob unless it has just published again: the mark that ends its key comes first. */
  async function forget(other: string, seenEtag: string, call: BlobCallOptions): Promise<void> {
    const outcome = await blobs.putIfMatch(
      other,
      encodeBody({ forgotten: true, low: null, clock: 0, writes: {} }),
      seenEtag,
      call,
    );
    if (outcome.status === "conflict") return;
    await blobs.delete(other, call);
    sights.delete(other);
  }

  /** Only time in which we looked counts: a replica cut off from the store must not take the others for dead. */
  const silence = (sight: Pick<Sight, "at">): number => lookedAt - sight.at;
  /** Its stamps ended by its time to live at the latest, and its writes by their deadline after that. */
  const isOver = (sight: Pick<Sight, "at">): boolean => silence(sight) >= ttlMs + options.writeDeadlineMs;

  function others(): Member[] {
    return [...sights]
      .filter(([, sight]) => !isOver(sight))
      .map(([other, sight]) => ({
        id: other.slice(PREFIX.length, -".json".length),
        status: silence(sight) < ttlMs ? ("alive" as const) : ("dead" as const),
        ...sight.state,
      }));
  }

  return {
    others,
    look,

    async beat(state, signal) {
      await publish(state, signal);
      await look(signal);
      if (state.low !== undefined && !hasJoined) {
        // Dead ones count too: a watermark may have reached their clock.
        raiseClock(Math.max(0, ...[...sights.values()].map((sight) => sight.state.clock)));
        hasJoined = true;
      }
      await forgetTheDead(state.clock, signal);
    },

    mayStamp() {
      if (!hasJoined || published === undefined) return false;
      const limit = ttlMs * STAMPING_SHARE;
      // The monotonic clock may stand still while a machine sleeps, the wall clock may jump: the more cautious one counts.
      return (
        clock.monotonic() - published.monotonic < limit && Math.abs(clock.now() - published.wall) < limit
      );
    },

    othersLow() {
      const lows = others().flatMap((member) => (member.low === undefined ? [] : [member.low]));
      return lows.length === 0 ? undefined : Math.min(...lows);
    },

    leave: (state, signal) => publish({ ...state, low: undefined }, signal),
  };
}

/** Fields that an earlier version did not write may be absent. */
interface MemberBody {
  readonly id?: string;
  readonly beat?: number;
  readonly low: number | null;
  readonly clock?: number;
  readonly writes?: Readonly<Record<string, number>>;
  /** Written by another replica that will remove the key; its owner has to take a new one. */
  readonly forgotten?: true;
}

function stateOf({ low, clock, writes }: MemberBody): MemberState {
  return { low: low ?? undefined, clock: clock ?? 0, writes: new Map(Object.entries(writes ?? {})) };
}

function encodeBody(body: MemberBody): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ format: FORMAT, ...body }));
}

function parseBody(key: string, bytes: Uint8Array): MemberBody {
  const body = JSON.parse(new TextDecoder().decode(bytes)) as { format: number } & MemberBody;
  if (body.format !== FORMAT) throw new Error(`${key} has the unknown format ${String(body.format)}`);
  return body;
}
