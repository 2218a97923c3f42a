/**
 * Whether a value comes back from upstream as it was written, told from its text, and the text to keep: what is cached from
 * a write must equal what a read of upstream would answer.
 */

import { isUtf8 } from "node:buffer";
import type { AttributeClass } from "../documents/id-types.js";

const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
/** Whitespace, commas and brackets. */
const STRUCTURE = new Set([0x20, 0x09, 0x0a, 0x0d, 0x2c, 0x5b, 0x5d]);

/** The JSON to keep of a value: `true` its own bytes, a string in their place; false when it cannot be told. */
export function exactJson(
  kind: AttributeClass | undefined,
  bytes: Buffer,
  start: number,
  end: number,
): boolean | string {
  switch (kind) {
    case "text":
      return true;
    case "integer":
      return isIntegers(bytes, start, end);
    case "float":
      return floats(bytes.toString("latin1", start, end));
    default:
      return false;
  }
}

/**
 * Whether upstream keeps every character of JSON text: bytes that are no text, and escapes of half a character, it would mend or
 * refuse.
 */
export function isExactText(json: Buffer): boolean {
  if (!isUtf8(json)) return false;
  if (!json.includes(BACKSLASH)) return true;
  return !/\\ud[89a-f]/i.test(json.toString("latin1")) || isPaired(json.toString("utf8"));
}

/** Whether escapes of halves stand in pairs. A backslash that is itself escaped may pass for one, to the safe side. */
function isPaired(json: string): boolean {
  return !/\\ud[89a-f]/i.test(json.replace(/\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}/gi, ""));
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
