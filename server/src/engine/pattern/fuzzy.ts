/** Approximate search: whether some substring lies within an edit distance of the query. */
import type { StepBudget } from "../step-budget.js";

/**
 * Whether a substring of the text can be made the query with at most `distance` insertions, deletions and replacements
 * of characters. One column of the edit table per character of the text; a match may start and end anywhere.
 */
export function holdsWithin(
  text: readonly string[],
  query: readonly string[],
  distance: number,
  budget: StepBudget,
): boolean {
  budget.spend((text.length + 1) * (query.length + 1));
  let column = Array.from({ length: query.length + 1 }, (_, i) => i);
  if (query.length <= distance) return true;
  for (const char of text) {
    const next = [0];
    for (let i = 1; i <= query.length; i++) {
      const replaced = (column[i - 1] as number) + (query[i - 1] === char ? 0 : 1);
      next.push(Math.min(replaced, (column[i] as number) + 1, (next[i - 1] as number) + 1));
    }
    if ((next[query.length] as number) <= distance) return true;
    column = next;
  }
  return false;
}
