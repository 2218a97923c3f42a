/**
 * Classifies the attribute names of many rows of one body, and notices a name that occurs twice in a row.
 *
 * Rows of a body nearly always spell the same keys in the same order. Comparing each key's bytes with those of the row
 * before settles both questions without making a string; only a row that differs pays for a set.
 */

import type { KeySpan } from "../../lang/json-cursor.js";
import { reservedPrefix, stampAttribute } from "../reserved.js";

export type KeyClass = "plain" | "id" | "stamp" | "reserved" | "removed" | "repeated";

interface KnownKey {
  start: number;
  end: number;
  class: KeyClass;
}

const removedAttribute = "blobs";

export class AttributeKeys {
  readonly #bytes: Buffer;
  /** Keys of the row before, all different. */
  #shape: KnownKey[] = [];
  #row: KnownKey[] = [];
  /** Names of the current row, once it has left the shape. */
  #names: Set<string> | undefined;
  #count = 0;
  readonly #onName: ((name: string) => void) | undefined;

  /** @param onName told of every name, at least once */
  constructor(bytes: Buffer, onName?: (name: string) => void) {
    this.#bytes = bytes;
    this.#onName = onName;
  }

  /** Begins the next row. */
  nextRow(): void {
    if (this.#names !== undefined) {
      this.#shape = this.#row;
      this.#row = [];
      this.#names = undefined;
    }
    this.#count = 0;
  }

  /** The class of the next key of the current row. */
  classify(key: KeySpan): KeyClass {
    const at = this.#count++;
    if (this.#names === undefined) {
      const known = this.#shape[at];
      if (known !== undefined && this.#same(known, key)) return known.class;
      this.#row = this.#shape.slice(0, at);
      this.#names = new Set(this.#row.map((seen) => this.#name(seen)));
    }
    const name = this.#name(key);
    if (this.#names.has(name)) return "repeated";
    this.#names.add(name);
    if (this.#onName !== undefined) this.#onName(this.#decoded(key));
    const known = { start: key.start, end: key.end, class: classOf(name) };
    this.#row.push(known);
    return known.class;
  }

  /** Keys are told apart byte for byte; latin1 keeps that without decoding. */
  #name(key: { start: number; end: number }): string {
    return this.#bytes.toString("latin1", key.start, key.end);
  }

  #decoded(key: KeySpan): string {
    const text = this.#bytes.toString("utf8", key.start, key.end);
    return key.escaped ? (JSON.parse(`"${text}"`) as string) : text;
  }

  #same(known: KnownKey, key: KeySpan): boolean {
    const length = key.end - key.start;
    if (known.end - known.start !== length) return false;
    const bytes = this.#bytes;
    for (let offset = 0; offset < length; offset++) {
      if (bytes[known.start + offset] !== bytes[key.start + offset]) return false;
    }
    return true;
  }
}

function classOf(name: string): KeyClass {
  if (name === "id") return "id";
  if (name === stampAttribute) return "stamp";
  if (name.startsWith(reservedPrefix)) return "reserved";
  if (name === removedAttribute) return "removed";
  return "plain";
}
