/**
 * Parses regular expressions of the linear-time family: everything but look-around and back-references, which no
 * automaton can run. Matching is a yes or no, so groups only group and lazy quantifiers equal greedy ones.
 */
import type { Assertion, CharTest, Node } from "./automaton.js";
import {
  anyOf,
  ESCAPE_CLASSES,
  foldCase,
  literal,
  not,
  POSIX_CLASSES,
  range,
  unicodeProperty,
} from "./char-tests.js";

/** A pattern that cannot be read; `at` counts code points. */
export class RegexSyntaxError extends Error {
  override readonly name = "RegexSyntaxError";
  constructor(reason: string, at: number) {
    super(`${reason} at position ${at}`);
  }
}

const DEPTH_MAX = 100;
const REPEAT_MAX = 1_000;

interface Flags {
  readonly ignoreCase: boolean;
  readonly dotAll: boolean;
  readonly multiLine: boolean;
}

/** Reads a pattern. Throws RegexSyntaxError. */
export function parseRegex(pattern: string): Node {
  const parser = new Parser(Array.from(pattern));
  const node = parser.alternation(0);
  if (!parser.done()) throw parser.error("unmatched )");
  return node;
}

const CONTROL: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, a: 7 };
const ASSERTIONS: Readonly<Record<string, Assertion>> = {
  b: "word-edge",
  B: "no-word-edge",
  A: "text-start",
  z: "text-end",
};

class Parser {
  private at = 0;
  private flags: Flags = { ignoreCase: false, dotAll: false, multiLine: false };

  constructor(private readonly chars: readonly string[]) {}

  done(): boolean {
    return this.at >= this.chars.length;
  }

  error(reason: string): RegexSyntaxError {
    return new RegexSyntaxError(reason, this.at);
  }

  private peek(ahead = 0): string | undefined {
    return this.chars[this.at + ahead];
  }

  private take(): string {
    const char = this.chars[this.at];
    if (char === undefined) throw this.error("unexpected end of pattern");
    this.at++;
    return char;
  }

  private accept(char: string): boolean {
    if (this.peek() !== char) return false;
    this.at++;
    return true;
  }

  alternation(depth: number): Node {
    if (depth > DEPTH_MAX) throw this.error("groups are nested too deeply");
    const parts = [this.sequence(depth)];
    while (this.accept("|")) parts.push(this.sequence(depth));
    return parts.length === 1 ? (parts[0] as Node) : { kind: "choice", parts };
  }

  private sequence(depth: number): Node {
    const parts: Node[] = [];
    while (!this.done() && this.peek() !== "|" && this.peek() !== ")") parts.push(this.quantified(depth));
    return { kind: "sequence", parts };
  }

  private quantified(depth: number): Node {
    let node = this.atom(depth);
    for (;;) {
      const bounds = this.quantifier();
      if (bounds === undefined) return node;
      this.accept("?");
      node = { kind: "repeat", part: node, min: bounds[0], max: bounds[1] };
    }
  }

  private quantifier(): [number, number] | undefined {
    if (this.accept("*")) return [0, Number.POSITIVE_INFINITY];
    if (this.accept("+")) return [1, Number.POSITIVE_INFINITY];
    if (this.accept("?")) return [0, 1];
    if (this.peek() !== "{") return undefined;
    const match = /^\{(\d{1,6})(,(\d{0,6}))?\}/.exec(this.chars.slice(this.at, this.at + 16).join(""));
    if (match === null) throw this.error("invalid repetition");
    const min = Number(match[1]);
    const max = match[2] === undefined ? min : match[3] === "" ? Number.POSITIVE_INFINITY : Number(match[3]);
    if (max < min) throw this.error("repetition bounds are out of order");
    if (min > REPEAT_MAX || (max !== Number.POSITIVE_INFINITY && max > REPEAT_MAX)) {
      throw this.error(`repetition is over ${REPEAT_MAX}`);
    }
    this.at += match[0].length;
    return [min, max];
  }

  private atom(depth: number): Node {
    const char = this.take();
    switch (char) {
      case "(":
        return this.group(depth);
      case "[":
        return { kind: "char", test: this.charClass(0) };
      case ".":
        return { kind: "char", test: this.flags.dotAll ? () => true : (point) => point !== 10 };
      case "^":
        return { kind: "assert", what: this.flags.multiLine ? "line-start" : "text-start" };
      case "$":
        return { kind: "assert", what: this.flags.multiLine ? "line-end" : "text-end" };
      case "\\":
        return this.escape();
      case "*":
      case "+":
      case "?":
      case "{":
        throw this.error(`nothing to repeat before ${char}`);
      default:
        return { kind: "char", test: literal(char.codePointAt(0) as number, this.flags.ignoreCase) };
    }
  }

  private withCase(test: CharTest): CharTest {
    return this.flags.ignoreCase ? foldCase(test) : test;
  }

  private group(depth: number): Node {
    const outer = this.flags;
    if (this.accept("?") && !this.groupHead()) return { kind: "empty" };
    const node = this.alternation(depth + 1);
    if (!this.accept(")")) throw this.error("missing )");
    this.flags = outer;
    return node;
  }

  /** Reads what follows `(?`; false when it was flags for the rest of the enclosing group. */
  private groupHead(): boolean {
    const rest = this.chars.slice(this.at, this.at + 80).join("");
    if (/^(=|!|<=|<!)/.test(rest)) throw this.error("look-around is not supported");
    const name = /^P?<[A-Za-z_][A-Za-z0-9_]*>/.exec(rest);
    if (name !== null) {
      this.at += name[0].length;
      return true;
    }
    const flags = /^([ismuU]*)(?:-([ismuU]+))?([:)])/.exec(rest);
    if (flags === null) throw this.error("invalid group");
    this.at += flags[0].length;
    const on = (flag: string, current: boolean) =>
      (current || (flags[1] ?? "").includes(flag)) && !(flags[2] ?? "").includes(flag);
    this.flags = {
      ignoreCase: on("i", this.flags.ignoreCase),
      dotAll: on("s", this.flags.dotAll),
      multiLine: on("m", this.flags.multiLine),
    };
    return flags[3] === ":";
  }

  private escape(): Node {
    const char = this.take();
    const assertion = ASSERTIONS[char];
    if (assertion !== undefined) return { kind: "assert", what: assertion };
    if (/[1-9]/.test(char) || char === "k") throw this.error("back-references are not supported");
    return { kind: "char", test: this.withCase(this.escapedChar(char)) };
  }

  private escapedChar(char: string): CharTest {
    const named = ESCAPE_CLASSES[char];
    if (named !== undefined) return named;
    if (char === "p" || char === "P") return this.property(char === "P");
    const point = this.escapedPoint(char);
    return (other) => other === point;
  }

  private escapedPoint(char: string): number {
    const control = CONTROL[char];
    if (control !== undefined) return control;
    if (char === "0") return 0;
    if (char === "x" || char === "u" || char === "U") return this.codePoint(char);
    if (/[A-Za-z0-9]/.test(char)) throw this.error(`unknown escape \\${char}`);
    return char.codePointAt(0) as number;
  }

  private codePoint(char: string): number {
    const rest = this.chars.slice(this.at, this.at + 12).join("");
    const digits = { x: 2, u: 4, U: 8 }[char] as number;
    const match = /^\{([0-9A-Fa-f]{1,8})\}/.exec(rest) ?? new RegExp(`^([0-9A-Fa-f]{${digits}})`).exec(rest);
    const point = match === null ? Number.NaN : Number.parseInt(match[1] as string, 16);
    if (match === null || !(point <= 0x10ffff)) throw this.error(`invalid escape \\${char}`);
    this.at += match[0].length;
    return point;
  }

  private property(negated: boolean): CharTest {
    let name = this.take();
    if (name === "{") {
      const end = this.chars.indexOf("}", this.at);
      if (end < 0) throw this.error("missing }");
      name = this.chars.slice(this.at, end).join("");
      this.at = end + 1;
    }
    const test = unicodeProperty(name.replace(/^\^/, ""));
    if (test === undefined) throw this.error(`unknown Unicode property ${name.slice(0, 40)}`);
    return negated !== name.startsWith("^") ? not(test) : test;
  }

  private charClass(depth: number): CharTest {
    if (depth > DEPTH_MAX) throw this.error("classes are nested too deeply");
    const negated = this.accept("^");
    const tests: CharTest[] = [];
    // A bracket right at the start stands for itself.
    if (this.accept("]")) tests.push((point) => point === 93);
    while (!this.accept("]")) tests.push(this.classItem(depth));
    const test = this.withCase(anyOf(tests));
    return negated ? not(test) : test;
  }

  private classItem(depth: number): CharTest {
    const start = this.at;
    if (this.peek() === "&" && this.peek(1) === "&") throw this.error("class intersection is not supported");
    const posix = /^\[:(\^?)([a-z]+):\]/.exec(this.chars.slice(start, start + 16).join(""));
    if (posix !== null) {
      const name = posix[2] as string;
      const test = Object.hasOwn(POSIX_CLASSES, name) ? POSIX_CLASSES[name] : undefined;
      if (test === undefined) throw this.error(`unknown class ${posix[0]}`);
      this.at += posix[0].length;
      return posix[1] === "^" ? not(test) : test;
    }
    if (this.accept("[")) return this.charClass(depth + 1);
    const from = this.classPoint();
    if (typeof from !== "number") return from;
    if (this.peek() !== "-" || this.peek(1) === "]" || this.peek(1) === undefined)
      return (point) => point === from;
    this.at++;
    const to = this.classPoint();
    if (typeof to !== "number" || to < from) throw this.error("invalid range in class");
    return range(from, to);
  }

  private classPoint(): number | CharTest {
    const char = this.take();
    if (char !== "\\") return char.codePointAt(0) as number;
    const escaped = this.take();
    if (escaped === "b") return 8;
    if (escaped in ESCAPE_CLASSES || escaped === "p" || escaped === "P") return this.escapedChar(escaped);
    return this.escapedPoint(escaped);
  }
}
