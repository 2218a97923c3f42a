/** Per-document conditions of a write, judged on the document as it stands when its turn comes. */
import { bindFilter } from "../filter/bind.js";
import { matches } from "../filter/expression.js";
import { hasReferences, resolveReferences } from "../filter/references.js";
import type { Id } from "../ids.js";
import type { Json } from "../json.js";
import { StepBudget } from "../pattern/automaton.js";
import type { Schema } from "../schema/schema.js";
import type { Value } from "../values.js";
import type { IncomingDocument } from "./request.js";

/** Whether the write may go ahead for an existing document; `incoming` is null for deletes. */
export type ConditionCheck = (id: Id, incoming: IncomingDocument | null) => boolean;

/**
 * Prepares a condition; a null condition allows everything. It is bound even when no document needs it, so that a wrong
 * one is refused always and not only once a document exists. Throws 400 or 422 naming `field`.
 */
export function createCondition(
  condition: Json,
  schema: Schema,
  field: string,
  lookUp: (id: Id, attribute: string) => Value | null,
): ConditionCheck {
  if (condition === null) return () => true;
  if (!hasReferences(condition)) {
    const filter = bindFilter(condition, schema, field);
    return (id) => matches(filter, (name) => lookUp(id, name));
  }
  const steps = new StepBudget();
  const bind = (resolved: Json) => bindFilter(resolved, schema, field, steps);
  bind(resolveReferences(condition, () => null));
  return (id, incoming) => {
    const resolved = resolveReferences(condition, (name) => incomingValue(incoming, name));
    return matches(bind(resolved), (name) => lookUp(id, name));
  };
}

function incomingValue(incoming: IncomingDocument | null, name: string): Json {
  if (incoming === null) return null;
  if (name === "id") return incoming.id;
  return incoming.attributes.find(([attribute]) => attribute === name)?.[1] ?? null;
}
