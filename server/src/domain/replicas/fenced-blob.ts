/**
 * A blob that only the newest owner of a lease can write: the last line against an owner that was paused, or whose request
 * was on its way, while another took over.
 *
 * Its body begins with a line that names the generation that wrote it. A new owner first raises that generation without
 * changing the rest, and only then reads what it will build on; from there on a write of an older generation finds either
 * another etag or a newer generation, and is refused. What an older owner wrote before that is part of what the new one reads.
 */

import type { BlobStore } from "../../ports/blob-store.js";
import { type Lease, LeaseLost, type Leases } from "./leases.js";

const FORMAT = 1;
/** Times a write is tried when its own earlier try, of unknown outcome, has moved the etag. */
const TRIES = 3;

export interface FencedBlob {
  /**
   * Raises the blob's generation to the lease's and returns what it holds; undefined when nothing was written yet. Comes
   * first for every new lease.
   * @throws LeaseLost when a newer generation was here; BlobStoreError
   */
  open(signal?: AbortSignal): Promise<Uint8Array | undefined>;
  /** Replaces what the blob holds. @throws LeaseLost, and nothing was written; BlobStoreError */
  write(content: Uint8Array, signal?: AbortSignal): Promise<void>;
}

/** @param deps.write makes a new id for each write, by which it is known again after a lost answer */
export function createFencedBlob(
  { blobs, leases, ids }: { blobs: BlobStore; leases: Pick<Leases, "isHeld">; ids: () => string },
  key: string,
  lease: Lease,
): FencedBlob {
  /** The etag of what we last wrote or read; undefined when the store has to be asked. */
  let etag: string | undefined;

  async function read(call: { signal?: AbortSignal }) {
    const blob = await blobs.get(key, call);
    if (blob === undefined) return undefined;
    const parsed = parseFenced(key, blob.body);
    if (parsed.generation > lease.generation)
      throw new LeaseLost(lease, `${key} was written at generation ${parsed.generation}`, parsed.owner);
    return { ...parsed, etag: blob.etag };
  }

  async function put(
    content: Uint8Array | undefined,
    call: { signal?: AbortSignal },
  ): Promise<Uint8Array | undefined> {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      let current: string | undefined = etag;
      let kept = content;
      if (current === undefined) {
        const found = await read(call);
        current = found?.etag;
        kept ??= found?.hasContent ? found.content : undefined;
      }
      if (!leases.isHeld(lease)) throw new LeaseLost(lease, "its time is over");
      // Unknown until the store has answered: a call that fails leaves it so.
      etag = undefined;
      const body = encodeFenced(lease, ids(), kept);
      const outcome = await (current === undefined
        ? blobs.putIfAbsent(key, body, call)
        : blobs.putIfMatch(key, body, current, call));
      if (outcome.status === "stored") {
        etag = outcome.etag;
        return kept;
      }
    }
    throw new LeaseLost(lease, `${key} is being written by another`);
  }

  const callOf = (signal: AbortSignal | undefined): { signal?: AbortSignal } =>
    signal === undefined ? {} : { signal };
  return {
    open: (signal) => {
      etag = undefined;
      return put(undefined, callOf(signal));
    },
    write: async (content, signal) => {
      await put(content, callOf(signal));
    },
  };
}

/** What a fenced blob holds, for readers that are no owners. */
export function parseFenced(key: string, body: Uint8Array) {
  const end = body.indexOf(0x0a);
  const head = JSON.parse(new TextDecoder().decode(body.subarray(0, end))) as {
    format: number;
    generation: number;
    owner: string;
    content: boolean;
  };
  if (head.format !== FORMAT) throw new Error(`${key} has the unknown format ${String(head.format)}`);
  return {
    generation: head.generation,
    owner: head.owner,
    hasContent: head.content,
    content: body.subarray(end + 1),
  };
}

function encodeFenced(lease: Lease, write: string, content: Uint8Array | undefined): Uint8Array {
  const { generation, owner } = lease;
  const head = JSON.stringify({ format: FORMAT, generation, owner, write, content: content !== undefined });
  const line = new TextEncoder().encode(`${head}\n`);
  const body = new Uint8Array(line.length + (content?.length ?? 0));
  body.set(line);
  if (content !== undefined) body.set(content, line.length);
  return body;
}
