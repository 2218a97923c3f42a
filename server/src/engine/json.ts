/**
 * JSON in and out with integers exact to 64 bits and beyond. The built-in parser is some ten times faster than any
 * written in JavaScript, so it is used whenever the text holds no run of digits long enough to lose precision.
 */
import { parse as parseLossless } from "lossless-json";
import { decimalsOfFloat32 } from "./float-format.js";

export type Json = null | boolean | number | bigint | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

/** What `writeJson` prints: JSON plus float32 vectors, and `undefined` members are left out. */
export type Printable =
  | null
  | boolean
  | number
  | bigint
  | string
  | Float32Array
  | readonly Printable[]
  | { readonly [key: string]: Printable | undefined };

/**
 * 2^53 has sixteen digits; a shorter integer survives a double, and so does any number with a fraction or an exponent.
 * Vectors are full of long fractions, which is why those do not count.
 */
const LONG_INTEGER = /(?<![.\d])\d{16,}(?![\d.eE])/;

const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;
/** One escape of a text, a pair of surrogates being one; a surrogate without its other half is captured. */
const ESCAPES =
  /\\(?:u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|u([dD][89a-fA-F][\da-fA-F]{2})|.)/gs;

/** Parses JSON text. Integers outside ±(2^53-1) become bigint. Throws SyntaxError. Of duplicate keys the last wins. */
export function parseJson(text: string): Json {
  if (!LONG_INTEGER.test(text)) return JSON.parse(text) as Json;
  return parseLossless(text, undefined, {
    parseNumber: parseExactNumber,
    onDuplicateKey: ({ newValue }) => newValue,
  }) as Json;
}

/**
 * Parses what a caller sent. Throws SyntaxError also on an escaped half of a surrogate pair: no UTF-8 stands for it, so two
 * ids that differ in one would be one key of the store.
 */
export function parseSentJson(text: string): Json {
  if (SURROGATE_ESCAPE.test(text)) refuseLoneSurrogates(text);
  return parseJson(text);
}

function refuseLoneSurrogates(text: string): void {
  for (const [, lone] of text.matchAll(ESCAPES))
    if (lone !== undefined) throw new SyntaxError(`lone surrogate in hex escape \\u${lone}`);
}

function parseExactNumber(text: string): number | bigint {
  const value = Number(text);
  if (Number.isSafeInteger(value) || !/^-?\d+$/.test(text)) return value;
  return BigInt(text);
}

/** Units of text that are turned into bytes together. */
const PRINTED_UNITS = 1024 * 1024;

/**
 * Prints as `writeJson` does, into bytes piece by piece: an answer of hundreds of megabytes never is one text, which would
 * have to fit into the heap several times over.
 */
export function printJson(value: Printable): Buffer[] {
  const buffers: Buffer[] = [];
  let pieces: string[] = [];
  let units = 0;
  const flush = () => {
    buffers.push(Buffer.from(pieces.join("")));
    pieces = [];
    units = 0;
  };
  const add = (piece: string) => {
    pieces.push(piece);
    units += piece.length;
    if (units >= PRINTED_UNITS) flush();
  };
  print(value, add);
  if (units > 0) flush();
  return buffers;
}

function print(value: Printable, add: (piece: string) => void): void {
  if (value === null || typeof value !== "object" || value instanceof Float32Array) add(writeJson(value));
  else if (Array.isArray(value)) {
    value.forEach((element: Printable, i) => {
      add(i === 0 ? "[" : ",");
      print(element, add);
    });
    add(value.length === 0 ? "[]" : "]");
  } else {
    let separator = "{";
    for (const [key, member] of Object.entries(value as Record<string, Printable | undefined>)) {
      if (member === undefined) continue;
      add(`${separator}${JSON.stringify(key)}:`);
      print(member, add);
      separator = ",";
    }
    add(separator === "{" ? "{}" : "}");
  }
}

/** Prints compact JSON; bigints as integers, float32 vectors as the shortest decimals that read back the same. */
export function writeJson(value: Printable): string {
  if (value === null) return "null";
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "number":
      return Number.isFinite(value) ? String(value) : "null";
    case "bigint":
    case "boolean":
      return String(value);
    default:
      return writeComposite(value);
  }
}

function writeComposite(value: Exclude<Printable, null | string | number | bigint | boolean>): string {
  if (value instanceof Float32Array) return `[${decimalsOfFloat32(value).join(",")}]`;
  if (Array.isArray(value)) return `[${value.map(writeJson).join(",")}]`;
  const members: string[] = [];
  for (const [key, member] of Object.entries(value as Record<string, Printable | undefined>)) {
    if (member !== undefined) members.push(`${JSON.stringify(key)}:${writeJson(member)}`);
  }
  return `{${members.join(",")}}`;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A number as a double, also one of so many digits that it is read as a bigint; `undefined` for anything else. */
export function toDouble(value: Json | undefined): number | undefined {
  if (typeof value === "bigint") return Number(value);
  return typeof value === "number" ? value : undefined;
}

/** The number nearest to a result that may have overflowed: JSON knows no infinity. */
export function finite(value: number): number {
  return Math.max(-Number.MAX_VALUE, Math.min(value, Number.MAX_VALUE));
}

/** A number's or bigint's place in the integers: true for `3`, `3n` and `3.0`, false for `3.5`. */
export function isInteger(value: Json | undefined): value is number | bigint {
  return typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value));
}

/** So much of what a caller sent is shown to it in a message. */
const SHOWN_CHARS = 1_000;

function shortened(text: string): string {
  return text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text;
}

/** A value as the wire's messages show it: `'…'`-less, arrays as `[a, b]`, and not more than the beginning of it. */
export function describe(value: Json): string {
  if (Array.isArray(value)) return shortened(`[${value.slice(0, SHOWN_CHARS).map(describe).join(", ")}]`);
  return shortened(typeof value === "string" ? value : writeJson(value));
}

/** The kind of a value in the words of the wire's 422 messages. */
export function describeKind(value: Json | undefined): string {
  if (value === undefined || value === null) return "null";
  if (Array.isArray(value)) return "sequence";
  switch (typeof value) {
    case "string":
      return `string "${shortened(value)}"`;
    case "boolean":
      return `boolean \`${value}\``;
    case "bigint":
      return `integer \`${value}\``;
    case "number":
      return Number.isInteger(value) ? `integer \`${value}\`` : `floating point \`${value}\``;
    default:
      return "map";
  }
}
