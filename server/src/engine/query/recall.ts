/** Recall evaluation. Search is exact, so recall is 1; what is worth reading are the counts and the ground truth. */
import { badRequest, wrongShape } from "../errors.js";
import { bindFilter } from "../filter/bind.js";
import { selectSlots } from "../filter/select.js";
import { describeKind, isInteger, type JsonObject, type Printable } from "../json.js";
import { LIMITS } from "../limits.js";
import { bindRankBy, type RankBy } from "../rank/rank-by.js";
import { readBoolean } from "../request-fields.js";
import { vectorNames } from "../schema/schema.js";
import type { StepBudget } from "../step-budget.js";
import { printRow } from "./projection.js";
import type { Snapshot } from "./query.js";
import { rankHits } from "./ranking.js";

/** Throws 400 or 422, also when the ground truth takes more steps than there are. */
export function evaluateRecall(
  body: JsonObject,
  { schema, table }: Snapshot,
  steps: StepBudget,
): Record<string, Printable> {
  const samples = readCount(body, "num", 25, LIMITS.recallSamples, "samples");
  const limit = readCount(body, "top_k", 10, LIMITS.resultRows, "top_k");
  const hasRank = body.rank_by !== undefined && body.rank_by !== null;
  if (hasRank && samples > 1) throw badRequest("rank_by cannot be combined with num greater than 1");
  const { filters } = body;
  const filter =
    filters === undefined || filters === null ? null : bindFilter(filters, schema, "filters", steps);
  const selected = selectSlots(table, filter, steps);
  const [attribute] = vectorNames(schema);
  if (attribute === undefined) throw badRequest("recall requires a namespace with a vector attribute");
  const count = Math.min(limit, selected.count());
  const answer = { avg_recall: 1, avg_exhaustive_count: count, avg_ann_count: count };
  if (readBoolean(body, "include_ground_truth") !== true) return answer;
  const ranks = hasRank
    ? [bindRankBy(body.rank_by ?? null, schema, true, steps)]
    : sampleRanks({ schema, table }, attribute, samples);
  const printer = { schema, attributes: [], encoding: "float" } as const;
  const truth = ranks.map((rank) => ({
    query_vector: rank.kind === "distance" ? rank.vector : [],
    nearest_neighbors: rankHits(table, selected, {
      rank,
      limit: { total: limit, per: null },
      offset: 0,
      steps,
    }).map(({ slot, dist }) => printRow(printer, table, slot, dist)),
  }));
  return { ...answer, ground_truth: truth };
}

/** Stored vectors as queries, evenly spread over the namespace so that the same call gives the same sample. */
function sampleRanks({ schema, table }: Snapshot, attribute: string, samples: number): RankBy[] {
  const { metric } = schema;
  if (metric === null) return [];
  const slots = table.live.slots();
  const step = Math.max(1, Math.floor(slots.length / samples));
  const ranks: RankBy[] = [];
  for (let i = 0; i < slots.length && ranks.length < samples; i += step) {
    const vector = table.value(slots[i] as number, attribute);
    if (vector instanceof Float32Array)
      ranks.push({ kind: "distance", attribute, vector: vector.slice(), metric });
  }
  return ranks;
}

function readCount(body: JsonObject, field: string, fallback: number, max: number, name: string): number {
  const value = body[field];
  if (value === undefined || value === null) return fallback;
  if (!isInteger(value)) throw wrongShape(field, `invalid type: ${describeKind(value)}, expected usize`);
  if (value < 1 || value > max) throw badRequest(`${name} must be between 1 and ${max}`);
  return Number(value);
}
