/**
 * Leases over the blob store: who may do the background work of a partition.
 *
 * A lease is one blob with owner, generation and a counter of renewals. It is taken, renewed and released by conditional
 * puts, so the store settles every race. Nobody compares wall clocks: a challenger takes a lease over when it has seen the
 * same etag for the whole time to live on its own monotonic clock, and an owner stops when it has not renewed for that long
 * on its own. The generation grows with every owner. An owner that was paused past its time may still act; what it does
 * carries its generation and is refused by `fenced-blob.ts` once a newer one has been seen.
 *
 * absent ── acquire ──► held(generation 1)      held ── renew ──► held(same generation, next beat)
 * held ── release ──► released ── acquire ──► held(generation + 1)
 * held ── unchanged for the time to live, acquire ──► held(generation + 1)
 */

import type { Clock } from "../../clock.js";
import type { BlobStore } from "../../ports/blob-store.js";

/** Chosen: long enough for a pause of garbage collection or a slow store, short enough for work to move on. */
export const LEASE_TTL_MS = 15_000;
/** Share of the time to live an owner uses, for clocks that run at different rates and requests on their way. */
const OWNER_SHARE = 0.9;
/** Share of it a call on the store may take: one that hangs must leave time for others. */
const CALL_SHARE = 0.2;
const FORMAT = 1;

export interface Lease {
  readonly partition: number;
  readonly owner: string;
  readonly generation: number;
}

/** Someone else's, as of now. */
export interface LeaseHeld {
  readonly status: "held";
  readonly holder: string;
  readonly generation: number;
}

export interface LeaseAcquired {
  readonly status: "acquired";
  readonly lease: Lease;
}

/** The lease is another's by now, or can no longer be proved to be ours. */
export class LeaseLost extends Error {
  override readonly name = "LeaseLost";
  readonly partition: number;
  readonly generation: number;
  /** Whose it is, when that is known. */
  readonly holder: string | undefined;

  constructor(lease: Pick<Lease, "partition" | "generation">, why: string, holder?: string) {
    super(
      `lease of partition ${lease.partition} at generation ${lease.generation} is lost: ${why}${holder === undefined ? "" : `, held by ${holder}`}`,
    );
    this.partition = lease.partition;
    this.generation = lease.generation;
    this.holder = holder;
  }
}

/** The blob of a partition holds what no version of ours has written. Nobody takes it until an operator has removed it. */
export class LeaseUnreadable extends Error {
  override readonly name = "LeaseUnreadable";
}

interface LeaseBody {
  readonly format: number;
  readonly owner: string;
  readonly generation: number;
  /** Makes the body, and so the etag, another one with every renewal. */
  readonly beat: number;
  readonly released: boolean;
}

interface Held {
  lease: Lease;
  etag: string;
  beat: number;
  /** Both clocks before the request that last succeeded was sent. */
  since: { monotonic: number; wall: number };
}

export interface Leases {
  /**
   * Takes the lease of a partition if it is free, released, or unchanged for the time to live since this replica first saw
   * it so. Call it again and again to see that.
   * @throws BlobStoreError; LeaseUnreadable
   */
  acquire(partition: number, signal?: AbortSignal): Promise<LeaseAcquired | LeaseHeld>;
  /** Holds on to a lease. @throws LeaseLost when it is another's; BlobStoreError when the store did not say */
  renew(lease: Lease, signal?: AbortSignal): Promise<void>;
  /** Gives a lease up, so that the next owner need not wait. One that is lost already stays lost. */
  release(lease: Lease, signal?: AbortSignal): Promise<void>;
  /** True while no other replica can have taken the lease over, as far as this one's clocks tell. */
  isHeld(lease: Lease): boolean;
  /** Notes which etag a partition's blob has now, from a list; `acquire` then waits from here. */
  observe(partition: number, etag: string | undefined): void;
  /** Whether a partition looks free to take: never taken, or unchanged for the time to live. */
  isStale(partition: number): boolean;
}

export const leaseKey = (partition: number): string => `leases/${String(partition).padStart(2, "0")}.json`;

/** @param options.owner unique to this process's life, never used again */
export function createLeases(
  { blobs, clock }: { blobs: BlobStore; clock: Clock },
  options: { owner: string; ttlMs?: number },
): Leases {
  const ttlMs = options.ttlMs ?? LEASE_TTL_MS;
  const held = new Map<number, Held>();
  const seen = new Map<number, { etag: string | undefined; at: number }>();

  function observe(partition: number, etag: string | undefined): void {
    if (seen.has(partition) && seen.get(partition)?.etag === etag) return;
    seen.set(partition, { etag, at: clock.monotonic() });
  }

  function isStale(partition: number): boolean {
    const sight = seen.get(partition);
    return sight !== undefined && (sight.etag === undefined || clock.monotonic() - sight.at >= ttlMs);
  }

  const now = (): Held["since"] => ({ monotonic: clock.monotonic(), wall: clock.now() });

  function isHeld(lease: Lease): boolean {
    const mine = held.get(lease.partition);
    if (mine === undefined || mine.lease.generation !== lease.generation) return false;
    // The monotonic clock may stand still while a machine sleeps, the wall clock may jump: the more cautious one counts.
    const limit = ttlMs * OWNER_SHARE;
    return (
      clock.monotonic() - mine.since.monotonic < limit && Math.abs(clock.now() - mine.since.wall) < limit
    );
  }

  const within = (signal: AbortSignal | undefined): { signal: AbortSignal } => {
    const limit = AbortSignal.timeout(ttlMs * CALL_SHARE);
    return { signal: signal === undefined ? limit : AbortSignal.any([limit, signal]) };
  };

  /** Writes a body of ours over `etag`, or as the first one. Returns the etag, or undefined when another was faster. */
  async function write(
    partition: number,
    body: LeaseBody,
    etag: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    const bytes = new TextEncoder().encode(JSON.stringify(body));
    const key = leaseKey(partition);
    const outcome = await (etag === undefined
      ? blobs.putIfAbsent(key, bytes, within(signal))
      : blobs.putIfMatch(key, bytes, etag, within(signal)));
    return outcome.status === "stored" ? outcome.etag : undefined;
  }

  async function read(partition: number, signal: AbortSignal | undefined) {
    const blob = await blobs.get(leaseKey(partition), within(signal));
    observe(partition, blob?.etag);
    return blob && { etag: blob.etag, body: parseBody(partition, blob.body) };
  }

  return {
    observe,
    isStale,
    isHeld,

    async acquire(partition, signal) {
      const found = await read(partition, signal);
      // One of our own that we lost sight of need not be waited for: what we sent under it is fenced like anyone's.
      const isOurs = found?.body.owner === options.owner;
      if (found && !found.body.released && !isOurs && !isStale(partition))
        return { status: "held", holder: found.body.owner, generation: found.body.generation };
      const generation = (found?.body.generation ?? 0) + 1;
      const lease: Lease = { partition, owner: options.owner, generation };
      const since = now();
      const body = { format: FORMAT, owner: options.owner, generation, beat: 0, released: false };
      const etag = await write(partition, body, found?.etag, signal);
      if (etag === undefined) {
        const winner = await read(partition, signal);
        return {
          status: "held",
          holder: winner?.body.owner ?? "unknown",
          generation: winner?.body.generation ?? generation,
        };
      }
      held.set(partition, { lease, etag, beat: 0, since });
      observe(partition, etag);
      return { status: "acquired", lease };
    },

    async renew(lease, signal) {
      const mine = held.get(lease.partition);
      if (mine === undefined || mine.lease.generation !== lease.generation)
        throw new LeaseLost(lease, "it was given up");
      const since = now();
      const beat = mine.beat + 1;
      const body = {
        format: FORMAT,
        owner: lease.owner,
        generation: lease.generation,
        beat,
        released: false,
      };
      let etag = await write(lease.partition, body, mine.etag, signal);
      if (etag === undefined) {
        // A renewal whose answer was lost has moved the etag on; it is still ours if the body says so.
        const found = await read(lease.partition, signal);
        const isOurs = found?.body.owner === lease.owner && found.body.generation === lease.generation;
        if (!isOurs) {
          held.delete(lease.partition);
          throw new LeaseLost(lease, "another replica took it over", found?.body.owner);
        }
        etag = await write(
          lease.partition,
          { ...body, beat: Math.max(beat, found.body.beat + 1) },
          found.etag,
          signal,
        );
        if (etag === undefined) {
          held.delete(lease.partition);
          throw new LeaseLost(lease, "another write came first");
        }
      }
      // The lease may have been given up while the store was thinking.
      if (held.get(lease.partition) !== mine) throw new LeaseLost(lease, "it was given up");
      Object.assign(mine, { etag, beat: beat + 1, since });
      observe(lease.partition, etag);
    },

    async release(lease, signal) {
      const mine = held.get(lease.partition);
      if (mine === undefined || mine.lease.generation !== lease.generation) return;
      held.delete(lease.partition);
      const beat = mine.beat + 1;
      const body = { format: FORMAT, owner: lease.owner, generation: lease.generation, beat, released: true };
      await write(lease.partition, body, mine.etag, signal);
    },
  };
}

function parseBody(partition: number, bytes: Uint8Array): LeaseBody {
  let body: Partial<LeaseBody> | null;
  try {
    body = JSON.parse(new TextDecoder().decode(bytes)) as Partial<LeaseBody> | null;
  } catch (cause) {
    throw new LeaseUnreadable(`${leaseKey(partition)} is no JSON; remove it once no owner is left`, {
      cause,
    });
  }
  if (body?.format !== FORMAT)
    throw new LeaseUnreadable(
      `${leaseKey(partition)} has the unknown format ${String(body?.format)}; remove it unless a newer gateway wrote it`,
    );
  return body as LeaseBody;
}
