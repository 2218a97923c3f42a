/**
 * Score expressions: trees of BM25, sparse, filter and attribute clauses, bound to a schema. A clause that does not match
 * contributes 0.
 */
import { parseDatetime, parseDuration } from "../datetime.js";
import { badRequest, wrongShape } from "../errors.js";
import { bindFilter, looksLikeFilter } from "../filter/bind.js";
import { selectSlots } from "../filter/select.js";
import { ANALYZER_STEPS, queryTokens, readLastAsPrefix } from "../filter/token-operators.js";
import { describe, isObject, type Json, toDouble } from "../json.js";
import { LIMITS } from "../limits.js";
import type { Schema } from "../schema/schema.js";
import type { StepBudget } from "../step-budget.js";
import { createAnalyzer } from "../text/analyzer.js";
import { type SparseVector, toSparse } from "../values.js";
import { bm25Scores } from "./bm25.js";
import { combine, constant, everywhere, mapped, present, type Scorer, scaled } from "./scores.js";

const COMBINERS: ReadonlySet<string> = new Set([
  "Sum",
  "Max",
  "Product",
  "Attribute",
  "Saturate",
  "Decay",
  "Dist",
]);

/** Whether a rank expression is a combination rather than a clause on one attribute. */
export function isCombiner(name: Json | undefined): boolean {
  return typeof name === "string" && COMBINERS.has(name);
}

/** Binds a score expression. Throws 400 on a rule, 422 when it is no expression at all. */
export function bindScore(expression: Json, schema: Schema, steps: StepBudget): Scorer {
  return present(bind(expression, schema, { depth: 0, guarded: false, steps }));
}

interface Place {
  readonly depth: number;
  /** Under something that keeps a signed number from becoming a negative score. */
  readonly guarded: boolean;
  /** What the request may still take. */
  readonly steps: StepBudget;
}

export function invalidRank(): Error {
  return wrongShape("rank_by", "data did not match any variant of enum RankInput");
}

function bind(expression: Json, schema: Schema, place: Place): Scorer {
  if (place.depth > LIMITS.expressionDepth) {
    throw badRequest(`rank_by is nested too deeply, limit is ${LIMITS.expressionDepth} levels`);
  }
  const number = toDouble(expression);
  if (number !== undefined) return constant(number, place.steps);
  if (!Array.isArray(expression)) throw invalidRank();
  const [head, second, third] = expression;
  const inner = { ...place, depth: place.depth + 1 };
  if (second === "BM25") return bindBm25(expression, schema, place);
  if (second === "SparseKNN") return bindSparse(head as Json, third ?? null, schema, place);
  if (looksLikeFilter(expression)) return bindFilterClause(expression, schema, place);
  switch (head) {
    case "Sum":
      return combine(bindAll(second, schema, inner), (a, b) => a + b, true, place.steps);
    case "Max":
      return bindMax(expression, schema, inner);
    case "Product":
      return bindProduct(expression, schema, inner);
    case "Attribute":
      return bindAttribute(second ?? null, schema, place);
    case "Saturate":
    case "Decay":
      return bindCurve(expression, schema, { ...inner, guarded: true });
    case "Dist":
      return bindDist(expression, schema, { ...inner, guarded: true });
    default:
      throw invalidRank();
  }
}

function bindAll(list: Json | undefined, schema: Schema, place: Place): Scorer[] {
  if (!Array.isArray(list)) throw invalidRank();
  if (list.length === 0) throw badRequest("rank_by cannot combine an empty list of expressions");
  return list.map((clause) => bind(clause, schema, place));
}

/** `["Max",[e,…]]` or positional `["Max",0,e]`; a zero among the operands keeps the result from being negative. */
function bindMax(expression: readonly Json[], schema: Schema, place: Place): Scorer {
  const listed = expression.length === 2 ? expression[1] : expression.slice(1);
  const guarded = place.guarded || (Array.isArray(listed) && listed.some((e) => (toDouble(e) ?? -1) >= 0));
  return combine(bindAll(listed, schema, { ...place, guarded }), Math.max, false, place.steps);
}

function bindProduct([, a, b]: readonly Json[], schema: Schema, place: Place): Scorer {
  const first = toDouble(a);
  const [weight, clause] = first === undefined ? [toDouble(b), a] : [first, b];
  if (weight === undefined || clause === undefined) throw invalidRank();
  if (weight < 0) throw badRequest(`Product weight must not be negative, got ${weight}`);
  const scorer = bind(clause, schema, place);
  return scaled(scorer, weight, place.steps);
}

function bindFilterClause(expression: Json, schema: Schema, place: Place): Scorer {
  const filter = bindFilter(expression, schema, "rank_by", place.steps);
  return (table) => {
    place.steps.spend(table.slotCount);
    const values = new Float64Array(table.slotCount);
    const slots = selectSlots(table, filter, place.steps).slots();
    for (const slot of slots) values[slot] = 1;
    return { values, slots };
  };
}

function requireAttribute(name: Json, schema: Schema) {
  if (typeof name !== "string") throw invalidRank();
  const attribute = schema.attributes.get(name);
  if (attribute === undefined) throw badRequest(`rank_by attribute "${name}" not found in schema`);
  return { name, attribute };
}

function bindBm25([head, , query, options]: readonly Json[], schema: Schema, { steps }: Place): Scorer {
  const { name, attribute } = requireAttribute(head ?? null, schema);
  if (attribute.fullText === null) {
    throw badRequest(`rank_by BM25 requires full_text_search on attribute "${name}"`);
  }
  steps.spend(ANALYZER_STEPS);
  const analyzer = createAnalyzer(attribute.fullText);
  const tokens = queryTokens(analyzer, query ?? null);
  if (tokens === undefined) {
    const expected = attribute.fullText.tokenizer === "pre_tokenized_array" ? "[]string" : "string";
    throw badRequest(
      `invalid input '${describe(query ?? null)}' for rank_by field "${name}", expecting ${expected}`,
    );
  }
  const prefix = readLastAsPrefix(options ?? null) ? (tokens.pop() ?? null) : null;
  return (table) => bm25Scores(table, { attribute: name, tokens, prefix }, steps);
}

function bindSparse(head: Json, query: Json, schema: Schema, { steps }: Place): Scorer {
  const { name, attribute } = requireAttribute(head, schema);
  if (attribute.type.kind !== "sparse")
    throw badRequest(`rank_by SparseKNN requires a {}f16 attribute, "${name}" is none`);
  const wanted = toSparse(query, name);
  return (table) => {
    steps.spend(table.slotCount * (4 + 4 * wanted.size));
    const scores = new Float64Array(table.slotCount);
    for (const slot of table.live.slots()) {
      const vector = table.value(slot, name) as SparseVector | null;
      if (vector === null) continue;
      let dot = 0;
      for (const [dim, weight] of wanted) dot += weight * (vector.get(dim) ?? 0);
      scores[slot] = dot;
    }
    return everywhere(scores);
  };
}

/** A number's value, a datetime's milliseconds; NaN where absent. */
function bindAttribute(head: Json, schema: Schema, place: Place): Scorer {
  const { name, attribute } = requireAttribute(head, schema);
  const { type } = attribute;
  const of = type.kind === "scalar" ? type.of : "";
  if (!["int", "uint", "float", "datetime"].includes(of)) {
    throw badRequest(`rank_by Attribute requires a numeric attribute, "${name}" is none`);
  }
  if (!place.guarded && of !== "uint") {
    throw badRequest(
      `rank_by Attribute "${name}" of type ${of} must be used inside Max with 0, Saturate, Decay or Dist`,
    );
  }
  return (table) => {
    place.steps.spend(table.slotCount * 2);
    const scores = new Float64Array(table.slotCount).fill(Number.NaN);
    for (const slot of table.live.slots()) {
      const value = table.value(slot, name);
      if (value !== null) scores[slot] = Number(value);
    }
    return everywhere(scores);
  };
}

/** Saturate `s^x/(s^x+m^x)` and Decay `m^x/(s^x+m^x)`, with s clamped at 0; an absent attribute scores 0 in both. */
function bindCurve(expression: readonly Json[], schema: Schema, place: Place): Scorer {
  const [head, clause, options] = expression;
  if (clause === undefined || !isObject(options)) throw invalidRank();
  const midpoint = readMidpoint(options.midpoint ?? null, head as string);
  const exponent = toDouble(options.exponent ?? 1);
  if (exponent === undefined || exponent <= 0) throw badRequest(`${head} exponent must be greater than 0`);
  const scorer = bind(clause, schema, place);
  return mapped(scorer, place.steps, (score) => {
    if (Number.isNaN(score)) return 0;
    // The power of the quotient: powers of s and m alone may both leave the range of doubles.
    const s = Math.max(0, score);
    return 1 / (1 + (head === "Saturate" ? midpoint / s : s / midpoint) ** exponent);
  });
}

function readMidpoint(value: Json, operator: string): number {
  const midpoint = typeof value === "string" ? parseDuration(value) : toDouble(value);
  if (midpoint === undefined || midpoint <= 0) {
    throw badRequest(
      `${operator} midpoint must be a number greater than 0 or a duration, got '${describe(value)}'`,
    );
  }
  return midpoint;
}

function bindDist([, clause, origin]: readonly Json[], schema: Schema, place: Place): Scorer {
  const from = typeof origin === "string" ? parseDatetime(origin) : toDouble(origin);
  if (clause === undefined || from === undefined) {
    throw badRequest(`Dist origin must be a number or a datetime, got '${describe(origin ?? null)}'`);
  }
  const scorer = bind(clause, schema, place);
  return mapped(scorer, place.steps, (score) => Math.abs(score - from));
}
