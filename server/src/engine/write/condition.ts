/** Per-document conditions of a write, judged on the document as it stands when its turn comes. */
import { bindFilter } from "../filter/bind.js";
import { matches } from "../filter/expression.js";
import { hasReferences, resolveReferences } from "../filter/references.js";
import type { Id } from "../ids.js";
import type { Json } from "../json.js";
import type { Schema } from "../schema/schema.js";
import type { StepBudget } from "../step-budget.js";
import type { Value } from "../values.js";
import type { IncomingDocument } from "./request.js";

/** Whether the write may go ahead for an existing document; `incoming` is null for deletes. */
export type ConditionCheck = (id: Id, incoming: IncomingDocument | null) => boolean;

/**
 * Prepares a condition; a null condition allows everything. It is bound even when no document needs it, so that a wrong
 * one is refused always and not only once a document exists. Throws 400 or 422 naming `field`, and 400 when judging
 * takes more steps than the request has left.
 */
export function createCondition(
  condition: Json,
  schema: Schema,
  field: string,
  steps: StepBudget,
  lookUp: (id: Id, attribute: string) => Value | null,
): ConditionCheck {
  if (condition === null) return () => true;
  if (!hasReferences(condition)) {
    const filter = bindFilter(condition, schema, field, steps);
    return (id) => matches(filter, (name) => lookUp(id, name), steps);
  }
  const bind = (resolved: Json) => bindFilter(resolved, schema, field, steps);
  bind(resolveReferences(condition, () => null));
  return (id, incoming) => {
    const resolved = resolveReferences(condition, (name) => incomingValue(incoming, name));
    return matches(bind(resolved), (name) => lookUp(id, name), steps);
  };
}

function incomingValue(incoming: IncomingDocument | null, name: string): Json {
  if (incoming === null) return null;
  if (name === "id") return incoming.id;
  return incoming.attributes.find(([attribute]) => attribute === name)?.[1] ?? null;
}
