/**
 * An inverted list per distinct value of a text or uuid attribute (of each element for arrays). It answers equality by
 * look-up and lets patterns run once per distinct value instead of once per document. Dead slots stay in the lists
 * until compaction; readers intersect with the live set.
 */
import type { Scalar, Value } from "../values.js";

export class ValueIndex {
  private readonly lists = new Map<Scalar, number[]>();

  append(slot: number, value: Value): void {
    if (!Array.isArray(value)) {
      this.appendOne(slot, value as Scalar);
      return;
    }
    for (const element of value as readonly Scalar[]) this.appendOne(slot, element);
  }

  private appendOne(slot: number, value: Scalar): void {
    const list = this.lists.get(value);
    if (list === undefined) this.lists.set(value, [slot]);
    // An array may hold the same element twice; slots ascend, so only the last entry can be the same.
    else if (list[list.length - 1] !== slot) list.push(slot);
  }

  /** Slots that hold the value, dead ones included, ascending. */
  slots(value: Scalar): readonly number[] {
    return this.lists.get(value) ?? [];
  }

  /** Every distinct value with its slots. */
  entries(): Iterable<[Scalar, readonly number[]]> {
    return this.lists;
  }

  /** Renumbers by `target[old]`, -1 for dropped slots. */
  compact(target: Int32Array): void {
    for (const [value, list] of this.lists) {
      const kept = list.map((slot) => target[slot] as number).filter((slot) => slot >= 0);
      if (kept.length === 0) this.lists.delete(value);
      else this.lists.set(value, kept);
    }
  }
}
