/**
 * A cursor over JSON bytes that visits the members its caller asks for and leaps over everything else.
 *
 * Parsing a write body to change one key costs twenty times what finding the place costs, and a parse to JavaScript
 * values loses what must survive: integers above 2^53, the text of numbers, key order. So objects and arrays that matter
 * are walked strictly, and the values inside them are skipped: strings by searching their closing quote, arrays of
 * numbers by searching their bracket. What is skipped is checked for balance and scalar spelling only; bytes that are
 * broken deeper down stay broken, and whoever parses them for good says so.
 *
 * Searches that find nothing near are remembered, which keeps a walk linear in the body.
 *
 * Depth never recurses while skipping, so hostile nesting costs no stack, and what is remembered of a body is bounded.
 */

/** The bytes are not JSON, as far as they were read. */
export class JsonSyntaxError extends Error {
  override readonly name = "JsonSyntaxError";
  /** @param offset of the byte that does not fit, from the start of the text */
  constructor(
    readonly what: string,
    readonly offset: number,
  ) {
    super(`${what} at byte ${offset}`);
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** How far a string is read byte by byte before a native search takes over; chosen by measuring, 16 to 64 are alike. */
const nearBytes = 32;

/** Open brackets are remembered while skipping: 32 MiB of them at most, where a hostile body could bring gigabytes. */
const skippedDepthMax = 4 * 1024 * 1024;

/** Whoever walks an object remembers its keys, so their number is bounded; upstream allows a namespace far fewer. */
const keysMax = 65_536;

export type JsonKind = "object" | "array" | "string" | "scalar";

/** Where a key's characters lie, quotes excluded. */
export interface KeySpan {
  start: number;
  end: number;
  /** Holds a backslash, so its bytes are not its name. */
  escaped: boolean;
}

export class JsonCursor {
  readonly bytes: Buffer;
  /** Offset of the next byte to read. */
  position: number;
  /** First byte not to read. */
  readonly end: number;
  /** `bytes` up to `end`: a native search must not run on through the rest of a large text. */
  readonly #searched: Buffer;
  /** Where a byte occurs next, as of the last search; a position behind the cursor is stale. */
  #nextQuote = -1;
  #nextBackslash = -1;
  #nextBracket = -1;
  #nextClose = -1;
  #nextBrace = -1;

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.position = start;
    this.end = end;
    this.#searched = end === bytes.length ? bytes : bytes.subarray(0, end);
  }

  /** The kind of the value at the cursor, whitespace skipped. */
  kind(): JsonKind {
    switch (this.#peek()) {
      case OPEN_BRACE:
        return "object";
      case OPEN_BRACKET:
        return "array";
      case QUOTE:
        return "string";
      default:
        return "scalar";
    }
  }

  /**
   * Walks the object at the cursor, which may have 65,536 members. `visit` must consume the member's value and nothing
   * more; the key span is reused between calls.
   */
  object(visit: (key: KeySpan) => void): void {
    this.#expect(OPEN_BRACE, "an object");
    if (this.#peek() === CLOSE_BRACE) {
      this.position++;
      return;
    }
    const key: KeySpan = { start: 0, end: 0, escaped: false };
    for (let keys = 1; ; keys++) {
      if (this.#peek() !== QUOTE) this.fail("expected a key");
      if (keys > keysMax) this.fail(`object has more than ${keysMax} keys`);
      key.start = this.position + 1;
      key.escaped = this.#skipString();
      key.end = this.position - 1;
      this.#expect(COLON, "a colon");
      this.#peek();
      visit(key);
      const next = this.#peek();
      this.position++;
      if (next === CLOSE_BRACE) return;
      if (next !== COMMA) this.fail("expected a comma or the end of the object", this.position - 1);
    }
  }

  /** Walks the array at the cursor. `visit` must consume the element and nothing more. */
  array(visit: (index: number) => void): void {
    this.#expect(OPEN_BRACKET, "an array");
    if (this.#peek() === CLOSE_BRACKET) {
      this.position++;
      return;
    }
    for (let index = 0; ; index++) {
      this.#peek();
      visit(index);
      const next = this.#peek();
      this.position++;
      if (next === CLOSE_BRACKET) return;
      if (next !== COMMA) this.fail("expected a comma or the end of the array", this.position - 1);
    }
  }

  /** Moves past the value at the cursor, whatever it is. */
  skip(): void {
    switch (this.#peek()) {
      case QUOTE:
        this.#skipString();
        return;
      case OPEN_BRACKET:
        if (!this.#leapFlatArray()) this.#skipNested();
        return;
      case OPEN_BRACE:
        this.#skipNested();
        return;
      default:
        this.#skipScalar();
    }
  }

  /** Moves past the value and returns its text. */
  text(): string {
    this.#peek();
    const start = this.position;
    this.skip();
    return this.bytes.toString("utf8", start, this.position);
  }

  /** Moves past a string and returns it decoded. */
  string(): string {
    if (this.#peek() !== QUOTE) this.fail("expected a string");
    const start = this.position;
    const escaped = this.#skipString();
    if (!escaped) return this.bytes.toString("utf8", start + 1, this.position - 1);
    return this.#decode(start, this.position);
  }

  /** The name that a key span stands for. */
  name(key: KeySpan): string {
    return key.escaped
      ? this.#decode(key.start - 1, key.end + 1)
      : this.bytes.toString("utf8", key.start, key.end);
  }

  /** Requires that nothing but whitespace follows. */
  finish(): void {
    this.#skipWhitespace();
    if (this.position < this.end) this.fail("unexpected text after the value");
  }

  /** @throws JsonSyntaxError naming what was expected and where */
  fail(what: string, at = this.position): never {
    throw new JsonSyntaxError(at >= this.end ? "unexpected end" : what, Math.min(at, this.end));
  }

  #decode(start: number, end: number): string {
    try {
      return JSON.parse(this.bytes.toString("utf8", start, end)) as string;
    } catch {
      return this.fail("malformed string", start);
    }
  }

  /** Skips whitespace and returns the next byte, or -1 at the end. */
  #peek(): number {
    this.#skipWhitespace();
    return this.position < this.end ? (this.bytes[this.position] as number) : -1;
  }

  #skipWhitespace(): void {
    const { bytes, end } = this;
    let at = this.position;
    while (at < end) {
      const byte = bytes[at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
      at++;
    }
    this.position = at;
  }

  #expect(byte: number, what: string): void {
    if (this.#peek() !== byte) this.fail(`expected ${what}`);
    this.position++;
  }

  /** The cursor stands on a quote. Returns whether the string holds a backslash. */
  #skipString(): boolean {
    const { bytes } = this;
    const start = this.position + 1;
    // Keys and short values: a few bytes cost less than one native search.
    const near = Math.min(start + nearBytes, this.end);
    for (let at = start; at < near; at++) {
      const byte = bytes[at];
      if (byte === QUOTE) {
        this.position = at + 1;
        return false;
      }
      if (byte === BACKSLASH) break;
    }
    return this.#searchString(start);
  }

  #searchString(start: number): boolean {
    const { bytes } = this;
    if (this.#nextBackslash < start) this.#nextBackslash = this.#search(BACKSLASH, start);
    for (let from = start; ; ) {
      const quote = this.#searched.indexOf(QUOTE, from);
      if (quote < 0) this.fail("unterminated string", this.end);
      let slashes = 0;
      if (this.#nextBackslash < quote) {
        while (quote - 1 - slashes >= start && bytes[quote - 1 - slashes] === BACKSLASH) slashes++;
      }
      if (slashes % 2 === 0) {
        this.position = quote + 1;
        return this.#nextBackslash < quote;
      }
      from = quote + 1;
    }
  }

  /** Leaps an array that holds neither strings nor containers; false when this one does. */
  #leapFlatArray(): boolean {
    const from = this.position + 1;
    if (this.#nextClose < from) this.#nextClose = this.#search(CLOSE_BRACKET, from);
    const close = this.#nextClose;
    if (close >= this.end) this.fail("unterminated array", this.end);
    if (this.#nextQuote < from) this.#nextQuote = this.#search(QUOTE, from);
    if (this.#nextQuote < close) return false;
    if (this.#nextBracket < from) this.#nextBracket = this.#search(OPEN_BRACKET, from);
    if (this.#nextBracket < close) return false;
    if (this.#nextBrace < from) this.#nextBrace = this.#search(OPEN_BRACE, from);
    if (this.#nextBrace < close) return false;
    this.position = close + 1;
    return true;
  }

  #search(byte: number, from: number): number {
    const at = this.#searched.indexOf(byte, from);
    return at < 0 ? Number.MAX_SAFE_INTEGER : at;
  }

  #skipNested(): void {
    const { bytes, end } = this;
    const open: number[] = [];
    let at = this.position;
    while (at < end) {
      const byte = bytes[at] as number;
      if (byte === QUOTE) {
        this.position = at;
        this.#skipString();
        at = this.position;
        continue;
      }
      if (byte === OPEN_BRACKET) {
        this.position = at;
        if (this.#leapFlatArray()) {
          at = this.position;
          continue;
        }
      }
      if (byte === OPEN_BRACKET || byte === OPEN_BRACE) {
        if (open.length === skippedDepthMax) this.fail(`nested deeper than ${skippedDepthMax}`, at);
        open.push(byte + 2);
      } else if (byte === CLOSE_BRACKET || byte === CLOSE_BRACE) {
        if (open.pop() !== byte) this.fail("mismatched bracket", at);
        if (open.length === 0) {
          this.position = at + 1;
          return;
        }
      }
      at++;
    }
    this.fail("unterminated value", end);
  }

  #skipScalar(): void {
    const { bytes, end } = this;
    const start = this.position;
    let at = start;
    let plainDigits = true;
    for (; at < end; at++) {
      const byte = bytes[at] as number;
      if (byte >= 0x30 && byte <= 0x39) continue;
      if (endsScalar(byte)) break;
      plainDigits = false;
    }
    const isDigits = plainDigits && at > start && (bytes[start] !== 0x30 || at === start + 1);
    if (!isDigits && !isLiteral(bytes, start, at) && !scalarPattern.test(bytes.toString("latin1", start, at)))
      this.fail("expected a value", start);
    this.position = at;
  }
}

const scalarPattern = /^(?:false|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;

/** `null` or `true`, the most frequent scalars that are not digits. */
function isLiteral(bytes: Buffer, start: number, end: number): boolean {
  if (end - start !== 4) return false;
  const word = bytes.readUInt32BE(start);
  return word === 0x6e756c6c || word === 0x74727565;
}

function endsScalar(byte: number): boolean {
  return (
    byte === COMMA ||
    byte === CLOSE_BRACKET ||
    byte === CLOSE_BRACE ||
    byte === 0x20 ||
    byte === 0x0a ||
    byte === 0x0d ||
    byte === 0x09
  );
}
