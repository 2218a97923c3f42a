/**
 * Divides the background work among replicas: namespaces are hashed onto 32 partitions, each under a lease, and every replica
 * holds its fair share of them.
 *
 * One step renews what is held, gives up what is too much, and takes what is free or abandoned up to the share. Stepping every
 * third of the time to live, a partition whose owner died has a new one within twice that time; stepping oftener leaves more room.
 */

import { type BlobStore, BlobStoreError } from "../../ports/blob-store.js";
import { type Lease, LeaseLost, type Leases, leaseKey } from "./leases.js";

export const PARTITIONS = 32;

export interface PartitionOwner {
  /**
   * One step; call it about every third of the leases' time to live. A lease that is lost or cannot be renewed in time is
   * dropped, whatever the reason.
   * @param replicas how many share the work, this one included
   * @throws BlobStoreError when the store does not answer; leases held are kept as long as their time lasts. LeaseUnreadable
   *   when there was one, after everything else was done
   */
  runOnce(replicas: number, signal?: AbortSignal): Promise<void>;
  /** The leases that can be acted under now. */
  held(): readonly Lease[];
  /** Gives everything up, so that others need not wait. */
  releaseAll(signal?: AbortSignal): Promise<void>;
}

/** The partition of a namespace: FNV-1a over its UTF-16, the same in every process and version. */
export function partitionOf(namespace: string, partitions = PARTITIONS): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < namespace.length; index += 1) {
    hash ^= namespace.charCodeAt(index);
    hash = Math.imul(hash, 0x01000193) >>> 0;
  }
  return hash % partitions;
}

/** @param deps.random 0 to 1, so that replicas do not all begin with the same partition */
export function createPartitionOwner(
  { blobs, leases, random }: { blobs: BlobStore; leases: Leases; random: () => number },
  options: { partitions?: number } = {},
): PartitionOwner {
  const partitions = options.partitions ?? PARTITIONS;
  const mine = new Map<number, Lease>();

  const held = (): Lease[] => [...mine.values()].filter((lease) => leases.isHeld(lease));

  async function observeAll(signal: AbortSignal | undefined): Promise<void> {
    const page = await blobs.list(
      { prefix: "leases/", limit: 1_000 },
      signal === undefined ? {} : { signal },
    );
    const etags = new Map(page.entries.map((entry) => [entry.key, entry.etag]));
    for (let partition = 0; partition < partitions; partition += 1)
      leases.observe(partition, etags.get(leaseKey(partition)));
  }

  async function renewAll(signal: AbortSignal | undefined): Promise<void> {
    const results = await Promise.allSettled(
      [...mine.values()].map(async (lease) => {
        try {
          await leases.renew(lease, signal);
        } catch (error) {
          if (error instanceof LeaseLost || !leases.isHeld(lease)) mine.delete(lease.partition);
          if (!(error instanceof LeaseLost)) throw error;
        }
      }),
    );
    const failed = results.find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
  }

  return {
    held,

    async runOnce(replicas, signal) {
      const share = Math.ceil(partitions / Math.max(1, replicas));
      await renewAll(signal);
      for (const lease of [...mine.values()].slice(share)) {
        mine.delete(lease.partition);
        await leases.release(lease, signal);
      }
      await observeAll(signal);
      let unreadable: unknown;
      const first = Math.floor(random() * partitions);
      for (let step = 0; step < partitions && mine.size < share; step += 1) {
        const partition = (first + step) % partitions;
        if (mine.has(partition)) continue;
        try {
          // It reads first, and takes only what is free, released or abandoned.
          const outcome = await leases.acquire(partition, signal);
          if (outcome.status === "acquired") mine.set(partition, outcome.lease);
        } catch (error) {
          // A store that does not answer one call would keep each of the others waiting too.
          if (error instanceof BlobStoreError) throw error;
          unreadable ??= error;
        }
      }
      if (unreadable !== undefined) throw unreadable;
    },

    async releaseAll(signal) {
      const leaving = [...mine.values()];
      mine.clear();
      await Promise.allSettled(leaving.map((lease) => leases.release(lease, signal)));
    },
  };
}
