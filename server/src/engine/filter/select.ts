/**
 * Runs a filter over a table and gives the live documents that pass. Leaves use an index where they can, numeric
 * columns are scanned as doubles, and everything else asks the leaf about each live document.
 */
import type { StepBudget } from "../step-budget.js";
import { Bitset } from "../table/bitset.js";
import type { Table } from "../table/table.js";
import type { TextIndex } from "../table/text-index.js";
import type { ValueIndex } from "../table/value-index.js";
import type { Filter, Leaf, Shortcut } from "./expression.js";

/**
 * The live documents that pass. Without a filter it is the table's own set: callers must not change it. Throws 400 when it
 * takes more steps than the request has left.
 */
export function selectSlots(table: Table, filter: Filter | null, steps: StepBudget): Bitset {
  if (filter === null) return table.live;
  return select({ table, steps }, filter).intersect(table.live);
}

interface Selection {
  readonly table: Table;
  readonly steps: StepBudget;
}

function select(selection: Selection, filter: Filter): Bitset {
  const { table, steps } = selection;
  // Every node makes a set of its own, a word for 32 slots.
  steps.spend(10 + (table.slotCount >>> 5));
  switch (filter.kind) {
    case "leaf":
      return selectLeaf(selection, filter);
    case "and":
      return filter.operands.reduce(
        (set, operand) => set.intersect(select(selection, operand)),
        table.live.copy(),
      );
    case "or":
      return filter.operands.reduce(
        (set, operand) => set.unite(select(selection, operand)),
        new Bitset(table.slotCount),
      );
    case "not":
      return select(selection, filter.operand).invert();
  }
}

function selectLeaf(selection: Selection, leaf: Leaf): Bitset {
  const { table } = selection;
  const fromIndex =
    leaf.shortcut === undefined ? undefined : candidates(selection, leaf.attribute, leaf.shortcut);
  if (fromIndex === undefined) return scan(selection, leaf, table.live.slots());
  if (leaf.exact === true) return fromIndex;
  return scan(selection, leaf, fromIndex.intersect(table.live).slots());
}

/** Slots between two looks at the budget. */
const SPEND_SLOTS = 4_096;

function scan({ table, steps }: Selection, leaf: Leaf, slots: Int32Array): Bitset {
  const set = new Bitset(table.slotCount);
  const isId = leaf.attribute === "id";
  const column = table.column(leaf.attribute);
  for (let start = 0; start < slots.length; start += SPEND_SLOTS) {
    const part = slots.subarray(start, start + SPEND_SLOTS);
    let cost = part.length * 2;
    for (const slot of part) {
      const value = isId ? table.id(slot) : (column?.get(slot) ?? null);
      if (Array.isArray(value)) cost += value.length;
      if (leaf.test(value)) set.add(slot);
    }
    steps.spend(cost);
  }
  return set;
}

function candidates(selection: Selection, attribute: string, shortcut: Shortcut): Bitset | undefined {
  const { table } = selection;
  if (shortcut.kind === "terms") {
    const index = table.textIndex(attribute);
    return index === null ? undefined : slotsOfTerms(selection, index, shortcut);
  }
  if (attribute === "id")
    return shortcut.kind === "holds" ? slotsOfIds(selection, shortcut.values) : undefined;
  const index = table.valueIndex(attribute);
  if (index === null) return undefined;
  return shortcut.kind === "holds"
    ? slotsHolding(selection, index, shortcut)
    : slotsPassing(selection, index, shortcut);
}

function slotsOfIds(
  { table, steps }: Selection,
  ids: readonly (string | number | bigint | boolean)[],
): Bitset {
  const set = new Bitset(table.slotCount);
  steps.spend(ids.length * 5);
  for (const id of ids) {
    const slot = typeof id === "boolean" ? undefined : table.slot(id);
    if (slot !== undefined) set.add(slot);
  }
  return set;
}

function slotsHolding(
  { table, steps }: Selection,
  index: ValueIndex,
  shortcut: Shortcut & { kind: "holds" },
): Bitset {
  const set = new Bitset(table.slotCount);
  for (const value of shortcut.values) addAll(set, index.slots(value), steps);
  return set;
}

function addAll(set: Bitset, slots: readonly number[], steps: StepBudget): void {
  steps.spend(4 + slots.length);
  set.addAll(slots);
}

function slotsPassing(
  { table, steps }: Selection,
  index: ValueIndex,
  shortcut: Shortcut & { kind: "distinct" },
): Bitset {
  const set = new Bitset(table.slotCount);
  for (const [value, slots] of index.entries()) {
    steps.spend(4);
    if (shortcut.passes(value)) addAll(set, slots, steps);
  }
  return set;
}

function slotsOfTerms(
  { table, steps }: Selection,
  index: TextIndex,
  shortcut: Shortcut & { kind: "terms" },
): Bitset {
  const sets = shortcut.terms.map((term) => {
    const set = new Bitset(table.slotCount);
    addAll(set, index.postings(term)?.slots ?? [], steps);
    return set;
  });
  if (shortcut.prefix !== null) {
    const set = new Bitset(table.slotCount);
    steps.spend(index.termCount * 2);
    for (const { slots } of index.postingsWithPrefix(shortcut.prefix)) addAll(set, slots, steps);
    sets.push(set);
  }
  const [first = new Bitset(table.slotCount), ...rest] = sets;
  return rest.reduce((set, other) => (shortcut.all ? set.intersect(other) : set.unite(other)), first);
}
