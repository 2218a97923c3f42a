/**
 * Filters as the wire writes them, read into a tree and bound to a schema. A leaf knows how to judge one value of its
 * attribute; the same leaf serves the scan over columns, the look-up in indexes and the conditions of writes, so there
 * is one meaning of every operator.
 */
import type { StepBudget } from "../step-budget.js";
import type { Scalar, Value } from "../values.js";

/** What an index may know about a leaf, to answer it without a scan. */
export type Shortcut =
  /** Documents whose value (or an element of it) is one of these. */
  | { readonly kind: "holds"; readonly values: readonly Scalar[] }
  /** Documents with an element (or a text) that passes; run once per distinct value. */
  | { readonly kind: "distinct"; readonly passes: (value: Scalar) => boolean }
  /** Documents that hold these terms; `prefix` is a last term to be matched as a prefix. */
  | {
      readonly kind: "terms";
      readonly terms: readonly string[];
      readonly prefix: string | null;
      readonly all: boolean;
    };

export interface Leaf {
  readonly kind: "leaf";
  readonly attribute: string;
  /** Judges a value; `null` is an absent or null attribute. */
  readonly test: (value: Value | null) => boolean;
  /** A cheaper way to the same set of non-null matches; when `exact` is false, `test` must confirm each. */
  readonly shortcut?: Shortcut;
  readonly exact?: boolean;
}

export type Filter =
  | Leaf
  | { readonly kind: "and" | "or"; readonly operands: readonly Filter[] }
  | { readonly kind: "not"; readonly operand: Filter };

/**
 * Judges one document, given a way to read its attributes. Throws 400 when it takes more steps than the request has left.
 */
export function matches(
  filter: Filter,
  lookUp: (attribute: string) => Value | null,
  steps: StepBudget,
): boolean {
  switch (filter.kind) {
    case "leaf": {
      const value = lookUp(filter.attribute);
      steps.spend(4 + (Array.isArray(value) ? value.length : 0));
      return filter.test(value);
    }
    case "and":
      return filter.operands.every((operand) => matches(operand, lookUp, steps));
    case "or":
      return filter.operands.some((operand) => matches(operand, lookUp, steps));
    case "not":
      return !matches(filter.operand, lookUp, steps);
  }
}
