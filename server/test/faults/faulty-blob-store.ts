/** A blob store that is slow, down, or answers nobody knows what. */

import { type BlobStore, BlobStoreError } from "../../src/ports/blob-store.js";
import { createFaultPlan, type FaultControl } from "./command.js";

/** `slow`: only the delay. `down`: nothing was done. `unknown`: a write was done, and its answer never comes. */
export type BlobFault = "slow" | "down" | "unknown";

export interface FaultyBlobStore extends FaultControl<BlobFault> {
  wrap(store: BlobStore): BlobStore;
}

export function createFaultyBlobStore(): FaultyBlobStore {
  const plan = createFaultPlan<BlobFault>();

  async function call<T>(operation: string, run: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const command = await plan.next(operation);
    if (signal?.aborted) throw new BlobStoreError("aborted", `blob ${operation}: given up by its caller`);
    if (command?.kind === "down")
      throw new BlobStoreError("unavailable", `blob ${operation}: the object store is not reachable`);
    const result = await run();
    if (command?.kind === "unknown")
      throw new BlobStoreError("timeout", `blob ${operation}: no answer`, { outcomeUnknown: true });
    return result;
  }

  return {
    ...plan,
    wrap: (store) => ({
      get: (key, options) => call("get", () => store.get(key, options), options?.signal),
      putIfAbsent: (key, body, options) =>
        call("putIfAbsent", () => store.putIfAbsent(key, body, options), options?.signal),
      putIfMatch: (key, body, etag, options) =>
        call("putIfMatch", () => store.putIfMatch(key, body, etag, options), options?.signal),
      delete: (key, options) => call("delete", () => store.delete(key, options), options?.signal),
      list: (query, options) => call("list", () => store.list(query, options), options?.signal),
      ping: (options) => call("ping", () => store.ping(options), options?.signal),
      close: () => store.close(),
    }),
  };
}
