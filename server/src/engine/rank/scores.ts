/**
 * Scores of a whole table at once, in one array by slot, so that combining clauses is arithmetic over arrays. A clause
 * that knows the few slots it matched says which, and nobody walks over the rest.
 */
import type { StepBudget } from "../step-budget.js";
import type { Table } from "../table/table.js";

export interface Scores {
  /** Scores by slot of a table; entries of dead slots mean nothing. NaN marks an absent attribute until it is combined. */
  readonly values: Float64Array;
  /** The slots whose score is above 0, once each and in any order, when all others are 0; null when nobody kept count. */
  readonly slots: Int32Array | null;
}

/** Scores a table. The arrays are the caller's to change. */
export type Scorer = (table: Table) => Scores;

/** Scores of which every slot has one. */
export function everywhere(values: Float64Array): Scores {
  return { values, slots: null };
}

export function constant(value: number, steps: StepBudget): Scorer {
  return (table) => {
    steps.spend(table.slotCount);
    return everywhere(new Float64Array(table.slotCount).fill(value));
  };
}

/** Absent attributes count as 0 once they meet anything else. */
export function present(scorer: Scorer): Scorer {
  return (table) => {
    const scores = scorer(table);
    if (scores.slots !== null) return scores;
    const { values } = scores;
    for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) values[i] = 0;
    return scores;
  };
}

/** Changes every score, absent ones too. */
export function mapped(scorer: Scorer, steps: StepBudget, change: (score: number) => number): Scorer {
  return (table) => {
    steps.spend(table.slotCount * 2);
    const { values } = scorer(table);
    for (let i = 0; i < values.length; i++) values[i] = change(values[i] as number);
    return everywhere(values);
  };
}

/** Multiplies every score by a weight that is not negative. */
export function scaled(scorer: Scorer, weight: number, steps: StepBudget): Scorer {
  return (table) => {
    steps.spend(table.slotCount);
    const { values, slots } = scorer(table);
    if (slots === null) {
      for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) * weight;
      return everywhere(values);
    }
    for (const slot of slots) values[slot] = (values[slot] as number) * weight;
    // A weight may have made zeros of some.
    return { values, slots: slots.filter((slot) => values[slot] !== 0) };
  };
}

/** Folds clauses left to right, one in memory at a time. `zeroIsNeutral`: folding in a 0 changes no score, whatever its sign. */
export function combine(
  clauses: readonly Scorer[],
  fold: (a: number, b: number) => number,
  zeroIsNeutral: boolean,
  steps: StepBudget,
): Scorer {
  return (table) => {
    const [first, ...rest] = clauses.map((clause) => present(clause));
    if (first === undefined) return everywhere(new Float64Array(table.slotCount));
    let total = first(table);
    for (const clause of rest) {
      const scores = clause(table);
      steps.spend(scores.slots === null ? table.slotCount * 2 : scores.slots.length * 4);
      const few = scores.slots !== null && (zeroIsNeutral || total.slots !== null);
      total = few ? foldFew(total, scores.values, scores.slots, fold) : foldAll(total, scores, fold);
    }
    return total;
  };
}

function foldAll({ values }: Scores, other: Scores, fold: (a: number, b: number) => number): Scores {
  for (let i = 0; i < values.length; i++) values[i] = fold(values[i] as number, other.values[i] as number);
  return everywhere(values);
}

function foldFew(
  total: Scores,
  others: Float64Array,
  slots: Int32Array,
  fold: (a: number, b: number) => number,
): Scores {
  const { values } = total;
  const added: number[] = [];
  for (const slot of slots) {
    if (values[slot] === 0) added.push(slot);
    values[slot] = fold(values[slot] as number, others[slot] as number);
  }
  return { values, slots: total.slots === null ? null : Int32Array.from([...total.slots, ...added]) };
}
