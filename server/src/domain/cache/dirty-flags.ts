/**
 * Namespaces with an invalidation that could not reach the cache, told to every replica by `dirty/{namespace}` in the blob
 * store: nothing of such a namespace is served from the cache until its epoch has changed.
 *
 * A flag names every replica that holds it, each with a time it renews while it goes on failing. A replica takes back its own
 * hold; that of another only when the flag has not changed for far longer than a renewal takes, for then its holder is gone.
 * Flags are emptied, never removed: a store that cannot remove conditionally could lose a hold that was just taken.
 */

import type { BlobStore } from "../../ports/blob-store.js";

export interface DirtyFlag {
  readonly namespace: string;
  readonly etag: string;
  readonly holders: readonly string[];
}

export interface DirtyFlags {
  /** This replica holds the flag of a namespace; resolves when that is durable. @throws BlobStoreError */
  hold(namespace: string): Promise<void>;
  /** Every flag that somebody holds. @throws BlobStoreError */
  list(signal?: AbortSignal): Promise<readonly DirtyFlag[]>;
  /** Takes holders off a flag that is still as it was listed; false when it is not. @throws BlobStoreError */
  release(flag: DirtyFlag, holders: readonly string[], signal?: AbortSignal): Promise<boolean>;
}

const PREFIX = "dirty/";
const PAGE = 1_000;
/** Times a flag is written when others write it too. */
const TRIES = 8;
/** Emptied flags that need not be read again. */
const EMPTY_MAX = 100_000;

interface Body {
  readonly format: 1;
  /** Epoch-ms of the last renewal, by replica. */
  readonly holders: Readonly<Record<string, number>>;
}

export interface DirtyFlagsDependencies {
  readonly blobs: Pick<BlobStore, "get" | "putIfAbsent" | "putIfMatch" | "list">;
  readonly clock: { now(): number };
  /** Unique to this process's life. */
  readonly replicaId: string;
}

export function createDirtyFlags({ blobs, clock, replicaId }: DirtyFlagsDependencies): DirtyFlags {
  /** Etags of flags known to be empty. */
  const empty = new Set<string>();

  async function read(key: string, signal?: AbortSignal): Promise<{ etag: string; body: Body } | undefined> {
    const blob = await blobs.get(key, signal && { signal });
    return blob && { etag: blob.etag, body: parse(blob.body) };
  }

  return {
    async hold(namespace) {
      const key = keyOf(namespace);
      for (let attempt = 1; attempt <= TRIES; attempt += 1) {
        const found = await read(key);
        const held = found?.body.holders[replicaId] ?? 0;
        // Never the same body twice: its etag is what tells others that the holder lives.
        const at = Math.max(Math.floor(clock.now()), held + 1);
        const bytes = print({ ...found?.body.holders, [replicaId]: at });
        const { status } =
          found === undefined
            ? await blobs.putIfAbsent(key, bytes)
            : await blobs.putIfMatch(key, bytes, found.etag);
        if (status === "stored") return;
      }
      throw new Error(`the dirty flag of ${namespace} kept changing`);
    },

    async list(signal) {
      const flags: DirtyFlag[] = [];
      let after: string | undefined;
      for (;;) {
        const page = await blobs.list(
          { prefix: PREFIX, limit: PAGE, ...(after === undefined ? {} : { after }) },
          signal && { signal },
        );
        for (const { key, etag } of page.entries) {
          if (empty.has(`${key} ${etag}`)) continue;
          const found = await read(key, signal);
          if (found === undefined) continue;
          const holders = Object.keys(found.body.holders);
          if (holders.length > 0) flags.push({ namespace: namespaceOf(key), etag: found.etag, holders });
          else {
            if (empty.size >= EMPTY_MAX) empty.clear();
            empty.add(`${key} ${found.etag}`);
          }
        }
        after = page.entries.at(-1)?.key;
        if (!page.more || after === undefined) return flags;
      }
    },

    async release(flag, holders, signal) {
      const key = keyOf(flag.namespace);
      const found = await read(key, signal);
      if (found === undefined || found.etag !== flag.etag) return found === undefined;
      const kept = Object.entries(found.body.holders).filter(([holder]) => !holders.includes(holder));
      const bytes = print(Object.fromEntries(kept));
      const put = await blobs.putIfMatch(key, bytes, flag.etag, signal && { signal });
      return put.status === "stored";
    },
  };
}

function keyOf(namespace: string): string {
  return PREFIX + encodeURIComponent(namespace);
}

function namespaceOf(key: string): string {
  return decodeURIComponent(key.slice(PREFIX.length));
}

function print(holders: Body["holders"]): Buffer {
  return Buffer.from(JSON.stringify({ format: 1, holders } satisfies Body));
}

/** What cannot be read is held by somebody: the safe side of a flag. */
function parse(bytes: Uint8Array): Body {
  try {
    const body = JSON.parse(Buffer.from(bytes).toString("utf8")) as Partial<Body>;
    if (body.format === 1 && typeof body.holders === "object" && body.holders !== null) return body as Body;
  } catch {
    // Falls through: whoever wrote it meant to hold it.
  }
  return { format: 1, holders: { unreadable: 0 } };
}
