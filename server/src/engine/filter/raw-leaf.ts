/** One condition of the wire before it is bound, and the words in which it is refused. */
import { badRequest, type EngineError } from "../errors.js";
import { describe, type Json } from "../json.js";
import type { Attribute } from "../schema/attribute.js";
import type { ScalarType } from "../schema/attribute-type.js";
import type { StepBudget } from "../step-budget.js";

/** One leaf of the wire before it is bound. */
export interface RawLeaf {
  readonly attribute: string;
  readonly operator: string;
  readonly operand: Json;
  readonly options: Json;
  /** What the request may still take. */
  readonly steps: StepBudget;
}

/** The attribute a leaf speaks about; `id` has a type of its own and is always filterable. */
export interface Target {
  readonly of: ScalarType;
  readonly isArray: boolean;
  readonly attribute: Attribute | null;
}

/** 400 in the wire's words for a filter on one attribute. */
export function filterError(leaf: RawLeaf, reason: string): EngineError {
  return badRequest(`filter error in key \`${leaf.attribute}\`: ${reason}`);
}

export function typeMismatch(leaf: RawLeaf, expected: string): EngineError {
  const got = describe(leaf.operand).slice(0, 200);
  return filterError(leaf, `type mismatch, ${leaf.operator} expects ${expected}, but got '${got}'`);
}
