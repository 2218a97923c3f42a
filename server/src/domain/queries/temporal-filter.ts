/**
 * `as_of` and `between`: reads of what had been written by an instant, or within a window, as filters on the stamp.
 *
 * A row that was written around the gateway has no stamp. Upstream lets a missing value pass `Lte` and not `Gt`, so such
 * rows show in every `as_of` and in no `between`.
 */

import { AppError } from "../../errors.js";
import { JsonCursor } from "../../lang/json-cursor.js";
import { isSet, type JsonObject, memberText } from "../../lang/json-members.js";
import { stampAttribute } from "../reserved.js";

/** Longer than any integer upstream knows; bounds what is spent on reading one. */
const digitsMax = 20;

/** The filter that keeps what was written at or before `epochMs`, as JSON text. */
export function writtenBy(epochMs: number | bigint): string {
  return `["${stampAttribute}","Lte",${epochMs}]`;
}

/**
 * The filters that a body's `as_of` or `between` stands for, as JSON text; none when it has neither.
 *
 * @throws AppError `validation_error` for both, a wrong shape, or a window that is empty
 */
export function readTemporal(object: JsonObject): readonly string[] {
  const hasAsOf = isSet(object, "as_of");
  if (!isSet(object, "between")) return hasAsOf ? [writtenBy(readAsOf(object))] : [];
  if (hasAsOf) throw new AppError("validation_error", "as_of and between: only one may be given");
  const [after, until] = readWindow(object);
  if (after >= until) {
    throw new AppError(
      "validation_error",
      `between: expected a window [lo, hi] with lo < hi, got [${after}, ${until}]`,
    );
  }
  return [`["${stampAttribute}","Gt",${after}]`, writtenBy(until)];
}

function readAsOf(object: JsonObject): bigint {
  const member = object.members.get("as_of");
  const text = member === undefined ? "" : memberText(object.bytes, member);
  const epochMs = integer(text);
  if (epochMs !== undefined && epochMs >= 0n) return epochMs;
  throw new AppError(
    "validation_error",
    `as_of: expected milliseconds since 1970, an integer of at least 0, got ${shown(text)}`,
  );
}

function readWindow(object: JsonObject): [bigint, bigint] {
  const member = object.members.get("between");
  const bounds: (bigint | undefined)[] = [];
  const text = member === undefined ? "" : memberText(object.bytes, member);
  const cursor = new JsonCursor(Buffer.from(text));
  if (cursor.kind() === "array") cursor.array(() => bounds.push(integer(cursor.text())));
  const [after, until] = bounds;
  if (bounds.length === 2 && after !== undefined && until !== undefined) return [after, until];
  throw new AppError(
    "validation_error",
    `between: expected [lo, hi], two integers of milliseconds since 1970, got ${shown(text)}`,
  );
}

/** The integer that a JSON number is, exact beyond 2^53 when it is written plainly. */
function integer(text: string): bigint | undefined {
  if (/^-?(?:0|[1-9]\d*)$/.test(text)) return text.length <= digitsMax ? BigInt(text) : undefined;
  const value = /^-?\d/.test(text) && text.length <= digitsMax ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? BigInt(value) : undefined;
}

function shown(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
