/** `rank_by` in all its forms, bound to a schema: an order over attributes, a distance, or a score. */
import { badRequest, unsupported } from "../errors.js";
import { looksLikeFilter } from "../filter/bind.js";
import type { Json } from "../json.js";
import type { Metric } from "../schema/attribute.js";
import type { Schema } from "../schema/schema.js";
import type { StepBudget } from "../step-budget.js";
import { readVector, toVector } from "../values.js";
import { bindScore, invalidRank, isCombiner } from "./score.js";
import type { Scorer } from "./scores.js";

export interface OrderKey {
  readonly attribute: string;
  readonly descending: boolean;
}

export type RankBy =
  | { readonly kind: "order"; readonly keys: readonly OrderKey[] }
  | {
      readonly kind: "distance";
      readonly attribute: string;
      readonly vector: Float32Array;
      readonly metric: Metric;
    }
  | { readonly kind: "score"; readonly scorer: Scorer };

/** Binds `rank_by`; `hasFilters` because kNN is refused without them. Throws 400 on a rule, 422 on a shape. */
export function bindRankBy(value: Json, schema: Schema, hasFilters: boolean, steps: StepBudget): RankBy {
  if (!Array.isArray(value)) throw invalidRank();
  if (value.length === 0) throw badRequest("rank_by cannot be empty");
  const [head, second] = value;
  if (Array.isArray(head)) return { kind: "order", keys: value.map((key) => bindKey(key, schema)) };
  if (second === "asc" || second === "desc") return { kind: "order", keys: [bindKey(value, schema)] };
  if (second === "ANN" || second === "kNN") return bindNearest(value, schema, hasFilters);
  if (second === "BM25" || second === "SparseKNN" || isCombiner(head) || looksLikeFilter(value)) {
    return { kind: "score", scorer: bindScore(value, schema, steps) };
  }
  throw invalidRank();
}

function bindKey(value: Json, schema: Schema): OrderKey {
  if (!Array.isArray(value) || value.length !== 2) throw invalidRank();
  const [attribute, direction] = value;
  if (typeof attribute !== "string" || (direction !== "asc" && direction !== "desc")) throw invalidRank();
  if (attribute !== "id") requireOrderable(attribute, schema);
  return { attribute, descending: direction === "desc" };
}

function requireOrderable(name: string, schema: Schema): void {
  const attribute = schema.attributes.get(name);
  if (attribute === undefined) throw badRequest(`rank_by attribute "${name}" not found in schema`);
  if (attribute.type.kind !== "scalar")
    throw badRequest(`rank_by cannot order by attribute "${name}": it is not a scalar`);
  if (!attribute.filterable)
    throw badRequest(`rank_by cannot order by attribute "${name}": it is not filterable`);
}

function bindNearest(value: readonly Json[], schema: Schema, hasFilters: boolean): RankBy {
  const [head, operator, query] = value;
  if (typeof head !== "string" || query === undefined) throw invalidRank();
  if (Array.isArray(query) && query[0] === "Embed") throw unsupported("hosted embedding");
  if (Array.isArray(query) && Array.isArray(query[0])) throw unsupported("late interaction vectors");
  const attribute = schema.attributes.get(head);
  if (attribute === undefined) throw badRequest(`rank_by attribute "${head}" not found in schema`);
  if (attribute.type.kind !== "vector" || schema.metric === null) {
    throw badRequest(`rank_by ${operator} requires a vector attribute, "${head}" is none`);
  }
  if (operator === "kNN" && !hasFilters) throw badRequest("rank_by kNN requires filters");
  if (readVector(query) === undefined) throw invalidRank();
  return {
    kind: "distance",
    attribute: head,
    vector: toVector(query, head, attribute.type),
    metric: schema.metric,
  };
}
