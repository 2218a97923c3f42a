/** From the documents that pass the filter to the ordered page: ranks, breaks ties by ascending id, cuts. */
import { compareIds, compareNullable } from "../compare.js";
import { badRequest } from "../errors.js";
import { decimalOfFloat32 } from "../float-format.js";
import { finite } from "../json.js";
import { distances } from "../rank/distance.js";
import { KSmallest } from "../rank/k-smallest.js";
import { nearestCandidates } from "../rank/nearest.js";
import type { OrderKey, RankBy } from "../rank/rank-by.js";
import type { Scores } from "../rank/scores.js";
import { topK } from "../rank/top-k.js";
import type { Limit, PerLimit } from "../request-fields.js";
import type { StepBudget } from "../step-budget.js";
import type { Bitset } from "../table/bitset.js";
import type { Table } from "../table/table.js";
import type { Scalar } from "../values.js";

export interface Hit {
  readonly slot: number;
  /** Distance or score; null when the order is by attribute. */
  readonly dist: number | null;
}

/** How to rank, and what that may take. */
export interface Ranking {
  readonly rank: RankBy;
  readonly limit: Limit;
  readonly offset: number;
  readonly steps: StepBudget;
}

/**
 * Ranks the selected slots and returns the page `offset … offset + limit.total`. Throws 400 when it takes more steps than
 * the request has left.
 */
export function rankHits(table: Table, selected: Bitset, ranking: Ranking): Hit[] {
  const { rank, limit, offset, steps } = ranking;
  if (limit.per !== null && rank.kind !== "order") {
    throw badRequest("`limit.per` is only supported when ranking by an attribute");
  }
  const end = offset + limit.total;
  switch (rank.kind) {
    case "order":
      return orderHits(table, selected, rank.keys, ranking);
    case "distance":
      return nearestHits(table, selected, rank, end, steps).slice(offset);
    case "score":
      return scoredHits(table, selected, rank.scorer(table), end, steps).slice(offset);
  }
}

function nearestHits(
  table: Table,
  selected: Bitset,
  rank: RankBy & { kind: "distance" },
  end: number,
  steps: StepBudget,
): Hit[] {
  const column = table.vectorColumn(rank.attribute);
  if (column === undefined) return [];
  const all = selected.slots();
  steps.spend(scanSteps(all.length, column.dims));
  const slots = nearestCandidates(column, all, rank.vector, rank.metric, end);
  steps.spend(slots.length * (1 + column.dims / 8) + sortSteps(slots.length, end));
  const found = distances(column, slots, rank.vector, rank.metric);
  const byDistance = (a: number, b: number) =>
    (found[a] as number) - (found[b] as number) ||
    compareSlots(table, slots[a] as number, slots[b] as number);
  return topK(slots.length, end, byDistance)
    .filter((i) => Number.isFinite(found[i]))
    .map((i) => ({ slot: slots[i] as number, dist: decimalOfFloat32(found[i] as number) }));
}

/** What scanning vectors is charged: SIMD takes about a tenth of a nanosecond an element. */
export function scanSteps(vectors: number, dims: number): number {
  return vectors * (1 + dims / 64);
}

/** What putting the first `k` of so many in order is charged. */
function sortSteps(count: number, k: number): number {
  return count * (2 + 2 * Math.log2(Math.min(count, k) + 1));
}

function scoredHits(table: Table, selected: Bitset, scores: Scores, end: number, steps: StepBudget): Hit[] {
  const { values } = scores;
  steps.spend(scores.slots?.length ?? selected.size);
  const slots = bestScored(selected, scores, end);
  steps.spend(sortSteps(slots.length, end));
  const score = (i: number) => finite(values[slots[i] as number] as number);
  const byScore = (a: number, b: number) =>
    score(b) - score(a) || compareSlots(table, slots[a] as number, slots[b] as number);
  return topK(slots.length, end, byScore).map((i) => ({ slot: slots[i] as number, dist: score(i) }));
}

/** The selected slots with a score, less those that `k` others certainly come before. */
function bestScored(selected: Bitset, { values, slots }: Scores, k: number): number[] {
  const best = new KSmallest(Math.min(k, values.length));
  const kept: number[] = [];
  for (const slot of slots ?? selected.slots()) {
    const score = finite(values[slot] as number);
    if (!(score > 0) || -score > best.worst || !selected.has(slot)) continue;
    best.offer(-score);
    kept.push(slot);
  }
  return kept;
}

function compareSlots(table: Table, a: number, b: number): number {
  return compareIds(table.id(a), table.id(b));
}

function orderHits(
  table: Table,
  selected: Bitset,
  keys: readonly OrderKey[],
  { limit, offset, steps }: Ranking,
): Hit[] {
  const slots = selected.slots();
  const orders = keys.map((key) => slotOrder(table, key));
  const byKeys = (a: number, b: number) => {
    const x = slots[a] as number;
    const y = slots[b] as number;
    for (const order of orders) {
      const difference = order(x, y);
      if (difference !== 0) return difference;
    }
    return compareSlots(table, x, y);
  };
  const wanted = limit.per === null ? offset + limit.total : slots.length;
  steps.spend(sortSteps(slots.length, wanted) * (1 + keys.length));
  if (limit.per !== null) steps.spend(slots.length * 20 * limit.per.attributes.length);
  const ordered = topK(slots.length, wanted, byKeys).map((i) => slots[i] as number);
  const spread = limit.per === null ? ordered : diversify(table, ordered, limit.per);
  return spread.slice(offset, offset + limit.total).map((slot) => ({ slot, dist: null }));
}

/** Null sorts first ascending and last descending; null is the smallest value in both. */
function slotOrder(table: Table, key: OrderKey): (a: number, b: number) => number {
  const sign = key.descending ? -1 : 1;
  if (key.attribute === "id") return (a, b) => sign * compareSlots(table, a, b);
  const column = table.column(key.attribute);
  return (a, b) =>
    sign *
    compareNullable((column?.get(a) ?? null) as Scalar | null, (column?.get(b) ?? null) as Scalar | null);
}

/** Keeps at most `per.rows` documents of each distinct key, in order. */
function diversify(table: Table, slots: readonly number[], per: PerLimit): number[] {
  const seen = new Map<string, number>();
  return slots.filter((slot) => {
    const key = groupKey(
      per.attributes.map((name) => (name === "id" ? table.id(slot) : table.value(slot, name))),
    );
    const count = (seen.get(key) ?? 0) + 1;
    seen.set(key, count);
    return count <= per.rows;
  });
}

/** One text per distinct tuple of values; numbers and bigints of one value never both occur. */
export function groupKey(values: readonly unknown[]): string {
  return JSON.stringify(values, (_, value) => (typeof value === "bigint" ? `${value}n` : value));
}
