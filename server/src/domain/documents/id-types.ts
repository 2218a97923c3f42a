/**
 * What a namespace's schema says about types, read when it is needed and remembered for a while.
 *
 * The types of an existing namespace never change, but attributes are added, and a namespace can be deleted and made anew
 * around the gateway; so what is remembered may be stale, and callers ask afresh when it does not fit.
 */

import type { Clock } from "../../clock.js";
import { type JsonObject, memberValue } from "../../lang/json-members.js";
import type { Upstream } from "../../ports/upstream.js";
import { BoundedCache } from "../bounded-cache.js";
import type { RequestContext } from "../context.js";
import { readAnswer } from "../forwarding/answer.js";
import { namespacePath, tracingHeaders } from "../forwarding/forwarding.js";
import { isSuccess } from "../forwarding/relay.js";
import type { IdType } from "./ids.js";

/**
 * How far a value that was written can be told from its text: `integer` and `float` where the text is plain enough, `text`
 * (strings, booleans) always; `recast` values come back in another form (dates, UUIDs, other vectors).
 */
export type AttributeClass = "text" | "integer" | "float" | "recast";

export interface NamespaceTypes {
  readonly id: IdType;
  /** Of every attribute but `id` and `vector`. */
  readonly attributes: ReadonlyMap<string, AttributeClass>;
  /** `float32`: vectors come back as they were written. Undefined without an attribute `vector`. */
  readonly vector: "float32" | "other" | undefined;
  /** Whether vectors stand under other names, too. */
  readonly hasOtherVectors: boolean;
}

export interface IdTypes {
  /**
   * The types and whether they were remembered. The id's is `unknown` when upstream gives no schema: the read itself says why.
   * Callers who ask at once share one request, so it outlives each of them.
   */
  lookUp(
    context: RequestContext,
    namespace: string,
  ): Promise<{ readonly types: NamespaceTypes; readonly remembered: boolean }>;
  /** The types as upstream has them now. */
  readAfresh(context: RequestContext, namespace: string): Promise<NamespaceTypes>;
  forget(namespace: string): void;
}

const ttlMs = 60_000;
const entriesMax = 10_000;

const noTypes: NamespaceTypes = {
  id: "unknown",
  attributes: new Map(),
  vector: undefined,
  hasOtherVectors: false,
};

export function createIdTypes({ upstream, clock }: { upstream: Upstream; clock: Clock }): IdTypes {
  const remembered = new BoundedCache<NamespaceTypes>(clock, { ttlMs, entriesMax });

  const asked = new Map<string, Promise<NamespaceTypes>>();

  async function readAfresh(context: RequestContext, namespace: string): Promise<NamespaceTypes> {
    const answer = await upstream.send({
      method: "GET",
      path: namespacePath("v1", namespace, "schema"),
      headers: tracingHeaders(context),
      effect: "read",
      answer: "decoded",
      notes: context.notes,
    });
    const types = isSuccess(answer) ? readAnswer(answer, "schema", readTypes) : noTypes;
    if (types.id === "unknown") remembered.delete(namespace);
    else remembered.set(namespace, types);
    return types;
  }

  return {
    lookUp: async (context, namespace) => {
      const known = remembered.get(namespace);
      if (known !== undefined) return { types: known, remembered: true };
      let answer = asked.get(namespace);
      if (answer === undefined) {
        answer = readAfresh(context, namespace).finally(() => asked.delete(namespace));
        asked.set(namespace, answer);
      }
      return { types: await answer, remembered: false };
    },
    readAfresh,
    forget: (namespace) => remembered.delete(namespace),
  };
}

function readTypes(schema: JsonObject): NamespaceTypes {
  const attributes = new Map<string, AttributeClass>();
  let hasOtherVectors = false;
  let id: IdType = "unknown";
  let vector: NamespaceTypes["vector"];
  for (const name of schema.members.keys()) {
    const type = typeName(memberValue(schema, name));
    if (name === "id") id = type === "uint" || type === "uuid" || type === "string" ? type : "unknown";
    else if (name === "vector") vector = /^\[\d+\]f32$/.test(type) ? "float32" : "other";
    else {
      hasOtherVectors ||= /f\d+$/.test(type);
      attributes.set(name, classOf(type));
    }
  }
  return { id, attributes, vector, hasOtherVectors };
}

/** From `"uint"` or `{"type":"uint", …}`. */
function typeName(attribute: unknown): string {
  const type =
    typeof attribute === "object" && attribute !== null && "type" in attribute ? attribute.type : attribute;
  return typeof type === "string" ? type : "";
}

function classOf(type: string): AttributeClass {
  switch (type.replace(/^\[\]/, "")) {
    case "string":
    case "bool":
      return "text";
    case "int":
    case "uint":
      return "integer";
    case "float":
      return "float";
    default:
      return "recast";
  }
}
