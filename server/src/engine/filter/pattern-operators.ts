/** Pattern filters on text: Glob, IGlob, Regex and Fuzzy. */
import { unsupported } from "../errors.js";
import type { Filter } from "./expression.js";
import type { RawLeaf, Target } from "./operators.js";

const PATTERN_OPERATORS: ReadonlySet<string> = new Set([
  "Glob",
  "NotGlob",
  "IGlob",
  "NotIGlob",
  "Regex",
  "Fuzzy",
]);

export function isPatternOperator(name: string): boolean {
  return PATTERN_OPERATORS.has(name);
}

export function bindPattern(leaf: RawLeaf, _target: Target): Filter {
  throw unsupported(`the ${leaf.operator} filter`);
}
