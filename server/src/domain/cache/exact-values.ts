/**
 * Whether a value comes back from upstream as it was written, told from its text, and the text to keep: what is cached from
 * a write must equal what a read of upstream would answer.
 */

import type { AttributeClass } from "../id-types.js";

const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
/** Whitespace, commas and brackets. */
const STRUCTURE = new Set([0x20, 0x09, 0x0a, 0x0d, 0x2c, 0x5b, 0x5d]);

/**
 * The JSON to keep of a value: `true` its own bytes, a string in their place; false when it cannot be told.
 *
 * @param hasSurrogates whether the text may escape half a character, which upstream would mend or refuse
 */
export function exactJson(
  kind: AttributeClass | undefined,
  bytes: Buffer,
  start: number,
  end: number,
  hasSurrogates: boolean,
): boolean | string {
  switch (kind) {
    case "text":
      return !hasSurrogates || isWellFormed(bytes.toString("utf8", start, end));
    case "integer":
      return isIntegers(bytes, start, end);
    case "float":
      return floats(bytes.toString("latin1", start, end));
    default:
      return false;
  }
}

function isWellFormed(json: string): boolean {
  if (!json.includes("\\")) return true;
  try {
    const value: unknown = JSON.parse(json);
    return (Array.isArray(value) ? value : [value]).every(
      (text) => typeof text !== "string" || !/\p{Surrogate}/u.test(text),
    );
  } catch {
    return false;
  }
}

/** Digits, with a sign where they are below zero. A point or an exponent would come back as digits. */
function isIntegers(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte === MINUS) {
      const next = bytes[at + 1] as number;
      if (next <= ZERO || next > NINE) return false;
    } else if ((byte < ZERO || byte > NINE) && !STRUCTURE.has(byte)) return false;
  }
  return true;
}

/** A float is a double whichever way it is spelled, so it is kept in the shortest spelling of that double. */
function floats(json: string): boolean | string {
  try {
    const kept = JSON.stringify(JSON.parse(json));
    return kept === json ? true : kept;
  } catch {
    return false;
  }
}
