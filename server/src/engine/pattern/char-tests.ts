/** Tests of single code points: literals, ranges, named classes, and their case-insensitive forms. */
import { type CharTest, isWord } from "./automaton.js";

export function literal(point: number, ignoreCase: boolean): CharTest {
  return ignoreCase ? foldCase((other) => other === point, point) : (other) => other === point;
}

export function range(from: number, to: number): CharTest {
  return (point) => point >= from && point <= to;
}

export function anyOf(tests: readonly CharTest[]): CharTest {
  return (point) => tests.some((test) => test(point));
}

export function not(test: CharTest): CharTest {
  return (point) => !test(point);
}

/** Accepts a code point when it, or one of its other cases, passes. `literalPoint` spares look-ups for a single letter. */
export function foldCase(test: CharTest, literalPoint?: number): CharTest {
  if (literalPoint !== undefined) {
    const variants = caseVariants(literalPoint);
    return (point) => variants.includes(point) || caseVariants(point).includes(literalPoint);
  }
  return (point) => caseVariants(point).some(test);
}

function caseVariants(point: number): number[] {
  const char = String.fromCodePoint(point);
  return [char, char.toLowerCase(), char.toUpperCase()]
    .filter((variant) => [...variant].length === 1)
    .map((variant) => variant.codePointAt(0) as number);
}

function property(pattern: RegExp): CharTest {
  return (point) => pattern.test(String.fromCodePoint(point));
}

const DIGIT = property(/\p{Nd}/u);
const SPACE = property(/\p{White_Space}/u);

/** The classes that a backslash and a letter name, upper case for their complements. */
export const ESCAPE_CLASSES: Readonly<Record<string, CharTest>> = {
  d: DIGIT,
  D: not(DIGIT),
  w: isWord,
  W: not(isWord),
  s: SPACE,
  S: not(SPACE),
};

/** `[:name:]` classes, over ASCII. */
export const POSIX_CLASSES: Readonly<Record<string, CharTest>> = {
  alnum: property(/[0-9A-Za-z]/),
  alpha: property(/[A-Za-z]/),
  ascii: (point) => point < 128,
  blank: property(/[\t ]/),
  cntrl: (point) => point < 32 || point === 127,
  digit: property(/[0-9]/),
  graph: range(33, 126),
  lower: property(/[a-z]/),
  print: range(32, 126),
  punct: property(/[!-/:-@[-`{-~]/),
  space: property(/[\t\n\v\f\r ]/),
  upper: property(/[A-Z]/),
  word: property(/[0-9A-Za-z_]/),
  xdigit: property(/[0-9A-Fa-f]/),
};

/** A Unicode property such as `L`, `Greek` or `Script=Greek`, or `undefined` when there is none of the name. */
export function unicodeProperty(name: string): CharTest | undefined {
  for (const spelling of [name, `Script=${name}`]) {
    if (!/^[A-Za-z_]+(=[A-Za-z_]+)?$/.test(spelling)) return undefined;
    try {
      return property(new RegExp(`\\p{${spelling}}`, "u"));
    } catch {
      // Not a property of this spelling; try the next.
    }
  }
  return undefined;
}
