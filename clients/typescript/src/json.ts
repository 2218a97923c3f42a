/**
 * JSON that loses nothing: integers outside ±(2^53 − 1) are read and written as `bigint`, and a number that JSON cannot
 * carry is refused with its place instead of becoming null.
 *
 * The native parser and serialiser do the work wherever they are exact; the slow paths run only for texts that hold such
 * an integer and for values that hold bigints or typed arrays.
 */

/** A value JSON cannot carry. `path` is its place, for example `upsert_rows[3].vector[2]`. */
export class UnencodableError extends Error {
  override readonly name = "UnencodableError";
  path: string;
  /** The `id` of the innermost object around the value, when it has one. */
  rowId: unknown;

  constructor(
    message: string,
    readonly value: unknown,
  ) {
    super(message);
    this.path = "";
  }
}

const DEPTH_MAX = 512;

/**
 * Encodes a value as JSON text. Fields that are undefined are left out; null, false, 0, "" and [] are written. Typed
 * arrays become arrays of numbers; dates and other objects with `toJSON` become what it returns.
 * @throws UnencodableError for NaN, infinities, functions, symbols, promises, maps, sets, buffers, and values nested deeper than 512 levels
 */
export function encodeJson(value: unknown): string {
  return encode(value, 0) ?? "null";
}

/** The text, or undefined for undefined, which the container leaves out. */
function encode(value: unknown, depth: number): string | undefined {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "number":
      if (!Number.isFinite(value)) throw new UnencodableError("numbers must be finite", value);
      return JSON.stringify(value);
    case "boolean":
      return value ? "true" : "false";
    case "bigint":
      return value.toString();
    case "undefined":
      return undefined;
    case "object":
      if (value === null) return "null";
      if (depth > DEPTH_MAX)
        throw new UnencodableError(`nested deeper than ${DEPTH_MAX} levels, or circular`, value);
      return encodeObject(value, depth);
    default:
      throw new UnencodableError(`a ${typeof value} has no JSON form`, value);
  }
}

function encodeObject(value: object, depth: number): string | undefined {
  if (Array.isArray(value)) return encodeArray(value, depth);
  if (ArrayBuffer.isView(value)) return encodeTypedArray(value);
  if (value instanceof Date && Number.isNaN(value.getTime()))
    throw new UnencodableError("a date must be valid", value);
  if (hasToJson(value)) return encode(value.toJSON(), depth + 1);
  refuseBuiltIn(value);
  const parts: string[] = [];
  for (const key of Object.keys(value)) {
    const text = within(value, key, () => encode((value as Record<string, unknown>)[key], depth + 1));
    if (text !== undefined) parts.push(`${JSON.stringify(key)}:${text}`);
  }
  return `{${parts.join(",")}}`;
}

/** Built-in objects without fields of their own; `{}` would be written for them. */
const FIELDLESS: ReadonlySet<string> = new Set([
  "Promise",
  "Map",
  "Set",
  "WeakMap",
  "WeakSet",
  "WeakRef",
  "ArrayBuffer",
  "SharedArrayBuffer",
  "RegExp",
  "Error",
  "Number",
  "String",
  "Boolean",
]);

/** A vector whose computation was not awaited must not be stored as an empty object. */
function refuseBuiltIn(value: object): void {
  const tag = Object.prototype.toString.call(value).slice("[object ".length, -1);
  if (!FIELDLESS.has(tag)) return;
  throw new UnencodableError(
    tag === "Promise" ? "a Promise must be awaited first" : `${tag} objects have no JSON form`,
    value,
  );
}

function hasToJson(value: object): value is { toJSON(): unknown } {
  return typeof (value as { toJSON?: unknown }).toJSON === "function";
}

function encodeArray(value: unknown[], depth: number): string {
  if (value.length > 0 && value.every((item) => typeof item === "number"))
    return encodeNumbers(value as number[]);
  const parts = value.map((item, index) => within(value, index, () => encode(item, depth + 1)) ?? "null");
  return `[${parts.join(",")}]`;
}

function encodeTypedArray(value: ArrayBufferView): string {
  if (value instanceof DataView) throw new UnencodableError("a DataView has no JSON form", value);
  if (value instanceof BigInt64Array || value instanceof BigUint64Array) return `[${value.join(",")}]`;
  return encodeNumbers(Array.from(value as Float64Array));
}

function encodeNumbers(numbers: number[]): string {
  const bad = numbers.findIndex((number) => !Number.isFinite(number));
  if (bad >= 0) {
    const error = new UnencodableError("numbers must be finite", numbers[bad]);
    error.path = `[${bad}]`;
    throw error;
  }
  return JSON.stringify(numbers);
}

/** Runs `encodeChild` and adds the child's place to an error on its way up. */
function within(
  parent: object,
  key: string | number,
  encodeChild: () => string | undefined,
): string | undefined {
  try {
    return encodeChild();
  } catch (error) {
    if (error instanceof UnencodableError) {
      const place = typeof key === "number" ? `[${key}]` : key;
      const joint = error.path === "" || error.path.startsWith("[") ? "" : ".";
      error.path = `${place}${joint}${error.path}`;
      error.rowId ??= (parent as { id?: unknown }).id;
    }
    throw error;
  }
}

/** Whether the text may hold an integer token of 16 digits or more, which may lie outside the exact range of a number. */
const MAY_HOLD_LONG_INTEGER = /(?:^|[[,:\s])-?\d{16,}(?:[\],}\s]|$)/;

/** Such a token, in a stretch of text without strings; longer numbers with a fraction or an exponent are not integers. */
const LONG_INTEGER = /(?<![\d.eE+-])-?[1-9]\d{15,}(?![\d.eE])/g;

/**
 * Decodes JSON text. Integers outside ±(2^53 − 1) become `bigint`, all other numbers `number`.
 * @throws SyntaxError as JSON.parse does
 */
export function decodeJson(text: string): unknown {
  if (!MAY_HOLD_LONG_INTEGER.test(text)) return JSON.parse(text);
  // A string that begins with the tag would be mistaken for an integer. It is drawn anew for each text, since an escape
  // (`\\u0069nt:`) could smuggle in a fixed one.
  const tag = `int:${Math.random()}${Math.random()}:`;
  return JSON.parse(tagLongIntegers(text, tag), (_key, value: unknown) =>
    typeof value === "string" && value.startsWith(tag) ? BigInt(value.slice(tag.length)) : value,
  );
}

/** Puts each long integer outside the exact range into a string that begins with `tag`. Strings are copied as they are. */
function tagLongIntegers(text: string, tag: string): string {
  const parts: string[] = [];
  let position = 0;
  while (position < text.length) {
    const quote = text.indexOf('"', position);
    const end = quote < 0 ? text.length : quote;
    parts.push(
      text.slice(position, end).replace(LONG_INTEGER, (token) => {
        return Number.isSafeInteger(Number(token)) ? token : `"${tag}${token}"`;
      }),
    );
    position = quote < 0 ? end : stringEnd(text, quote);
    parts.push(text.slice(end, position));
  }
  return parts.join("");
}

/** The position after the closing quote of the string that opens at `quote`. */
function stringEnd(text: string, quote: number): number {
  let close = quote;
  do {
    close = text.indexOf('"', close + 1);
    if (close < 0) return text.length;
  } while (isEscaped(text, close));
  return close + 1;
}

function isEscaped(text: string, position: number): boolean {
  let backslashes = 0;
  while (text[position - 1 - backslashes] === "\\") backslashes++;
  return backslashes % 2 === 1;
}
