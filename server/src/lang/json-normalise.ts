/**
 * JSON with every object's keys unique and plainly spelled, all other bytes as they were.
 *
 * Two readers may disagree on `{"a":1,"a":2}`, and `"\u0061"` is a second spelling of `"a"`: either could carry past a
 * check what the next reader then acts on. This rewrites such text to what `JSON.parse` would understand (the last value
 * of a repeated key wins) without turning numbers into doubles. It is a strict parser that keeps no tree: only spans to
 * cut and keys to respell, and those are bounded in number.
 */

import { isUtf8 } from "node:buffer";
import { JsonCursor } from "./json-cursor.js";

/** Nesting beyond this is refused: deeper than upstream's own parser goes, shallow enough for our stack. */
const depthMax = 512;

/** Edits that are remembered, some 100 bytes each; a body at its limit has one in every 128 bytes. */
const editsMax = 4 * 1024 * 1024;

interface Edit {
  start: number;
  end: number;
  /** Text in place of the span; empty to cut it. */
  text: string;
}

/**
 * @param bytes one JSON value with optional whitespace around it
 * @returns equal JSON with unique keys, unescaped wherever JSON allows; `bytes` itself when it was so already
 * @throws JsonSyntaxError when the text is not strictly JSON, not UTF-8, nested deeper than 512, or has more than
 *   4 Mi keys to rewrite
 */
export function normaliseKeys(bytes: Buffer): Buffer {
  const cursor = new JsonCursor(bytes);
  if (!isUtf8(bytes)) cursor.fail("text is not utf-8", 0);
  const edits: Edit[] = [];
  const edit = (start: number, end: number, text: string) => {
    if (edits.length === editsMax) cursor.fail(`more than ${editsMax} repeated or escaped keys`, start);
    edits.push({ start, end, text });
  };
  walk(cursor, edit, 0);
  cursor.finish();
  return apply(bytes, edits);
}

/**
 * Moves past the value at the cursor, reading it to the bottom without building it.
 *
 * @throws JsonSyntaxError when it is not strictly JSON, or nested deeper than 512
 */
export function skipStrictly(cursor: JsonCursor): void {
  walk(cursor, () => {}, 0);
}

type TakeEdit = (start: number, end: number, text: string) => void;

interface Member {
  /** Offset of the key's quote. */
  start: number;
  /** `start` of the member behind this one. */
  next: number;
}

function walk(cursor: JsonCursor, edit: TakeEdit, depth: number): void {
  if (depth > depthMax) cursor.fail(`nested deeper than ${depthMax}`);
  switch (cursor.kind()) {
    case "object":
      walkObject(cursor, edit, depth);
      return;
    case "array":
      cursor.array(() => walk(cursor, edit, depth + 1));
      return;
    case "string": {
      const start = cursor.position;
      checkString(cursor.text(), () => cursor.fail("malformed string", start));
      return;
    }
    default:
      cursor.skip();
  }
}

function walkObject(cursor: JsonCursor, edit: TakeEdit, depth: number): void {
  const last = new Map<string, Member>();
  let previous: Member | undefined;
  cursor.object((key) => {
    const member: Member = { start: key.start - 1, next: Number.MAX_SAFE_INTEGER };
    if (previous !== undefined) previous.next = member.start;
    const name = cursor.name(key);
    checkString(cursor.bytes.toString("utf8", key.start - 1, key.end + 1), () =>
      cursor.fail("malformed key", key.start - 1),
    );
    const earlier = last.get(name);
    // A repeated key has a later member, so the cut may take the comma behind the earlier one.
    if (earlier !== undefined) edit(earlier.start, earlier.next, "");
    if (key.escaped) edit(member.start, key.end + 1, JSON.stringify(name));
    last.set(name, member);
    walk(cursor, edit, depth + 1);
    previous = member;
  });
}

function checkString(text: string, fail: () => never): void {
  try {
    JSON.parse(text);
  } catch {
    fail();
  }
}

/** Edits may nest (a cut around a respelling): the outer one wins. */
function apply(bytes: Buffer, edits: Edit[]): Buffer {
  if (edits.length === 0) return bytes;
  edits.sort((a, b) => a.start - b.start || b.end - a.end);
  const added = edits.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  // Not a list of parts: with millions of edits its buffers would weigh more than the text.
  const result = Buffer.allocUnsafe(bytes.length + added);
  let read = 0;
  let written = 0;
  for (const { start, end, text } of edits) {
    if (start < read) continue;
    written += bytes.copy(result, written, read, start);
    written += result.write(text, written);
    read = end;
  }
  written += bytes.copy(result, written, read);
  return result.subarray(0, written);
}
