/** Counts and sums, over everything that passes the filter or per group. */
import { compareNullable } from "../compare.js";
import { badRequest, wrongShape } from "../errors.js";
import { normalInteger } from "../ids.js";
import { describeKind, finite, isObject, type Json, type JsonObject, type Printable } from "../json.js";
import { LIMITS } from "../limits.js";
import { readLimit } from "../request-fields.js";
import type { Schema } from "../schema/schema.js";
import type { StepBudget } from "../step-budget.js";
import type { Table } from "../table/table.js";
import { printValue, type Scalar } from "../values.js";
import { groupKey } from "./ranking.js";

interface Aggregate {
  readonly label: string;
  /** Attribute to sum, or null to count. */
  readonly sumOf: string | null;
}

interface GroupBy {
  readonly label: string;
  readonly attribute: string;
  readonly eachElement: boolean;
}

export interface Aggregation {
  readonly aggregates: readonly Aggregate[];
  readonly groupBy: readonly GroupBy[] | null;
  readonly groupsMax: number;
}

/** Reads the aggregation of a query, or null when it has none. Throws 400 on a rule, 422 on a shape. */
export function readAggregation(body: JsonObject, schema: Schema): Aggregation | null {
  const { aggregate_by: aggregateBy, group_by: groupBy } = body;
  if (aggregateBy === undefined || aggregateBy === null) {
    if (groupBy !== undefined && groupBy !== null) throw badRequest("group_by requires aggregate_by");
    return null;
  }
  for (const field of ["rank_by", "include_attributes", "exclude_attributes", "compute_attributes"]) {
    if (body[field] !== undefined && body[field] !== null)
      throw badRequest(`${field} cannot be combined with aggregate_by`);
  }
  if (!isObject(aggregateBy)) {
    throw wrongShape("aggregate_by", `invalid type: ${describeKind(aggregateBy)}, expected a map`);
  }
  const aggregates = Object.entries(aggregateBy).map(([label, entry]) => readAggregate(label, entry, schema));
  if (aggregates.length === 0) throw badRequest("aggregate_by cannot be empty");
  if (groupBy === undefined || groupBy === null) {
    for (const field of ["top_k", "limit", "offset"]) {
      if (body[field] !== undefined && body[field] !== null) {
        throw badRequest(`${field} is not supported in aggregation queries without group_by`);
      }
    }
    return { aggregates, groupBy: null, groupsMax: 1 };
  }
  const limit = readLimit(body);
  const groups = readGroupBy(groupBy, schema);
  refuseRepeatedLabels([...aggregates, ...groups]);
  return {
    aggregates,
    groupBy: groups,
    groupsMax: limit?.total ?? LIMITS.aggregationGroups,
  };
}

function readAggregate(label: string, entry: Json, schema: Schema): Aggregate {
  const [kind, attribute, ...rest] = Array.isArray(entry) ? entry : [];
  if (kind === "Count" && rest.length === 0) {
    if (attribute !== undefined && attribute !== "id") {
      throw badRequest('aggregate_by with attributes other than "id" not yet supported');
    }
    return { label, sumOf: null };
  }
  if (kind !== "Sum" || typeof attribute !== "string" || rest.length > 0) {
    throw wrongShape(`aggregate_by.${label}`, "data did not match any variant of enum AggregateInput");
  }
  const type = schema.attributes.get(attribute)?.type;
  if (type === undefined) throw badRequest(`aggregate_by attribute "${attribute}" not found in schema`);
  if (type.kind !== "scalar" || !["int", "uint", "float"].includes(type.of)) {
    throw badRequest(`aggregate_by Sum requires an int, uint or float attribute, "${attribute}" is none`);
  }
  return { label, sumOf: attribute };
}

function readGroupBy(value: Json, schema: Schema): GroupBy[] {
  if (!Array.isArray(value))
    throw wrongShape("group_by", `invalid type: ${describeKind(value)}, expected a sequence`);
  if (value.length === 0) throw badRequest("group_by cannot be empty");
  return value.flatMap((entry): GroupBy[] => {
    if (typeof entry === "string") {
      requireKey(entry, "scalar", schema);
      return [{ label: entry, attribute: entry, eachElement: false }];
    }
    if (!isObject(entry)) throw wrongGroup();
    return Object.entries(entry).map(([label, expression]) => {
      const [operator, attribute] = Array.isArray(expression) ? expression : [];
      if (operator !== "ForEachUnique" || typeof attribute !== "string") throw wrongGroup();
      requireKey(attribute, "array", schema);
      return { label, attribute, eachElement: true };
    });
  });
}

/** A group shows keys and totals side by side: of two with one name, one would be lost. */
function refuseRepeatedLabels(labelled: readonly { readonly label: string }[]): void {
  const seen = new Set<string>();
  for (const { label } of labelled) {
    if (seen.has(label))
      throw badRequest(`aggregate_by and group_by both name '${label}', or one of them does twice`);
    seen.add(label);
  }
}

function wrongGroup() {
  return wrongShape("group_by", "data did not match any variant of enum GroupByInput");
}

function requireKey(name: string, kind: "scalar" | "array", schema: Schema): void {
  const attribute = schema.attributes.get(name);
  if (attribute === undefined) throw badRequest(`group_by attribute "${name}" not found in schema`);
  if (attribute.type.kind !== kind) {
    throw badRequest(
      kind === "array"
        ? `group_by ForEachUnique requires an array attribute, "${name}" is none`
        : `group_by requires a scalar attribute, "${name}" is none`,
    );
  }
  if (!attribute.filterable) throw badRequest(`group_by attribute "${name}" is not filterable`);
}

/** The result members of an aggregation over the given slots. Throws 400 when it takes more than the request has left. */
export function aggregate(
  table: Table,
  slots: Int32Array,
  plan: Aggregation,
  schema: Schema,
  steps: StepBudget,
): Record<string, Printable> {
  steps.spend(slots.length * 2 * (1 + plan.aggregates.length));
  if (plan.groupBy === null) {
    const totals = plan.aggregates.map(newTotal);
    for (const slot of slots) addTo(totals, plan, table, slot);
    return { aggregations: printTotals(totals, plan) };
  }
  return { aggregation_groups: groups(table, slots, plan, plan.groupBy, steps, schema) };
}

/**
 * Integers are summed exactly, so that large counters do not lose their last digits: as doubles while they fit, and
 * beyond that in `wide`.
 */
type Total = { whole: number; wide: bigint; fraction: number };

function newTotal(): Total {
  return { whole: 0, wide: 0n, fraction: 0 };
}

function addTo(totals: readonly Total[], plan: Aggregation, table: Table, slot: number): void {
  plan.aggregates.forEach(({ sumOf }, i) => {
    const total = totals[i] as Total;
    const value = sumOf === null ? 1 : table.value(slot, sumOf);
    if (typeof value === "number" && Number.isSafeInteger(value)) addWhole(total, value);
    else if (typeof value === "number") total.fraction += value;
    else if (typeof value === "bigint") total.wide += value;
  });
}

function addWhole(total: Total, value: number): void {
  const sum = total.whole + value;
  if (Number.isSafeInteger(sum)) {
    total.whole = sum;
    return;
  }
  total.wide += BigInt(total.whole);
  total.whole = value;
}

function printTotals(totals: readonly Total[], plan: Aggregation): Record<string, Printable> {
  const print = ({ whole, wide, fraction }: Total) => {
    const exact = normalInteger(wide + BigInt(whole));
    return fraction === 0 ? exact : finite(Number(exact) + fraction);
  };
  return Object.fromEntries(plan.aggregates.map(({ label }, i) => [label, print(totals[i] as Total)]));
}

/** What a new group is charged, its name, its place in the order and its print included. */
const GROUP_STEPS = 300;

interface Group {
  readonly keys: readonly (Scalar | null)[];
  readonly totals: readonly Total[];
}

function groups(
  table: Table,
  slots: Int32Array,
  plan: Aggregation,
  groupBy: readonly GroupBy[],
  steps: StepBudget,
  schema: Schema,
): Printable[] {
  const found = new Map<unknown, Group>();
  let combinations = 0;
  const valuesPerGroup = groupBy.length + plan.aggregates.length;
  for (const slot of slots) {
    const tuples = keyTuples(table, slot, groupBy);
    combinations += tuples.length;
    if (combinations > LIMITS.groupCombinations) throw tooManyGroups();
    steps.spend(tuples.length * 10 * valuesPerGroup);
    for (const keys of tuples) {
      const name = keys.length === 1 ? keys[0] : groupKey(keys);
      let group = found.get(name);
      if (group === undefined) {
        if (found.size * valuesPerGroup >= LIMITS.groupValues) throw tooManyGroups();
        steps.spend(GROUP_STEPS);
        group = { keys, totals: plan.aggregates.map(newTotal) };
        found.set(name, group);
      }
      addTo(group.totals, plan, table, slot);
    }
  }
  const ordered = [...found.values()].sort((a, b) => compareTuples(a.keys, b.keys)).slice(0, plan.groupsMax);
  return ordered.map(({ keys, totals }) => ({
    ...printKeys(keys, groupBy, schema),
    ...printTotals(totals, plan),
  }));
}

function tooManyGroups() {
  return badRequest(
    `group_by makes too many groups, limits are ${LIMITS.groupValues} keys and totals and ${LIMITS.groupCombinations} combinations of elements; filter or group by fewer attributes`,
  );
}

/** Every combination of a document's group keys: an array attribute gives one per distinct element, or null. */
function keyTuples(table: Table, slot: number, groupBy: readonly GroupBy[]): (Scalar | null)[][] {
  return groupBy.reduce<(Scalar | null)[][]>(
    (tuples, { attribute, eachElement }) => {
      const value = table.value(slot, attribute);
      const choices = eachElement
        ? [...new Set((value ?? [null]) as readonly (Scalar | null)[])]
        : [value as Scalar | null];
      if (tuples.length * choices.length > LIMITS.groupValues) throw tooManyGroups();
      return tuples.flatMap((tuple) => choices.map((choice) => [...tuple, choice]));
    },
    [[]],
  );
}

function compareTuples(a: readonly (Scalar | null)[], b: readonly (Scalar | null)[]): number {
  for (let i = 0; i < a.length; i++) {
    const order = compareNullable(a[i] ?? null, b[i] ?? null);
    if (order !== 0) return order;
  }
  return 0;
}

function printKeys(
  keys: readonly (Scalar | null)[],
  groupBy: readonly GroupBy[],
  schema: Schema,
): Record<string, Printable> {
  return Object.fromEntries(
    groupBy.map(({ label, attribute }, i) => {
      const key = keys[i] ?? null;
      const type = schema.attributes.get(attribute)?.type;
      const scalar = type?.kind === "array" ? ({ kind: "scalar", of: type.of } as const) : type;
      return [label, key === null || scalar === undefined ? null : printValue(key, scalar)];
    }),
  );
}
