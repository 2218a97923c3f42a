/** `{"$ref_new": "attr"}` in a write's condition: replaced by the incoming document's value before the filter is bound. */
import { isObject, type Json } from "../json.js";

/** Whether the condition refers to the incoming document at all; if not, it can be bound once for the whole write. */
export function hasReferences(condition: Json): boolean {
  if (Array.isArray(condition)) return condition.some(hasReferences);
  return isObject(condition) && typeof condition.$ref_new === "string";
}

/** The condition with every reference replaced by `lookUp(attribute)`. */
export function resolveReferences(condition: Json, lookUp: (attribute: string) => Json): Json {
  if (Array.isArray(condition)) return condition.map((part) => resolveReferences(part, lookUp));
  if (isObject(condition) && typeof condition.$ref_new === "string") return lookUp(condition.$ref_new);
  return condition;
}
