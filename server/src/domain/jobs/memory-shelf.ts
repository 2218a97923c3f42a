/**
 * Blobs in this process's memory, for jobs of a gateway without a blob store: they end with the process, and no other
 * replica sees them.
 */

import type { BlobStore } from "../../ports/blob-store.js";

export type MemoryShelf = Pick<BlobStore, "get" | "putIfAbsent" | "putIfMatch" | "delete" | "list">;

export function createMemoryShelf(): MemoryShelf {
  const blobs = new Map<string, { body: Uint8Array; etag: string }>();
  let writes = 0;

  function put(key: string, body: Uint8Array, holds: boolean) {
    if (!holds) return { status: "conflict" } as const;
    writes += 1;
    const etag = String(writes);
    blobs.set(key, { body, etag });
    return { status: "stored", etag } as const;
  }

  return {
    get: async (key) => blobs.get(key),
    putIfAbsent: async (key, body) => put(key, body, !blobs.has(key)),
    putIfMatch: async (key, body, etag) => put(key, body, blobs.get(key)?.etag === etag),
    delete: async (key) => {
      blobs.delete(key);
    },
    list: async ({ prefix, after = "", limit }) => {
      const keys = [...blobs.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
      const entries = keys.slice(0, limit).map((key) => {
        const blob = blobs.get(key);
        return { key, etag: blob?.etag ?? "", sizeBytes: blob?.body.length ?? 0 };
      });
      return { entries, more: keys.length > limit };
    },
  };
}
