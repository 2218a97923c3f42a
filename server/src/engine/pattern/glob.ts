/** Parses globs into the same automata as regular expressions; `*` crosses every character, `/` included. */
import type { CharTest, Node } from "./automaton.js";
import { anyOf, foldCase, literal, not, range } from "./char-tests.js";

/** A glob that cannot be read. */
export class GlobSyntaxError extends Error {
  override readonly name = "GlobSyntaxError";
}

const DEPTH_MAX = 50;

/** Reads `?`, `*`, `**`, `[ab]`, `[a-z]`, `[!ab]`, `{a,b}` and backslash escapes. Throws GlobSyntaxError. */
export function parseGlob(pattern: string, ignoreCase: boolean): Node {
  return new GlobParser(Array.from(pattern), ignoreCase).sequence(0);
}

class GlobParser {
  private at = 0;

  constructor(
    private readonly chars: readonly string[],
    private readonly ignoreCase: boolean,
  ) {}

  /** Reads up to the end, or inside braces up to `,` or `}`. */
  sequence(depth: number): Node {
    const parts: Node[] = [];
    for (;;) {
      const char = this.chars[this.at];
      if (char === undefined || (depth > 0 && (char === "," || char === "}")))
        return { kind: "sequence", parts };
      this.at++;
      parts.push(this.part(char, depth));
    }
  }

  private part(char: string, depth: number): Node {
    switch (char) {
      case "*":
        while (this.chars[this.at] === "*") this.at++;
        return {
          kind: "repeat",
          part: { kind: "char", test: () => true },
          min: 0,
          max: Number.POSITIVE_INFINITY,
        };
      case "?":
        return { kind: "char", test: () => true };
      case "[":
        return { kind: "char", test: this.charClass() };
      case "{":
        return this.braces(depth);
      case "\\":
        return this.literal(this.next("a character after \\"));
      default:
        return this.literal(char);
    }
  }

  private literal(char: string): Node {
    return { kind: "char", test: literal(char.codePointAt(0) as number, this.ignoreCase) };
  }

  private next(expected: string): string {
    const char = this.chars[this.at++];
    if (char === undefined) throw new GlobSyntaxError(`pattern ends where ${expected} was expected`);
    return char;
  }

  private braces(depth: number): Node {
    if (depth >= DEPTH_MAX) throw new GlobSyntaxError("braces are nested too deeply");
    const parts: Node[] = [];
    for (;;) {
      parts.push(this.sequence(depth + 1));
      if (this.next("}") === "}") return { kind: "choice", parts };
    }
  }

  private charClass(): CharTest {
    const negated = this.chars[this.at] === "!" || this.chars[this.at] === "^";
    if (negated) this.at++;
    const tests: CharTest[] = [];
    for (;;) {
      const char = this.next("]");
      if (char === "]" && tests.length > 0) break;
      const from = (char === "\\" ? this.next("a character after \\") : char).codePointAt(0) as number;
      const end = this.chars[this.at + 1];
      if (this.chars[this.at] === "-" && end !== undefined && end !== "]") {
        this.at += 2;
        tests.push(range(from, end.codePointAt(0) as number));
      } else tests.push((point) => point === from);
    }
    const test = this.ignoreCase ? foldCase(anyOf(tests)) : anyOf(tests);
    return negated ? not(test) : test;
  }
}
