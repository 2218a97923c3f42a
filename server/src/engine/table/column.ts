/**
 * One attribute's values by slot. Slots are only ever appended; an update is a new slot, and `compact` drops the dead ones
 * now and then. That keeps every index append-only too.
 */
import type { Value } from "../values.js";
import type { FrameReader, FrameWriter } from "./frames.js";

export interface Column {
  get(slot: number): Value | null;
  /** Gives the slot its value; slots come in ascending order and may be skipped (a skipped slot is null). */
  append(slot: number, value: Value): void;
  /** Renumbers: the value of old slot `kept[i]` becomes that of slot `i`. */
  compact(kept: Int32Array): void;
  /** Puts the values of the first `slots` slots, a few milliseconds' worth at each step. */
  save(out: FrameWriter, slots: number): Iterable<void>;
  /** Takes what `save` put for as many slots, into a column that is new. Throws DamagedFrames. */
  load(source: FrameReader, slots: number): void;
}
