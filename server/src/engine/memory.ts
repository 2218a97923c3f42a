/**
 * Which namespaces' tables are in memory, and whether one more, or what a write needs, fits beside them. Sizes are
 * estimates of the heap, measured on Node 20; vectors and numbers lie outside it and are bounded by their arrays alone.
 *
 * A table is a cache of the store: when there is no room, those used longest ago leave and are read again when asked for.
 */
import { badRequest } from "./errors.js";

/** Chosen: the share of the heap that tables may take; requests work in the rest. */
const TABLES_SHARE = 0.6;
/** Chosen: the share that tables and one write may take together. */
const WRITE_SHARE = 0.85;

/** Something whose table can be in memory. */
export interface Holder {
  readonly name: string;
  /** Estimated heap bytes of its table; 0 while it is not in memory. */
  readonly heapBytes: number;
  /** Takes its table out of memory. */
  unload(): void;
}

export class TableMemory {
  /** In the order of their last use. */
  private readonly holders = new Set<Holder>();

  /** `heapBytes` is the heap's limit. */
  constructor(private readonly heapBytes: number) {}

  /** Notes that a holder's table is in memory and in use. */
  touch(holder: Holder): void {
    this.holders.delete(holder);
    this.holders.add(holder);
  }

  /** How many tables are in memory. */
  get count(): number {
    return this.holders.size;
  }

  /** Notes that a holder is gone. */
  forget(holder: Holder): void {
    this.holders.delete(holder);
  }

  /**
   * Makes room for a holder's table to become so many bytes larger. Throws 400 when it could not be held even alone.
   */
  admit(holder: Holder, bytes: number): void {
    const limit = Math.floor(this.heapBytes * TABLES_SHARE);
    if (this.makeRoom(holder, bytes, limit)) return;
    throw badRequest(
      `namespace '${holder.name}' would take about ${holder.heapBytes + bytes} bytes of memory, limit is ${limit}: keep less in it, or give the engine a larger heap (LAYER_ENGINE_HEAP_MIB)`,
    );
  }

  /** Makes room for what working on a write takes for a while. Throws 400 when there cannot be so much. */
  admitWrite(holder: Holder, bytes: number): void {
    const limit = Math.floor(this.heapBytes * WRITE_SHARE);
    if (this.makeRoom(holder, bytes, limit)) return;
    throw badRequest(
      `write would take about ${bytes} bytes of memory beside its namespace's ${holder.heapBytes}, limit is ${limit}: send fewer rows at once, or give the engine a larger heap (LAYER_ENGINE_HEAP_MIB)`,
    );
  }

  private makeRoom(holder: Holder, bytes: number, limit: number): boolean {
    if (holder.heapBytes + bytes > limit) return false;
    let used = holder.heapBytes + bytes;
    for (const other of this.holders) if (other !== holder) used += other.heapBytes;
    for (const other of this.holders) {
      if (used <= limit) break;
      if (other === holder) continue;
      used -= other.heapBytes;
      other.unload();
      this.holders.delete(other);
    }
    return true;
  }
}
