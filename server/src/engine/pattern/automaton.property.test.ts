import fc from "fast-check";
import { expect, it } from "vitest";
import { runs } from "../../../test/long-runs.js";
import { StepBudget } from "../step-budget.js";
import { compile } from "./automaton.js";
import { holdsWithin } from "./fuzzy.js";
import { parseGlob } from "./glob.js";
import { parseRegex } from "./regex.js";

const text = fc.string({ unit: fc.constantFrom("a", "b", "A", "1", "\n", "é", "_", " "), maxLength: 12 });

const { regex } = fc.letrec<{ regex: string }>((tie) => ({
  regex: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom("a", "b", "1", ".", "[ab]", "[^a]", "\\d", "\\s", "^", "$", "é", "[a-b1]", "\\x61"),
    fc.tuple(tie("regex"), tie("regex")).map(([a, b]) => `${a}${b}`),
    fc.tuple(tie("regex"), tie("regex")).map(([a, b]) => `(?:${a}|${b})`),
    fc
      .tuple(tie("regex"), fc.constantFrom("*", "+", "?", "{2}", "{1,2}", "*?"))
      .map(([a, quantifier]) => `(?:${a})${quantifier}`),
  ),
}));

it("finds what the host's regular expressions find, where both know the syntax", () => {
  fc.assert(
    fc.property(regex, text, fc.boolean(), (pattern, subject, ignoreCase) => {
      const automaton = compile(parseRegex(ignoreCase ? `(?i)${pattern}` : pattern), false);
      const expected = new RegExp(pattern, ignoreCase ? "iu" : "u").test(subject);
      expect(automaton.matches(subject, new StepBudget())).toBe(expected);
    }),
    { numRuns: runs(1_000) },
  );
});

const globPart = fc.constantFrom("a", "b", "?", "*", "[ab]", "[!a]", "\\*", "1");

it("matches globs as their translation to a regular expression does", () => {
  const toRegex: Record<string, string> = { "?": "[^]", "*": "[^]*", "[!a]": "[^a]" };
  fc.assert(
    fc.property(fc.array(globPart, { maxLength: 8 }), text, (parts, subject) => {
      const automaton = compile(parseGlob(parts.join(""), false), true);
      const expected = new RegExp(`^${parts.map((part) => toRegex[part] ?? part).join("")}$`).test(subject);
      expect(automaton.matches(subject, new StepBudget())).toBe(expected);
    }),
    { numRuns: runs(500) },
  );
});

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, x] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, y] of [...b].entries()) {
      next.push(
        Math.min((row[j] as number) + (x === y ? 0 : 1), (row[j + 1] as number) + 1, (next[j] as number) + 1),
      );
    }
    row = next;
  }
  return row[b.length] as number;
}

it("finds a substring within the edit distance exactly when one exists", () => {
  const letters = (maxLength: number) => fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength });
  fc.assert(
    fc.property(letters(8), letters(6), fc.integer({ min: 0, max: 2 }), (subject, query, distance) => {
      let best = query.length;
      for (let from = 0; from <= subject.length; from++) {
        for (let to = from; to <= subject.length; to++) {
          best = Math.min(best, editDistance(subject.slice(from, to), query));
        }
      }
      const found = holdsWithin([...subject], [...query], distance, new StepBudget());
      expect(found).toBe(best <= distance);
    }),
    { numRuns: runs(300) },
  );
});
