/** A document cache that hangs, fails, is lost, or comes back empty. */

import { type CacheEvent, CacheUnavailable, type DocumentCache } from "../../src/ports/document-cache.js";
import { createFaultPlan, type FaultControl } from "./command.js";

/** `slow`: only the delay. `down`: nothing was done. `late`: it was done, and the budget ran out before the answer. */
export type CacheFault = "slow" | "down" | "late";

export interface FaultyDocumentCache extends FaultControl<CacheFault> {
  wrap(cache: DocumentCache): DocumentCache;
  /** Has the cache say that something happened to it. */
  tell(event: CacheEvent): void;
}

export function createFaultyDocumentCache(): FaultyDocumentCache {
  const plan = createFaultPlan<CacheFault>();
  const listeners = new Set<(event: CacheEvent) => void>();

  async function call<T>(operation: string, run: () => Promise<T>): Promise<T> {
    const command = await plan.next(operation);
    if (command?.kind === "down") throw new CacheUnavailable("failed", "the cache does not answer");
    const result = await run();
    if (command?.kind === "late") throw new CacheUnavailable("timeout", "no answer within its budget");
    return result;
  }

  return {
    ...plan,
    tell(event) {
      for (const listener of listeners) listener(event);
    },
    wrap: (cache) => ({
      get: (set, ids, parts) => call("get", () => cache.get(set, ids, parts)),
      put: (set, writes) => call("put", () => cache.put(set, writes)),
      mergeIfPresent: (set, ids, merge) =>
        call("mergeIfPresent", () => cache.mergeIfPresent(set, ids, merge)),
      delete: (set, ids) => call("delete", () => cache.delete(set, ids)),
      ensureEpoch: (set) => call("ensureEpoch", () => cache.ensureEpoch(set)),
      changeEpoch: (set) => call("changeEpoch", () => cache.changeEpoch(set)),
      scan: (set, options) => call("scan", () => cache.scan(set, options)),
      health: () => cache.health(),
      onEvent(listener) {
        listeners.add(listener);
        const stop = cache.onEvent(listener);
        return () => {
          listeners.delete(listener);
          stop();
        };
      },
      close: () => cache.close(),
    }),
  };
}
