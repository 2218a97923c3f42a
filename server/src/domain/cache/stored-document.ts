/**
 * The attributes of a document as the cache keeps them: JSON text, the user's apart from ours, so that the usual answer is
 * one copy without a parse.
 *
 * Byte 0 is the format, bytes 1 to 4 the length of the user's members; then the members as text, `"a":1,"b":2`, the user's
 * and ours. Vectors are never among them.
 */

import { JsonCursor, JsonSyntaxError } from "../../lang/json-cursor.js";
import { isReservedAttribute, isUserAttribute } from "../reserved.js";

const FORMAT = 1;
const HEADER_BYTES = 5;
const COMMA = 0x2c;
const COLON = 0x3a;

/** Where the bytes of documents come from: `take` gives so many, to be written to the last. */
export interface Bytes {
  take(length: number): Buffer;
}

const pooled: Bytes = { take: (length) => Buffer.allocUnsafe(length) };

/** Bytes in large pieces, for many small values that live and end together. */
export class Arena implements Bytes {
  #slab = Buffer.alloc(0);
  #used = 0;

  take(length: number): Buffer {
    if (length > SLAB_BYTES / 4) return Buffer.allocUnsafeSlow(length);
    if (this.#used + length > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#used = 0;
    }
    this.#used += length;
    return this.#slab.subarray(this.#used - length, this.#used);
  }
}

const SLAB_BYTES = 256 * 1024;

interface NamedKey {
  /** With its quotes and the colon behind it. */
  readonly key: Buffer;
  readonly isReserved: boolean;
}

/** Names kept at hand by one writer. */
const KEYS_MAX = 1_000;
/** Up to here a copy byte by byte is cheaper than a call. */
const SHORT_BYTES = 64;

/** Puts documents together member by member, one after the other. */
export class DocumentWriter {
  readonly #bytes: Bytes;
  #user = Buffer.allocUnsafe(4_096);
  #userLength = 0;
  #own = Buffer.allocUnsafe(256);
  #ownLength = 0;
  readonly #keys = new Map<string, NamedKey>();

  constructor(bytes: Bytes = pooled) {
    this.#bytes = bytes;
  }

  /**
   * Adds a member as it stands in a text.
   * @param key offset of the key's opening quote; the key is followed by `keyEnd` behind its closing one
   */
  copy(
    isReserved: boolean,
    bytes: Buffer,
    key: number,
    keyEnd: number,
    value: number,
    valueEnd: number,
  ): void {
    const at = this.#reserve(isReserved, keyEnd - key + valueEnd - value + 2);
    const target = isReserved ? this.#own : this.#user;
    const colon = copyBytes(bytes, key, keyEnd, target, at);
    target[colon] = COLON;
    copyBytes(bytes, value, valueEnd, target, colon + 1);
  }

  /** Adds a member of this name with this JSON. */
  add(name: string, json: string | Buffer): void {
    const { key, isReserved } = this.#named(name);
    const value = typeof json === "string" ? Buffer.from(json) : json;
    const at = this.#reserve(isReserved, key.length + value.length + 1);
    const target = isReserved ? this.#own : this.#user;
    const end = copyBytes(key, 0, key.length, target, at);
    copyBytes(value, 0, value.length, target, end);
  }

  /** What a name begins its member with, made once: rows of a page nearly always have the same names. */
  #named(name: string): NamedKey {
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    if (this.#keys.size >= KEYS_MAX) this.#keys.clear();
    const made = { key: Buffer.from(`${JSON.stringify(name)}:`), isReserved: isReservedAttribute(name) };
    this.#keys.set(name, made);
    return made;
  }

  /** The document of the members added since the last call. */
  finish(): Buffer {
    const bytes = this.#bytes.take(HEADER_BYTES + this.#userLength + this.#ownLength);
    bytes[0] = FORMAT;
    bytes.writeUInt32BE(this.#userLength, 1);
    this.#user.copy(bytes, HEADER_BYTES, 0, this.#userLength);
    this.#own.copy(bytes, HEADER_BYTES + this.#userLength, 0, this.#ownLength);
    this.#userLength = 0;
    this.#ownLength = 0;
    return bytes;
  }

  /** Makes room for a member, writes the comma before it, and returns where it begins. */
  #reserve(isReserved: boolean, bytes: number): number {
    const length = isReserved ? this.#ownLength : this.#userLength;
    const target = isReserved ? this.#own : this.#user;
    const at = length === 0 ? 0 : length + 1;
    const end = at + bytes - 1;
    let room = target;
    if (end > target.length) {
      room = Buffer.allocUnsafe(Math.max(end, target.length * 2));
      target.copy(room, 0, 0, length);
      if (isReserved) this.#own = room;
      else this.#user = room;
    }
    if (length !== 0) room[length] = COMMA;
    if (isReserved) this.#ownLength = end;
    else this.#userLength = end;
    return at;
  }
}

/** Whether these bytes are a document that this version can read. */
export function isDocument(bytes: Uint8Array): boolean {
  return bytes.length >= HEADER_BYTES && bytes[0] === FORMAT;
}

/** The user's members as text. */
export function userMembers(document: Buffer): Buffer {
  return document.subarray(HEADER_BYTES, HEADER_BYTES + document.readUInt32BE(1));
}

/** The members whose names `shows` takes, as text. */
export function selectMembers(document: Buffer, shows: (name: string) => boolean): Buffer {
  if (shows === isUserAttribute) return userMembers(document);
  const kept: Buffer[] = [];
  for (const [name, member] of membersOf(document)) {
    if (!shows(name)) continue;
    if (kept.length > 0) kept.push(Buffer.from(","));
    kept.push(document.subarray(member.key, member.end));
  }
  return Buffer.concat(kept);
}

/** A change of some attributes; `null` removes one. */
export type DocumentPatch = ReadonlyMap<string, Buffer | null>;

/** The document with a patch applied; undefined when its bytes are not what this version wrote. */
export function patchDocument(document: Buffer, patch: DocumentPatch): Buffer | undefined {
  try {
    const writer = new DocumentWriter();
    const seen = new Set<string>();
    for (const [name, { start, end }] of membersOf(document)) {
      const change = patch.get(name);
      if (change === undefined) writer.add(name, document.subarray(start, end));
      else if (change !== null) writer.add(name, change);
      seen.add(name);
    }
    for (const [name, change] of patch) if (change !== null && !seen.has(name)) writer.add(name, change);
    return writer.finish();
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined;
    throw error;
  }
}

interface MemberSpan {
  /** Offset of the key's opening quote. */
  key: number;
  start: number;
  end: number;
}

function* membersOf(document: Buffer): Generator<[string, MemberSpan]> {
  const userEnd = HEADER_BYTES + document.readUInt32BE(1);
  yield* membersIn(document, HEADER_BYTES, userEnd);
  yield* membersIn(document, userEnd, document.length);
}

function* membersIn(bytes: Buffer, from: number, to: number): Generator<[string, MemberSpan]> {
  const cursor = new JsonCursor(bytes, from, to);
  while (cursor.position < to) {
    const key = cursor.position;
    const name = cursor.string();
    cursor.position += 1;
    const start = cursor.position;
    cursor.skip();
    yield [name, { key, start, end: cursor.position }];
    cursor.position += 1;
  }
}

/** Copies a span and returns the offset behind it. Short ones are cheaper byte by byte. */
function copyBytes(source: Buffer, start: number, end: number, target: Buffer, to: number): number {
  if (end - start > SHORT_BYTES) return to + source.copy(target, to, start, end);
  let at = to;
  for (let from = start; from < end; from++) target[at++] = source[from] as number;
  return at;
}
