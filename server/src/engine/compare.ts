/**
 * Orders of the wire: text by its UTF-8 bytes, numbers by value across number and bigint, null first.
 */
import type { Id } from "./ids.js";
import type { Scalar } from "./values.js";

/** Compares by UTF-8 bytes without encoding: only surrogates sort differently in UTF-16, so they are shifted up. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return utf8Rank(x) - utf8Rank(y);
  }
  return a.length - b.length;
}

function utf8Rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}

/** Compares two values of one attribute type. */
export function compareScalars(a: Scalar, b: Scalar): number {
  if (typeof a === "string" && typeof b === "string") return compareText(a, b);
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** As `compareScalars`, with null before everything. */
export function compareNullable(a: Scalar | null, b: Scalar | null): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1;
  return compareScalars(a, b);
}

/** Ascending id: by number for `uint`, by bytes otherwise. Every tie in a result is settled by it. */
export function compareIds(a: Id, b: Id): number {
  return compareScalars(a, b);
}
