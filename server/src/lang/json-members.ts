/** The members of a small object as raw text, for bodies that are taken apart and put together again. */

import { JsonCursor, JsonSyntaxError } from "./json-cursor.js";
import { normaliseKeys } from "./json-normalise.js";

export interface JsonMember {
  name: string;
  /** Offset of the key's opening quote. */
  key: number;
  /** Offset of the value's first byte. */
  start: number;
  /** Offset behind the value's last byte. */
  end: number;
}

export interface JsonObject {
  /** The text the offsets refer to: the one given, or its normalised form. */
  bytes: Buffer;
  /** Offset of the opening brace. */
  start: number;
  members: Map<string, JsonMember>;
}

/**
 * The members of the object that `bytes` holds, values unread; undefined when it holds another kind of value.
 *
 * A repeated or escaped key among them makes the text ambiguous: it is then normalised as a whole, so `bytes` of the
 * result differs from the argument exactly when the argument should not be passed on.
 *
 * @throws JsonSyntaxError when the text is not JSON as far as it was read
 */
export function readMembers(bytes: Buffer): JsonObject | undefined {
  const cursor = new JsonCursor(bytes);
  if (cursor.kind() !== "object") {
    cursor.skip();
    cursor.finish();
    return undefined;
  }
  const read = membersAt(cursor);
  cursor.finish();
  if (!read.ambiguous) return { bytes, start: read.start, members: read.members };
  const normalised = normaliseKeys(bytes);
  const { start, members } = membersAt(new JsonCursor(normalised));
  return { bytes: normalised, start, members };
}

/**
 * The members of the object at the cursor in the text's order, and whether a key is repeated or escaped; the last of a
 * name wins.
 */
export function membersAt(cursor: JsonCursor): {
  start: number;
  members: Map<string, JsonMember>;
  ambiguous: boolean;
} {
  const members = new Map<string, JsonMember>();
  let ambiguous = false;
  cursor.kind();
  const object = cursor.position;
  cursor.object((key) => {
    const name = cursor.name(key);
    ambiguous ||= key.escaped || members.has(name);
    const start = cursor.position;
    cursor.skip();
    members.set(name, { name, key: key.start - 1, start, end: cursor.position });
  });
  return { start: object, members, ambiguous };
}

/** True when the member is there and not null: clients may spell out absent fields as null. */
export function isSet(object: JsonObject, name: string): boolean {
  const member = object.members.get(name);
  return member !== undefined && object.bytes[member.start] !== 0x6e;
}

/** The raw text of a member's value. */
export function memberText(bytes: Buffer, member: JsonMember): string {
  return bytes.toString("utf8", member.start, member.end);
}

/**
 * A member's value, parsed; undefined when the member is absent. For small values whose numbers need not be exact.
 *
 * @throws JsonSyntaxError when the text is not JSON
 */
export function memberValue(object: JsonObject, name: string): unknown {
  const member = object.members.get(name);
  if (member === undefined) return undefined;
  try {
    return JSON.parse(memberText(object.bytes, member));
  } catch {
    throw new JsonSyntaxError(`malformed value of ${name}`, member.start);
  }
}
