/**
 * Comparing what came back with a pattern.
 *
 * A pattern is a value in which an object with one `$…` key may stand for a test instead of an equal value. Every
 * difference is reported with its path, not only the first, because a red cell is read far from where it happened.
 */
import { isObject, printJson, type Value, type ValueObject } from "./values.js";

export type Mode = "subset" | "exact";

/** A key the actual value does not have. Distinct from null. */
export const ABSENT = Symbol("absent");

type Actual = Value | typeof ABSENT;
type Matcher = (actual: Actual, argument: Value, path: string, mode: Mode) => string[];

/**
 * Compares and returns the differences, none when it fits.
 *
 * @param mode `subset` lets objects have further keys, `exact` does not. Arrays always match whole and in order.
 */
export function compare(actual: Actual, pattern: Value, path = "", mode: Mode = "subset"): string[] {
  const matcher = matcherOf(pattern);
  if (matcher !== undefined) return matcher.test(actual, matcher.argument, path, mode);
  if (actual === ABSENT) return [`${at(path)}: absent, expected ${show(pattern)}`];
  if (Array.isArray(pattern)) return compareArrays(actual, pattern, path, mode);
  if (isObject(pattern)) return compareObjects(actual, pattern, path, mode);
  return same(actual, pattern) ? [] : [`${at(path)}: got ${show(actual)}, expected ${show(pattern)}`];
}

function compareArrays(actual: Value, pattern: Value[], path: string, mode: Mode): string[] {
  if (!Array.isArray(actual)) return [`${at(path)}: got ${show(actual)}, expected an array`];
  if (actual.length !== pattern.length) {
    return [
      `${at(path)}: got ${actual.length} items ${show(actual)}, expected ${pattern.length} ${show(pattern)}`,
    ];
  }
  return pattern.flatMap((item, index) => compare(actual[index] ?? null, item, `${path}/${index}`, mode));
}

function compareObjects(actual: Value, pattern: ValueObject, path: string, mode: Mode): string[] {
  if (!isObject(actual)) return [`${at(path)}: got ${show(actual)}, expected an object`];
  const problems = Object.entries(pattern).flatMap(([key, item]) =>
    compare(Object.hasOwn(actual, key) ? (actual[key] as Value) : ABSENT, item, `${path}/${key}`, mode),
  );
  if (mode === "exact") {
    for (const key of Object.keys(actual)) {
      if (!Object.hasOwn(pattern, key))
        problems.push(`${at(`${path}/${key}`)}: unexpected ${show(actual[key] as Value)}`);
    }
  }
  return problems;
}

function same(actual: Value, pattern: Value): boolean {
  if (typeof actual === "bigint" || typeof pattern === "bigint") {
    return typeof actual === typeof pattern && actual === pattern;
  }
  return Object.is(actual, pattern) || (actual === 0 && pattern === 0);
}

function matcherOf(pattern: Value): { test: Matcher; argument: Value } | undefined {
  if (!isObject(pattern)) return undefined;
  const entries = Object.entries(pattern);
  const entry = entries[0];
  if (entries.length !== 1 || entry === undefined || !entry[0].startsWith("$")) return undefined;
  const test = MATCHERS.get(entry[0]);
  return test === undefined ? undefined : { test, argument: entry[1] };
}

const TYPES = new Map<string, (actual: Value) => boolean>([
  ["null", (actual) => actual === null],
  ["boolean", (actual) => typeof actual === "boolean"],
  ["integer", (actual) => typeof actual === "bigint" || Number.isInteger(actual)],
  ["number", (actual) => typeof actual === "bigint" || typeof actual === "number"],
  ["string", (actual) => typeof actual === "string"],
  ["array", (actual) => Array.isArray(actual)],
  ["object", isObject],
]);

const MATCHERS = new Map<string, Matcher>([
  ["$any", (actual, _argument, path) => (actual === ABSENT ? [`${at(path)}: absent`] : [])],
  [
    "$absent",
    (actual, _argument, path) =>
      actual === ABSENT ? [] : [`${at(path)}: got ${show(actual)}, expected no key`],
  ],
  [
    // Generated models may print an unset optional as null; where that is acceptable the pattern says so.
    "$unset",
    (actual, _argument, path) =>
      actual === ABSENT || actual === null
        ? []
        : [`${at(path)}: got ${show(actual)}, expected absent or null`],
  ],
  [
    "$type",
    (actual, argument, path) => {
      const names = (Array.isArray(argument) ? argument : [argument]).map(String);
      const known = names.map((name) => TYPES.get(name));
      if (known.includes(undefined))
        return [`${at(path)}: pattern names an unknown type in ${show(argument)}`];
      return verdict(
        actual !== ABSENT && known.some((test) => test?.(actual)),
        actual,
        path,
        `type ${names.join(" or ")}`,
      );
    },
  ],
  [
    "$contains",
    (actual, argument, path) =>
      verdict(
        typeof actual === "string" && typeof argument === "string" && actual.includes(argument),
        actual,
        path,
        `text containing ${show(argument)}`,
      ),
  ],
  [
    "$lacks",
    (actual, argument, path) =>
      verdict(
        typeof actual === "string" && typeof argument === "string" && !actual.includes(argument),
        actual,
        path,
        `text without ${show(argument)}`,
      ),
  ],
  [
    "$matches",
    (actual, argument, path) =>
      verdict(
        typeof actual === "string" && new RegExp(String(argument), "u").test(actual),
        actual,
        path,
        `text matching ${show(argument)}`,
      ),
  ],
  [
    "$between",
    (actual, argument, path) => {
      const [low, high] = Array.isArray(argument) ? argument.map(Number) : [];
      const ok =
        (typeof actual === "number" || typeof actual === "bigint") &&
        low !== undefined &&
        high !== undefined &&
        Number(actual) >= low &&
        Number(actual) <= high;
      return verdict(ok, actual, path, `a number in ${show(argument)}`);
    },
  ],
  [
    "$near",
    (actual, argument, path) =>
      verdict(
        typeof actual === "number" &&
          Math.abs(actual - Number(argument)) <= 1e-5 * Math.max(1, Math.abs(Number(argument))),
        actual,
        path,
        `about ${show(argument)}`,
      ),
  ],
  [
    "$length",
    (actual, argument, path) =>
      verdict(
        Array.isArray(actual) && actual.length === Number(argument),
        actual,
        path,
        `${show(argument)} items`,
      ),
  ],
  [
    "$each",
    (actual, argument, path, mode) =>
      Array.isArray(actual)
        ? actual.flatMap((item, index) => compare(item, argument, `${path}/${index}`, mode))
        : verdict(false, actual, path, "an array"),
  ],
  [
    "$has",
    (actual, argument, path, mode) =>
      verdict(
        Array.isArray(actual) && actual.some((item) => compare(item, argument, path, mode).length === 0),
        actual,
        path,
        `an array with an item like ${show(argument)}`,
      ),
  ],
  [
    "$all",
    (actual, argument, path, mode) =>
      Array.isArray(argument)
        ? argument.flatMap((pattern) => compare(actual, pattern, path, mode))
        : [`${at(path)}: $all needs a list of patterns`],
  ],
  ["$exact", (actual, argument, path) => compare(actual, argument, path, "exact")],
  ["$subset", (actual, argument, path) => compare(actual, argument, path, "subset")],
]);

/** Names of the matchers a pattern may use. */
export const MATCHER_NAMES: ReadonlySet<string> = new Set(MATCHERS.keys());

function verdict(ok: boolean, actual: Actual, path: string, wanted: string): string[] {
  return ok ? [] : [`${at(path)}: got ${show(actual)}, expected ${wanted}`];
}

function at(path: string): string {
  return path === "" ? "/" : path;
}

function show(value: Actual): string {
  if (value === ABSENT) return "nothing";
  const text = printJson(value);
  return text.length > 400 ? `${text.slice(0, 400)}… (${text.length} characters)` : text;
}
