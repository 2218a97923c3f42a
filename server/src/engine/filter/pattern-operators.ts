/**
 * Pattern filters on text: Glob, IGlob, Regex and Fuzzy. All run in time bounded by text and pattern, once per distinct
 * value where the attribute has an index of its values.
 */
import { badRequest } from "../errors.js";
import { isInteger, isObject, type Json } from "../json.js";
import { LIMITS } from "../limits.js";
import { type Automaton, compile, PatternTooCostly } from "../pattern/automaton.js";
import { holdsWithin } from "../pattern/fuzzy.js";
import { GlobSyntaxError, parseGlob } from "../pattern/glob.js";
import { parseRegex, RegexSyntaxError } from "../pattern/regex.js";
import type { Scalar, Value } from "../values.js";
import type { Filter, Leaf } from "./expression.js";
import { filterError, type RawLeaf, type Target, typeMismatch } from "./raw-leaf.js";

/** What reading a pattern is charged, because a condition that refers to the incoming row reads it for each row. */
const COMPILE_STEPS = 10_000;

type TextTest = (text: string) => boolean;
type Prepare = (leaf: RawLeaf, pattern: string) => TextTest;

interface PatternOperator {
  readonly prepare: Prepare;
  readonly negated: boolean;
  /** The index the attribute must have; globs also run on filterable attributes. */
  readonly needs: "glob" | "regex" | "fuzzy";
}

const PATTERN_OPERATORS: Readonly<Record<string, PatternOperator>> = {
  Glob: { prepare: prepareGlob(false), negated: false, needs: "glob" },
  NotGlob: { prepare: prepareGlob(false), negated: true, needs: "glob" },
  IGlob: { prepare: prepareGlob(true), negated: false, needs: "glob" },
  NotIGlob: { prepare: prepareGlob(true), negated: true, needs: "glob" },
  Regex: { prepare: prepareRegex, negated: false, needs: "regex" },
  Fuzzy: { prepare: prepareFuzzy, negated: false, needs: "fuzzy" },
};

export function isPatternOperator(name: string): boolean {
  return Object.hasOwn(PATTERN_OPERATORS, name);
}

export function bindPattern(leaf: RawLeaf, target: Target): Filter {
  const operator = PATTERN_OPERATORS[leaf.operator] as PatternOperator;
  if (target.of !== "string")
    throw filterError(leaf, `${leaf.operator} requires a string attribute, not ${target.of}`);
  requireIndex(leaf, target, operator.needs);
  if (typeof leaf.operand !== "string") throw typeMismatch(leaf, "string");
  if (leaf.operand.length > LIMITS.patternChars) {
    throw filterError(leaf, `pattern is too long, limit is ${LIMITS.patternChars} characters`);
  }
  const matches = operator.prepare(leaf, leaf.operand);
  const passes = (value: Scalar) => matches(value as string);
  const bound: Leaf = {
    kind: "leaf",
    attribute: leaf.attribute,
    test: (value: Value | null) =>
      value !== null && (Array.isArray(value) ? value.some(passes) : passes(value as Scalar)),
    shortcut: { kind: "distinct", passes },
    exact: true,
  };
  return operator.negated ? { kind: "not", operand: bound } : bound;
}

function requireIndex(leaf: RawLeaf, { attribute }: Target, needs: PatternOperator["needs"]): void {
  if (attribute === null) {
    if (needs !== "glob") throw filterError(leaf, `${leaf.operator} is not supported on id`);
    return;
  }
  if (attribute[needs] || (needs === "glob" && attribute.filterable)) return;
  const wanted = needs === "glob" ? "glob: true or filterable: true" : `${needs}: true`;
  throw filterError(leaf, `${leaf.operator} requires ${wanted} in the schema`);
}

function prepareGlob(ignoreCase: boolean): Prepare {
  return (leaf, pattern) => compiled(leaf, () => compile(parseGlob(pattern, ignoreCase), true));
}

function prepareRegex(leaf: RawLeaf, pattern: string): TextTest {
  return compiled(leaf, () => compile(parseRegex(pattern), false));
}

function compiled(leaf: RawLeaf, build: () => Automaton): TextTest {
  const automaton = refusing(leaf, () => {
    leaf.steps.spend(COMPILE_STEPS);
    return build();
  });
  return (text) => refusing(leaf, () => automaton.matches(text, leaf.steps));
}

/** Turns what a pattern can do wrong into the caller's 400. */
function refusing<T>(leaf: RawLeaf, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (
      error instanceof PatternTooCostly ||
      error instanceof RegexSyntaxError ||
      error instanceof GlobSyntaxError
    ) {
      throw filterError(leaf, `invalid ${leaf.operator} pattern: ${error.message}`);
    }
    throw error;
  }
}

function prepareFuzzy(leaf: RawLeaf, pattern: string): TextTest {
  const options = isObject(leaf.options) ? leaf.options : {};
  const ignoreCase = options.case_sensitive === false;
  const characters = (text: string) => Array.from(ignoreCase ? text.toLowerCase() : text);
  const query = characters(pattern);
  const distance = allowedDistance(leaf, options.max_edit_distance ?? null, query.length);
  if (distance === null) return () => false;
  return (text) => refusing(leaf, () => holdsWithin(characters(text), query, distance, leaf.steps));
}

/** The distance of the entry with the most characters not above the query's; null below the first entry. */
function allowedDistance(leaf: RawLeaf, entries: Json, queryChars: number): number | null {
  if (!Array.isArray(entries) || entries.length === 0) {
    throw badRequest(`filter error in key \`${leaf.attribute}\`: Fuzzy requires max_edit_distance`);
  }
  let best: { chars: number; distance: number } | null = null;
  for (const entry of entries) {
    const { min_query_chars: chars, distance } = isObject(entry) ? entry : {};
    if (
      !isInteger(chars) ||
      !isInteger(distance) ||
      distance < 0 ||
      distance > 2 ||
      chars < 3 * (Number(distance) + 1)
    ) {
      throw filterError(
        leaf,
        "max_edit_distance entries need distance from 0 to 2 and min_query_chars of at least 3 * (distance + 1)",
      );
    }
    if (chars <= queryChars && (best === null || chars > best.chars)) {
      best = { chars: Number(chars), distance: Number(distance) };
    }
  }
  return best?.distance ?? null;
}
