/** `compute_attributes`: extra columns of a result, computed for the rows that are returned. */
import { badRequest, unsupported, wrongShape } from "../errors.js";
import { describeKind, finite, isObject, type Json } from "../json.js";
import { distances } from "../rank/distance.js";
import { bindScore } from "../rank/score.js";
import { checkAttributeName, type Schema } from "../schema/schema.js";
import type { StepBudget } from "../step-budget.js";
import type { Table } from "../table/table.js";
import { toVector } from "../values.js";

export interface Computed {
  readonly name: string;
  /** Prepares the column over a table; the result gives a slot's value, null where there is none. */
  readonly evaluate: (table: Table) => (slot: number) => number | null;
}

export function computeColumns(value: Json | undefined, schema: Schema, steps: StepBudget): Computed[] {
  if (value === undefined || value === null) return [];
  if (!isObject(value)) {
    throw wrongShape("compute_attributes", `invalid type: ${describeKind(value)}, expected a map`);
  }
  return Object.entries(value).map(([name, expression]) => {
    checkAttributeName(name);
    if (name === "id") throw badRequest("compute_attributes cannot replace id");
    return { name, evaluate: bindColumn(expression, schema, steps) };
  });
}

function bindColumn(expression: Json, schema: Schema, steps: StepBudget): Computed["evaluate"] {
  if (Array.isArray(expression) && expression[0] === "Highlight") throw unsupported("Highlight");
  if (Array.isArray(expression) && expression[1] === "VectorDist") return bindVectorDist(expression, schema);
  const scorer = bindScore(expression, schema, steps);
  return (table) => {
    const { values } = scorer(table);
    return (slot) => finite(values[slot] as number);
  };
}

function bindVectorDist([head, , query]: readonly Json[], schema: Schema): Computed["evaluate"] {
  const { metric } = schema;
  const type = typeof head === "string" ? schema.attributes.get(head)?.type : undefined;
  if (typeof head !== "string" || type?.kind !== "vector" || metric === null) {
    throw badRequest("compute_attributes VectorDist requires a vector attribute");
  }
  if (Array.isArray(query) && query[0] === "Embed") throw unsupported("hosted embedding");
  const vector = toVector(query ?? null, head, type);
  return (table) => {
    const column = table.vectorColumn(head);
    return (slot) => {
      const distance =
        column === undefined ? undefined : distances(column, Int32Array.of(slot), vector, metric)[0];
      return distance !== undefined && Number.isFinite(distance) ? distance : null;
    };
  };
}
