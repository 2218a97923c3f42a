/** Namespaces as things: described, listed, configured, deleted. */

import { AppError } from "../../errors.js";
import { BlobStoreError } from "../../ports/blob-store.js";
import type { Upstream, UpstreamAnswer } from "../../ports/upstream.js";
import type { Watcher } from "../consistency/watcher.js";
import type { RequestContext } from "../context.js";
import { forwardedHeaders, namespacePath, tracingHeaders } from "../forwarding/forwarding.js";
import { passThrough } from "../forwarding/passthrough.js";
import { isSuccess, jsonRelay, relayAnswer } from "../forwarding/relay.js";
import type { Namespaces } from "../operations.js";
import { filterNames, type Listing } from "./listing.js";
import { withLayerBlock } from "./metadata.js";

export interface NamespaceDependencies {
  upstream: Upstream;
  listing: Listing;
  watcher: Pick<Watcher, "observe" | "view">;
  /** Told of every namespace that is gone, so that nothing this process remembers of it survives. */
  onDeleted: (namespace: string) => void;
  /** What is cached of namespaces; undefined where nothing is. */
  cached?: CachedNamespaces | undefined;
  /** Remove what the stores have of a namespace that is gone. */
  purges: readonly Purge[];
}

/**
 * Called once upstream has deleted a namespace, and again when the caller repeats a call that failed.
 *
 * @returns how many objects went. @throws BlobStoreError
 */
export type Purge = (namespace: string) => Promise<number>;

/** Neither call rejects: a cache that does not answer is no reason to fail what upstream has done. */
export interface CachedNamespaces {
  /** Forgets all that is cached of a namespace. */
  change(namespace: string, why: string): Promise<void>;
  /** The same, again after `forMs`, with no hits in between: something may still be applied. */
  changeUntil(namespace: string, why: string, forMs: number): Promise<void>;
}

/** A deletion without an answer may be applied for as long, ms. */
const UNKNOWN_MS = 60_000;

export function createNamespaces(dependencies: NamespaceDependencies): Namespaces {
  const { upstream, listing, watcher, onDeleted, purges, cached } = dependencies;

  /** Sends a deletion; what is cached goes with it, also when nobody knows what became of it. */
  async function sendDelete(context: RequestContext, namespace: string): Promise<UpstreamAnswer> {
    const doubt = () => cached?.changeUntil(namespace, "it may have been deleted", UNKNOWN_MS);
    try {
      const answer = await upstream.send({
        method: "DELETE",
        path: namespacePath("v2", namespace),
        query: context.rawQuery,
        headers: forwardedHeaders(context),
        effect: "write",
        notes: context.notes,
      });
      if (answer.status >= 500) await doubt();
      return answer;
    } catch (error) {
      if (error instanceof AppError && error.code === "gateway_timeout") await doubt();
      throw error;
    }
  }

  /** Every purge has its turn, whatever becomes of the others. */
  async function purge(namespace: string): Promise<number> {
    const outcomes = await Promise.allSettled(purges.map((each) => each(namespace)));
    let objects = 0;
    for (const outcome of outcomes) {
      if (outcome.status === "fulfilled") objects += outcome.value;
      else if (!(outcome.reason instanceof BlobStoreError)) throw outcome.reason;
      else
        throw new AppError(
          "upstream_error",
          `namespace '${namespace}' is deleted, but the object store failed to purge it (${outcome.reason.reason}): repeat the call`,
          { cause: outcome.reason },
        );
    }
    return objects;
  }

  return {
    listNamespaces: listing.list,

    listTurbopufferNamespaces: async (context) => {
      const request = { method: "GET", path: "/v1/namespaces", effect: "read" } as const;
      if (context.principal.grants.includes("*")) return passThrough(upstream, context, request);
      const answer = await upstream.send({
        ...request,
        query: context.rawQuery,
        headers: tracingHeaders(context),
        answer: "decoded",
        signal: context.signal,
        notes: context.notes,
      });
      return isSuccess(answer)
        ? { ...relayAnswer(answer), body: filterNames(answer, context.principal) }
        : relayAnswer(answer);
    },

    getNamespaceMetadata: async (context, namespace) => {
      const observation = watcher.observe(namespace);
      const answer = await upstream.send({
        method: "GET",
        path: namespacePath("v2", namespace, "metadata"),
        query: context.rawQuery,
        headers: tracingHeaders(context),
        effect: "read",
        answer: "decoded",
        signal: context.signal,
        notes: context.notes,
      });
      await observation.saw(answer);
      if (!isSuccess(answer)) return relayAnswer(answer);
      return { ...relayAnswer(answer), body: withLayerBlock(answer, namespace, watcher.view(namespace)) };
    },

    getTurbopufferV1NamespaceMetadata: (context, namespace) =>
      passThrough(upstream, context, {
        method: "GET",
        path: namespacePath("v1", namespace, "metadata"),
        effect: "read",
      }),

    updateTurbopufferNamespaceMetadata: (context, namespace, body) =>
      passThrough(upstream, context, {
        method: "PATCH",
        path: namespacePath("v1", namespace, "metadata"),
        effect: "write",
        body,
      }),

    getTurbopufferNamespaceSchema: (context, namespace) =>
      passThrough(upstream, context, {
        method: "GET",
        path: namespacePath("v1", namespace, "schema"),
        effect: "read",
      }),

    updateTurbopufferNamespaceSchema: async (context, namespace, body) => {
      const relay = await passThrough(upstream, context, {
        method: "POST",
        path: namespacePath("v1", namespace, "schema"),
        effect: "write",
        body,
      });
      // An attribute that is dropped goes out of every row.
      if (isSuccess(relay) && Buffer.from(body).includes('"drop"'))
        await cached?.change(namespace, "an attribute was dropped");
      return relay;
    },

    deleteNamespace: async (context, namespace) => {
      const answer = await sendDelete(context, namespace);
      // Absent is what the caller wants, and makes the call safe to repeat.
      if (!isSuccess(answer) && answer.status !== 404) return relayAnswer(answer);
      onDeleted(namespace);
      await cached?.change(namespace, "it was deleted");
      const objects = await purge(namespace);
      const message = `namespace deleted; ${objects} objects purged`;
      return jsonRelay(200, JSON.stringify({ status: "OK", message }));
    },
  };
}
