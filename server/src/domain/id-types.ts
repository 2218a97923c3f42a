/**
 * The id type of each namespace, read from its schema and remembered for a while.
 *
 * The type of an existing namespace never changes, but a namespace can be deleted and made anew around the gateway; so a
 * remembered type may be stale, and callers ask afresh when it does not fit.
 */

import type { Clock } from "../clock.js";
import { memberValue } from "../lang/json-members.js";
import type { Upstream } from "../ports/upstream.js";
import { readAnswer } from "./answer.js";
import { BoundedCache } from "./bounded-cache.js";
import type { RequestContext } from "./context.js";
import { namespacePath, tracingHeaders } from "./forwarding.js";
import type { IdType } from "./ids.js";
import { isSuccess } from "./relay.js";

export interface IdTypes {
  /** The type and whether it was remembered. `unknown` when upstream gives no schema: the read itself then says why. */
  lookUp(context: RequestContext, namespace: string): Promise<{ type: IdType; remembered: boolean }>;
  /** The type as upstream has it now. */
  readAfresh(context: RequestContext, namespace: string): Promise<IdType>;
  forget(namespace: string): void;
}

const ttlMs = 60_000;
const entriesMax = 10_000;

export function createIdTypes({ upstream, clock }: { upstream: Upstream; clock: Clock }): IdTypes {
  const types = new BoundedCache<IdType>(clock, { ttlMs, entriesMax });

  async function readAfresh(context: RequestContext, namespace: string): Promise<IdType> {
    const answer = await upstream.send({
      method: "GET",
      path: namespacePath("v1", namespace, "schema"),
      headers: tracingHeaders(context),
      effect: "read",
      answer: "decoded",
      signal: context.signal,
      notes: context.notes,
    });
    const type = isSuccess(answer)
      ? readAnswer(answer, "schema", (schema) => idType(memberValue(schema, "id")))
      : "unknown";
    if (type === "unknown") types.delete(namespace);
    else types.set(namespace, type);
    return type;
  }

  return {
    lookUp: async (context, namespace) => {
      const remembered = types.get(namespace);
      if (remembered !== undefined) return { type: remembered, remembered: true };
      return { type: await readAfresh(context, namespace), remembered: false };
    },
    readAfresh,
    forget: (namespace) => types.delete(namespace),
  };
}

/** From `"uint"` or `{"type":"uint", …}`. */
function idType(attribute: unknown): IdType {
  const type =
    typeof attribute === "object" && attribute !== null && "type" in attribute ? attribute.type : attribute;
  return type === "uint" || type === "uuid" || type === "string" ? type : "unknown";
}
