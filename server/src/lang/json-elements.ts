/** The elements of a JSON array one at a time, for walking several arrays of one text side by side. */

import { JsonCursor } from "./json-cursor.js";

const COMMA = 0x2c;
const CLOSE_BRACKET = 0x5d;

export class JsonElements {
  readonly #cursor: JsonCursor;
  #isOver = false;
  #isFirst = true;
  /** Offset of the present element's first byte, and behind its last. */
  start = 0;
  end = 0;

  /** @param start where the array begins @param limit the text is not read beyond */
  constructor(bytes: Buffer, start: number, limit: number) {
    this.#cursor = new JsonCursor(bytes, start, limit);
    if (this.#cursor.kind() !== "array") this.#cursor.fail("expected an array");
    this.#cursor.position += 1;
  }

  /** Moves to the next element. False when there is none. @throws JsonSyntaxError */
  next(): boolean {
    if (this.#isOver) return false;
    const cursor = this.#cursor;
    cursor.kind();
    const byte = cursor.bytes[cursor.position];
    if (byte === CLOSE_BRACKET) {
      this.#isOver = true;
      return false;
    }
    if (!this.#isFirst) {
      if (byte !== COMMA) cursor.fail("expected a comma or the end of the array");
      cursor.position += 1;
      cursor.kind();
    }
    this.#isFirst = false;
    this.start = cursor.position;
    cursor.skip();
    this.end = cursor.position;
    return true;
  }
}
