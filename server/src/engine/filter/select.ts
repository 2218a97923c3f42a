/**
 * Runs a filter over a table and gives the live documents that pass. Leaves use an index where they can, numeric
 * columns are scanned as doubles, and everything else asks the leaf about each live document.
 */
import { Bitset } from "../table/bitset.js";
import type { Table } from "../table/table.js";
import type { TextIndex } from "../table/text-index.js";
import type { ValueIndex } from "../table/value-index.js";
import type { Filter, Leaf, Shortcut } from "./expression.js";

/** The live documents that pass. Without a filter it is the table's own set: callers must not change it. */
export function selectSlots(table: Table, filter: Filter | null): Bitset {
  if (filter === null) return table.live;
  return select(table, filter).intersect(table.live);
}

function select(table: Table, filter: Filter): Bitset {
  switch (filter.kind) {
    case "leaf":
      return selectLeaf(table, filter);
    case "and":
      return filter.operands.reduce(
        (set, operand) => set.intersect(select(table, operand)),
        table.live.copy(),
      );
    case "or":
      return filter.operands.reduce(
        (set, operand) => set.unite(select(table, operand)),
        new Bitset(table.slotCount),
      );
    case "not":
      return select(table, filter.operand).invert();
  }
}

function selectLeaf(table: Table, leaf: Leaf): Bitset {
  const fromIndex =
    leaf.shortcut === undefined ? undefined : candidates(table, leaf.attribute, leaf.shortcut);
  if (fromIndex === undefined) return scan(table, leaf, table.live.slots());
  if (leaf.exact === true) return fromIndex;
  return scan(table, leaf, fromIndex.intersect(table.live).slots());
}

function scan(table: Table, leaf: Leaf, slots: Int32Array): Bitset {
  const set = new Bitset(table.slotCount);
  const isId = leaf.attribute === "id";
  const column = table.column(leaf.attribute);
  for (const slot of slots) {
    const value = isId ? table.id(slot) : (column?.get(slot) ?? null);
    if (leaf.test(value)) set.add(slot);
  }
  return set;
}

function candidates(table: Table, attribute: string, shortcut: Shortcut): Bitset | undefined {
  if (shortcut.kind === "terms") {
    const index = table.textIndex(attribute);
    return index === null ? undefined : slotsOfTerms(table, index, shortcut);
  }
  if (attribute === "id") return shortcut.kind === "holds" ? slotsOfIds(table, shortcut.values) : undefined;
  const index = table.valueIndex(attribute);
  if (index === null) return undefined;
  return shortcut.kind === "holds"
    ? slotsHolding(table, index, shortcut)
    : slotsPassing(table, index, shortcut);
}

function slotsOfIds(table: Table, ids: readonly (string | number | bigint | boolean)[]): Bitset {
  const set = new Bitset(table.slotCount);
  for (const id of ids) {
    const slot = typeof id === "boolean" ? undefined : table.slot(id);
    if (slot !== undefined) set.add(slot);
  }
  return set;
}

function slotsHolding(table: Table, index: ValueIndex, shortcut: Shortcut & { kind: "holds" }): Bitset {
  const set = new Bitset(table.slotCount);
  for (const value of shortcut.values) set.addAll(index.slots(value));
  return set;
}

function slotsPassing(table: Table, index: ValueIndex, shortcut: Shortcut & { kind: "distinct" }): Bitset {
  const set = new Bitset(table.slotCount);
  for (const [value, slots] of index.entries()) {
    if (shortcut.passes(value)) set.addAll(slots);
  }
  return set;
}

function slotsOfTerms(table: Table, index: TextIndex, shortcut: Shortcut & { kind: "terms" }): Bitset {
  const sets = shortcut.terms.map((term) => Bitset.of(table.slotCount, index.postings(term)?.slots ?? []));
  if (shortcut.prefix !== null) {
    const set = new Bitset(table.slotCount);
    for (const { slots } of index.postingsWithPrefix(shortcut.prefix)) set.addAll(slots);
    sets.push(set);
  }
  const [first = new Bitset(table.slotCount), ...rest] = sets;
  return rest.reduce((set, other) => (shortcut.all ? set.intersect(other) : set.unite(other)), first);
}
