/** Namespaces as things: described, listed, configured, deleted. */

import type { Upstream } from "../ports/upstream.js";
import { forwardedHeaders, namespacePath, tracingHeaders } from "./forwarding.js";
import { filterNames, type Listing } from "./listing.js";
import { coldView, withLayerView } from "./metadata.js";
import type { Namespaces } from "./operations.js";
import { passThrough } from "./passthrough.js";
import { isSuccess, jsonRelay, relayAnswer } from "./relay.js";

export interface NamespaceDependencies {
  upstream: Upstream;
  listing: Listing;
  /** Told of every namespace that is gone, so that nothing remembered of it survives. */
  onDeleted: (namespace: string) => void;
}

export function createNamespaces({ upstream, listing, onDeleted }: NamespaceDependencies): Namespaces {
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
      if (!isSuccess(answer)) return relayAnswer(answer);
      return { ...relayAnswer(answer), body: withLayerView(answer, namespace, coldView) };
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

    updateTurbopufferNamespaceSchema: (context, namespace, body) =>
      passThrough(upstream, context, {
        method: "POST",
        path: namespacePath("v1", namespace, "schema"),
        effect: "write",
        body,
      }),

    deleteNamespace: async (context, namespace) => {
      const answer = await upstream.send({
        method: "DELETE",
        path: namespacePath("v2", namespace),
        query: context.rawQuery,
        headers: forwardedHeaders(context),
        effect: "write",
        notes: context.notes,
      });
      // Absent is what the caller wants, and makes the call safe to repeat.
      if (!isSuccess(answer) && answer.status !== 404) return relayAnswer(answer);
      onDeleted(namespace);
      return jsonRelay(200, JSON.stringify({ status: "OK", message: "namespace deleted; 0 objects purged" }));
    },
  };
}
