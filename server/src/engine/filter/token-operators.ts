/** Token filters on full-text attributes: all, any, or a sequence of the query's tokens. */
import { badRequest } from "../errors.js";
import { isObject, type Json } from "../json.js";
import { LIMITS } from "../limits.js";
import type { Attribute } from "../schema/attribute.js";
import { type Analyzer, createAnalyzer } from "../text/analyzer.js";
import type { Value } from "../values.js";
import type { Leaf } from "./expression.js";
import { filterError, type RawLeaf, typeMismatch } from "./raw-leaf.js";

const TOKEN_OPERATORS: ReadonlySet<string> = new Set([
  "ContainsAllTokens",
  "ContainsAnyToken",
  "ContainsTokenSequence",
]);

export function isTokenOperator(name: string): boolean {
  return TOKEN_OPERATORS.has(name);
}

export function bindTokens(leaf: RawLeaf, attribute: Attribute): Leaf {
  if (attribute.fullText === null) throw filterError(leaf, `${leaf.operator} requires full_text_search`);
  leaf.steps.spend(ANALYZER_STEPS);
  const analyzer = createAnalyzer(attribute.fullText);
  const tokens = queryTokens(analyzer, leaf.operand);
  if (tokens === undefined) {
    throw typeMismatch(leaf, analyzer.options.tokenizer === "pre_tokenized_array" ? "[]string" : "string");
  }
  const prefix = readLastAsPrefix(leaf.options) ? (tokens.pop() ?? null) : null;
  const judge = judges(leaf.operator, tokens, prefix);
  const empty = tokens.length === 0 && prefix === null;
  return {
    kind: "leaf",
    attribute: leaf.attribute,
    test: (value: Value | null) => {
      if (value === null || empty) return false;
      leaf.steps.spend(analysisSteps(value));
      return judge(analyzer.tokensOfValue(value));
    },
    shortcut: { kind: "terms", terms: tokens, prefix, all: leaf.operator !== "ContainsAnyToken" },
    exact: leaf.operator !== "ContainsTokenSequence",
  };
}

/** What making an analyzer is charged, stop words and stemmer included. */
export const ANALYZER_STEPS = 2_000;

/** What analysing a text is charged for each character. */
const CHARACTER_STEPS = 10;

function analysisSteps(value: Value): number {
  const texts = (Array.isArray(value) ? value : [value]) as readonly string[];
  return texts.reduce((sum, text) => sum + (text.length + 1) * CHARACTER_STEPS, 0);
}

/**
 * A query's tokens, or `undefined` when the query is not what the attribute takes: text, or a list of tokens when it is
 * pre-tokenised. Throws 400 on a query over the documented length.
 */
export function queryTokens(analyzer: Analyzer, query: Json): string[] | undefined {
  if (analyzer.options.tokenizer === "pre_tokenized_array") {
    return Array.isArray(query) && query.every((token) => typeof token === "string") ? [...query] : undefined;
  }
  if (typeof query !== "string") return undefined;
  if (query.length > LIMITS.fullTextQueryChars) {
    throw badRequest(
      `full-text query is too long: ${query.length} characters, limit is ${LIMITS.fullTextQueryChars} characters`,
    );
  }
  return analyzer.tokens(query);
}

/** The `last_as_prefix` option of token filters and BM25. */
export function readLastAsPrefix(options: Json): boolean {
  return isObject(options) && options.last_as_prefix === true;
}

type Judge = (texts: readonly (readonly string[])[]) => boolean;

function judges(operator: string, tokens: readonly string[], prefix: string | null): Judge {
  if (operator === "ContainsTokenSequence")
    return (texts) => texts.some((text) => holdsSequence(text, tokens, prefix));
  const holdsPrefix = (words: readonly string[]) =>
    prefix !== null && words.some((word) => word.startsWith(prefix));
  if (operator === "ContainsAnyToken") {
    return (texts) => {
      const words = texts.flat();
      return tokens.some((token) => words.includes(token)) || holdsPrefix(words);
    };
  }
  return (texts) => {
    const words = texts.flat();
    return tokens.every((token) => words.includes(token)) && (prefix === null || holdsPrefix(words));
  };
}

function holdsSequence(words: readonly string[], tokens: readonly string[], prefix: string | null): boolean {
  const length = tokens.length + (prefix === null ? 0 : 1);
  for (let start = 0; start + length <= words.length; start++) {
    const follows = tokens.every((token, i) => words[start + i] === token);
    if (follows && (prefix === null || (words[start + tokens.length] as string).startsWith(prefix)))
      return true;
  }
  return false;
}
