/**
 * Assembles one source file: indentation, imports and doc comments, so that emitters only say what stands in it.
 *
 * Imports are registered where they are used and printed once, sorted, below the marker. The final layout is the
 * formatter's business (`format.ts`); the printer has to get structure right, not spacing.
 */
import { type Dialect, type ImportRequest, wrapText } from "./dialects.js";
import { header } from "./header.js";

export class Printer {
  readonly #dialect: Dialect;
  readonly #imports = new Map<string, ImportRequest>();
  readonly #preamble: string[] = [];
  readonly #lines: string[] = [];
  #depth = 0;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  /** Puts lines between the marker and the imports: Go's package clause, a module docstring. */
  preamble(...lines: string[]): this {
    this.#preamble.push(...lines);
    return this;
  }

  /** Registers an import and returns the name to use for it in the text. */
  import(request: ImportRequest): string {
    const key = `${request.from}\0${request.name ?? ""}\0${request.alias ?? ""}`;
    const known = this.#imports.get(key);
    // A name wanted as a value by one use and as a type by another is imported as a value.
    if (!known || known.typeOnly) this.#imports.set(key, request);
    return this.#dialect.localName(request);
  }

  /** One or more lines at the current depth; embedded line breaks are indented too. */
  line(...texts: string[]): this {
    for (const text of texts) {
      for (const part of text.split("\n")) {
        this.#lines.push(part === "" ? "" : this.#dialect.indent.repeat(this.#depth) + part);
      }
    }
    return this;
  }

  /** An empty line, never two in a row. */
  blank(): this {
    if (this.#lines.length > 0 && this.#lines[this.#lines.length - 1] !== "") this.#lines.push("");
    return this;
  }

  /** Runs `body` one level deeper. */
  indented(body: () => void): this {
    this.#depth++;
    body();
    this.#depth--;
    return this;
  }

  /** `open`, the body one level deeper, `close` (left out when empty, as after Python's colon). */
  block(open: string, body: () => void, close = ""): this {
    this.line(open).indented(body);
    return close === "" ? this : this.line(close);
  }

  /** A doc comment in the language's form; nothing when the text is empty. Wraps at the dialect's width. */
  doc(text: string): this {
    const trimmed = text.trim();
    if (trimmed === "") return this;
    const width = this.#dialect.width - this.#dialect.indent.length * this.#depth - 4;
    return this.line(...this.#dialect.doc(wrapText(trimmed, width)));
  }

  /** A plain comment, for text that is not documentation of the next declaration. */
  comment(text: string): this {
    const width = this.#dialect.width - this.#dialect.indent.length * this.#depth - 3;
    return this.line(
      ...wrapText(text.trim(), width).map((line) => `${this.#dialect.lineComment} ${line}`.trimEnd()),
    );
  }

  /** The whole file: marker, preamble, imports, body, one final line break. */
  toString(): string {
    const imports = this.#dialect.imports([...this.#imports.values()]);
    const sections = [[header(this.#dialect.marker)], this.#preamble, imports, this.#lines];
    const text = sections
      .filter((section) => section.length > 0)
      .map((section) => section.join("\n").trimEnd())
      .join("\n\n");
    return `${text}\n`;
  }
}
