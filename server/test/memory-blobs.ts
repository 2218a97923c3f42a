/** A blob store in memory that fails on demand, for tests of what stands on one. */

import { type BlobPutOutcome, type BlobStore, BlobStoreError } from "../src/ports/blob-store.js";

export interface MemoryBlobs extends BlobStore {
  readonly bodies: Map<string, string>;
  /** Calls so far, by kind. */
  readonly calls: Record<"get" | "put" | "list" | "delete", number>;
  /** Set to make every call fail. */
  failure: BlobStoreError["reason"] | undefined;
  /** Awaited by every put before it is applied: a test holds it back. */
  beforePut: (key: string) => Promise<void>;
}

export function createMemoryBlobs(): MemoryBlobs {
  const etags = new Map<string, string>();
  let writes = 0;
  const blobs: MemoryBlobs = {
    bodies: new Map(),
    calls: { get: 0, put: 0, list: 0, delete: 0 },
    failure: undefined,
    beforePut: async () => undefined,
    async get(key) {
      count("get");
      const text = blobs.bodies.get(key);
      return text === undefined ? undefined : { body: Buffer.from(text), etag: etags.get(key) ?? "" };
    },
    putIfAbsent: (key, body) => put(key, body, () => !blobs.bodies.has(key)),
    putIfMatch: (key, body, etag) => put(key, body, () => blobs.bodies.has(key) && etags.get(key) === etag),
    async delete(key) {
      count("delete");
      blobs.bodies.delete(key);
    },
    async list({ prefix, after = "", limit }) {
      count("list");
      const keys = [...blobs.bodies.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
      const entries = keys.slice(0, limit).map((key) => ({ key, etag: etags.get(key) ?? "", sizeBytes: 1 }));
      return { entries, more: keys.length > limit };
    },
    async ping() {
      check();
    },
    close: async () => undefined,
  };

  function check(): void {
    if (blobs.failure !== undefined) throw new BlobStoreError(blobs.failure, "the store fails on demand");
  }

  function count(kind: keyof MemoryBlobs["calls"]): void {
    blobs.calls[kind] += 1;
    check();
  }

  async function put(key: string, body: Uint8Array, holds: () => boolean): Promise<BlobPutOutcome> {
    count("put");
    await blobs.beforePut(key);
    if (!holds()) return { status: "conflict" };
    writes += 1;
    blobs.bodies.set(key, Buffer.from(body).toString());
    etags.set(key, `"${writes}"`);
    return { status: "stored", etag: `"${writes}"` };
  }

  return blobs;
}

/** Two clocks that a test moves by hand, the wall clock also back. */
export function handClocks(start = 1_700_000_000_000) {
  let wall = start;
  let monotonic = 0;
  return {
    clock: { now: () => wall, monotonic: () => monotonic },
    /** Time passes. */
    pass(ms: number) {
      wall += ms;
      monotonic += ms;
    },
    /** Somebody sets the wall clock. */
    set(ms: number) {
      wall += ms;
    },
  };
}
