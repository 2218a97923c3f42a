/**
 * A first bound on what one request may make the engine do, judged before anything is bound: a clause costs about a pass
 * over the documents. What it really costs is metered while it runs (`step-budget.ts`).
 */
import { badRequest } from "./errors.js";
import type { Json, JsonObject } from "./json.js";
import { LIMITS } from "./limits.js";

/** The parts of a query that can hold clauses. */
const CLAUSE_FIELDS = ["filters", "rank_by", "aggregate_by", "group_by", "compute_attributes"];

/** Throws 400 when a query, or the queries of a multi-query together, would be too much work over `documents`. */
export function checkQueryWork(body: JsonObject, documents: number): void {
  const { queries } = body;
  const parts = Array.isArray(queries) ? queries : [body];
  checkWork(
    parts.flatMap((part) => CLAUSE_FIELDS.map((field) => fieldOf(part, field))),
    documents,
    "query",
  );
}

/** Throws 400 when the clauses of all expressions, each run over `documents`, are too much work; `what` names it. */
export function checkWork(expressions: readonly Json[], documents: number, what: string): void {
  const clauses = expressions.reduce<number>((sum, expression) => sum + countClauses(expression), 0);
  if (clauses > LIMITS.clauses) {
    throw badRequest(`${what} has too many clauses: ${clauses}, limit is ${LIMITS.clauses}`);
  }
  if (clauses * documents > LIMITS.work) {
    throw badRequest(
      `${what} is too much work: ${clauses} clauses over ${documents} documents, limit is ${LIMITS.work} for their product`,
    );
  }
}

function fieldOf(value: Json, field: string): Json {
  return (typeof value === "object" && value !== null && !Array.isArray(value) && value[field]) || null;
}

/** Every clause is a list of the wire, and so are a few operands: an upper bound that needs no knowledge of operators. */
function countClauses(expression: Json): number {
  const pending: Json[] = [expression];
  let clauses = 0;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (typeof next !== "object" || next === null) continue;
    if (Array.isArray(next)) clauses++;
    for (const inner of Array.isArray(next) ? next : Object.values(next)) {
      if (typeof inner === "object") pending.push(inner);
    }
  }
  return clauses;
}
