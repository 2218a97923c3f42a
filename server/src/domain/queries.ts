/** Reads by ranking, filter or aggregation, and upstream's own routes about them. */

import type { Upstream, UpstreamAnswer } from "../ports/upstream.js";
import { readBody } from "./body.js";
import type { RequestContext } from "./context.js";
import { namespacePath } from "./forwarding.js";
import type { Queries } from "./operations.js";
import { forward, passThrough } from "./passthrough.js";
import { classifyQuery } from "./query-form.js";
import { relayAnswer } from "./relay.js";
import { buildVectorQuery } from "./vector-query.js";

export function createQueries({ upstream }: { upstream: Upstream }): Queries {
  function post(context: RequestContext, path: string, body: Uint8Array): Promise<UpstreamAnswer> {
    return forward(upstream, context, { method: "POST", path, effect: "read", body });
  }

  return {
    queryNamespace: async (context, namespace, body) => {
      const { bytes, vectorDropped } = readBody(body, prepareQuery);
      const answer = await post(context, namespacePath("v2", namespace, "query"), bytes);
      return relayAnswer(
        answer,
        vectorDropped ? { "x-layer-warning": "vector_attribute_dropped" } : undefined,
      );
    },
    queryTurbopufferNamespace: (context, namespace, body) =>
      passThrough(upstream, context, {
        method: "POST",
        path: namespacePath("v2", namespace, "query"),
        effect: "read",
        body,
      }),
    explainTurbopufferQuery: (context, namespace, body) =>
      passThrough(upstream, context, {
        method: "POST",
        path: namespacePath("v2", namespace, "explain_query"),
        effect: "read",
        body,
      }),
    evaluateTurbopufferRecall: (context, namespace, body) =>
      passThrough(upstream, context, {
        method: "POST",
        path: namespacePath("v1", namespace, "_debug/recall"),
        effect: "read",
        body,
      }),
  };
}

function prepareQuery(body: Buffer): { bytes: Buffer; vectorDropped: boolean } {
  const form = classifyQuery(body);
  if (form.kind === "native") return { bytes: form.bytes, vectorDropped: false };
  const built = buildVectorQuery(form.object);
  return { bytes: built.body, vectorDropped: built.vectorDropped };
}
