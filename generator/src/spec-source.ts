/**
 * Reads `openapi.yaml` into a tree that knows where each value stands.
 *
 * Builders walk `SpecNode`s instead of plain objects, so that every refusal can name file and line. It costs one small
 * object per visited value, which is nothing beside formatting.
 */
import { isMap, isScalar, LineCounter, type Node, parseDocument } from "yaml";

/** A mistake in the spec. The message is complete: `file:line: what: which rule, what to do`. */
export class SpecError extends Error {
  override readonly name = "SpecError";
  readonly file: string;
  readonly line: number;
  /** The message without its `file:line: ` prefix. */
  readonly detail: string;

  constructor(file: string, line: number, detail: string) {
    super(`${file}:${line}: ${detail}`);
    this.file = file;
    this.line = line;
    this.detail = detail;
  }
}

type Path = readonly (string | number)[];

/** The parsed file: positions by path, and the root to walk from. */
export class SpecSource {
  readonly file: string;
  readonly value: unknown;
  readonly #lines = new LineCounter();
  readonly #document: ReturnType<typeof parseDocument>;

  /** @throws SpecError for text that is not YAML, with the parser's own line. */
  constructor(file: string, text: string) {
    this.file = file;
    this.#document = parseDocument(text, { lineCounter: this.#lines, uniqueKeys: true, intAsBigInt: false });
    const problem = this.#document.errors[0];
    if (problem) {
      const line = problem.linePos?.[0].line ?? 1;
      throw new SpecError(file, line, `not valid YAML: ${problem.message.split("\n")[0] ?? problem.code}`);
    }
    this.value = this.#document.toJS({ maxAliasCount: 0 });
  }

  get root(): SpecNode {
    return new SpecNode(this, [], this.value);
  }

  /** The line of a value, or of the nearest ancestor that exists. A mapping entry counts from its key. */
  lineOf(path: Path): number {
    for (let depth = path.length; depth > 0; depth--) {
      const offset = this.#offsetOf(path.slice(0, depth));
      if (offset !== undefined) return this.#lines.linePos(offset).line;
    }
    return 1;
  }

  #offsetOf(path: Path): number | undefined {
    const parent = path.length > 1 ? this.#document.getIn(path.slice(0, -1), true) : this.#document.contents;
    const last = path[path.length - 1];
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === String(last));
      return (pair?.key as Node | undefined)?.range?.[0];
    }
    return (this.#document.getIn(path, true) as Node | undefined)?.range?.[0];
  }
}

/** One value of the spec with its place. Reading methods refuse a wrong shape with a `SpecError`. */
export class SpecNode {
  readonly source: SpecSource;
  readonly path: Path;
  readonly value: unknown;

  constructor(source: SpecSource, path: Path, value: unknown) {
    this.source = source;
    this.path = path;
    this.value = value;
  }

  /** Refuses the spec at this place. */
  fail(detail: string): never {
    throw new SpecError(this.source.file, this.source.lineOf(this.path), detail);
  }

  /** JSON pointer-like spelling for messages: `paths./health.get`. */
  get where(): string {
    return this.path.join(".") || "document";
  }

  get isObject(): boolean {
    return typeof this.value === "object" && this.value !== null && !Array.isArray(this.value);
  }

  get(key: string): SpecNode | undefined {
    if (!this.isObject) return undefined;
    const value = (this.value as Record<string, unknown>)[key];
    return value === undefined ? undefined : new SpecNode(this.source, [...this.path, key], value);
  }

  need(key: string): SpecNode {
    return this.get(key) ?? this.fail(`${this.where}: ${key} is missing; add it`);
  }

  entries(): [string, SpecNode][] {
    if (!this.isObject) this.fail(`${this.where}: expected a mapping`);
    return Object.keys(this.value as object).map((key) => [key, this.need(key)]);
  }

  items(): SpecNode[] {
    if (!Array.isArray(this.value)) this.fail(`${this.where}: expected a list`);
    return (this.value as unknown[]).map(
      (item, index) => new SpecNode(this.source, [...this.path, index], item),
    );
  }

  string(): string {
    if (typeof this.value !== "string")
      this.fail(`${this.where}: expected a string, found ${JSON.stringify(this.value)}`);
    return (this.value as string).trim();
  }

  /** The string at `key`, or "" when the key is absent. */
  text(key: string): string {
    return this.get(key)?.string() ?? "";
  }

  flag(key: string): boolean {
    const node = this.get(key);
    if (!node) return false;
    if (typeof node.value !== "boolean") node.fail(`${node.where}: expected true or false`);
    return node.value as boolean;
  }

  oneOf<const T extends string>(allowed: readonly T[]): T {
    const found = allowed.find((value) => value === this.value);
    return (
      found ?? this.fail(`${this.where}: ${JSON.stringify(this.value)} is not one of ${allowed.join(", ")}`)
    );
  }

  /** Follows a local `$ref` once; a node without one is returned as it is. */
  deref(): SpecNode {
    const ref = this.get("$ref");
    if (!ref) return this;
    const target = ref.string();
    if (!target.startsWith("#/")) ref.fail(`${target}: only references inside this file are supported`);
    const keys = target
      .slice(2)
      .split("/")
      .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
    let node: SpecNode | undefined = this.source.root;
    for (const key of keys) node = node?.get(key);
    return node ?? ref.fail(`${target}: the reference names nothing`);
  }
}
