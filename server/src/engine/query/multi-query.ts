/** Several queries over one snapshot, and their fusion into one list by reciprocal rank. */
import { compareIds } from "../compare.js";
import { badRequest, unsupported, wrongShape } from "../errors.js";
import type { Id } from "../ids.js";
import {
  describeKind,
  finite,
  isObject,
  type Json,
  type JsonObject,
  type Printable,
  toDouble,
} from "../json.js";
import { LIMITS } from "../limits.js";
import { readBody, readLimit, readOffset, readVariant } from "../request-fields.js";
import type { StepBudget } from "../step-budget.js";
import type { PrintedRow } from "./projection.js";
import { bindQuery, type QueryOutcome, runQuery, type Snapshot } from "./query.js";

export interface MultiOutcome {
  readonly results: readonly Printable[];
  readonly returnedBytes: number;
}

/** Runs `queries` in order; with `rerank_by` the results are one fused list. Throws 400 or 422. */
export function runMultiQuery(body: JsonObject, snapshot: Snapshot, steps: StepBudget): MultiOutcome {
  const { queries } = body;
  if (!Array.isArray(queries)) {
    throw wrongShape("queries", `invalid type: ${describeKind(queries)}, expected a sequence`);
  }
  if (queries.length === 0) throw badRequest("must send at least one sub-query");
  if (queries.length > LIMITS.subQueries) {
    throw badRequest(
      `multi-query exceeds per-namespace concurrency budget: requires ${queries.length} permits, max is ${LIMITS.subQueries}`,
    );
  }
  const encoding = readVariant(body, "vector_encoding", ["float", "base64"]) ?? "float";
  const bound = queries.map((query) => bindQuery(readBody(query), snapshot.schema, steps, encoding));
  const fusion = readFusion(body, queries.length);
  let returnedBytes = 0;
  const outcomes = bound.map((query) => {
    const outcome = runQuery(query, snapshot.table, LIMITS.answerBytes - returnedBytes);
    returnedBytes += outcome.returnedBytes;
    return outcome;
  });
  if (fusion === null) return { results: outcomes.map(({ result }) => result), returnedBytes };
  return { results: [{ rows: fuse(outcomes, fusion) }], returnedBytes };
}

interface Fusion {
  readonly rankConstant: number;
  readonly weights: readonly number[];
  readonly offset: number;
  readonly total: number;
}

function readFusion(body: JsonObject, queries: number): Fusion | null {
  const { rerank_by: rerank } = body;
  const offset = readOffset(body, ["rerank_by"]);
  if (rerank === undefined || rerank === null) return null;
  if (isObject(rerank)) throw unsupported("hosted rerank models");
  if (!Array.isArray(rerank) || rerank[0] !== "RRF") {
    throw wrongShape("rerank_by", "data did not match any variant of enum RerankInput");
  }
  const options = rerank[1] ?? {};
  if (!isObject(options))
    throw wrongShape("rerank_by", `invalid type: ${describeKind(options)}, expected a map`);
  const rankConstant = toDouble(options.rank_constant ?? 60);
  if (rankConstant === undefined || !(rankConstant > 0 && rankConstant < Number.POSITIVE_INFINITY)) {
    throw badRequest("rerank_by rank_constant must be greater than 0");
  }
  const total = readLimit(body)?.total ?? Number.POSITIVE_INFINITY;
  return { rankConstant, weights: readWeights(options.weights, queries), offset, total };
}

function readWeights(value: Json | undefined, queries: number): number[] {
  if (value === undefined || value === null) return new Array<number>(queries).fill(1);
  if (!Array.isArray(value) || value.length !== queries) {
    throw badRequest(`rerank_by weights must have one entry per query, expected ${queries}`);
  }
  return value.map((sent) => {
    const weight = toDouble(sent);
    if (weight === undefined || !(weight > 0 && weight < Number.POSITIVE_INFINITY))
      throw badRequest("rerank_by weights must be greater than 0");
    return weight;
  });
}

/** `Σ w/(k + rank)` per document; a fused row carries the attributes each query asked for, the first query winning. */
function fuse(outcomes: readonly QueryOutcome[], fusion: Fusion): PrintedRow[] {
  const fused = new Map<Id, { score: number; row: PrintedRow }>();
  outcomes.forEach(({ rows }, query) => {
    if (rows === null) throw badRequest("rerank_by cannot be combined with aggregate_by");
    rows.forEach((row, position) => {
      const id = row.id as Id;
      const share = (fusion.weights[query] as number) / (fusion.rankConstant + position + 1);
      const earlier = fused.get(id);
      fused.set(id, {
        score: finite((earlier?.score ?? 0) + share),
        row: { ...row, ...earlier?.row },
      });
    });
  });
  return [...fused]
    .sort(([a, x], [b, y]) => y.score - x.score || compareIds(a, b))
    .slice(fusion.offset, fusion.offset + fusion.total)
    .map(([, { score, row }]) => ({ ...row, $dist: score }));
}
