/**
 * JSON texts in every spelling: generated as trees, so that spacing, escapes and repeated keys occur, and compared as values
 * whose numbers are texts.
 */

import fc from "fast-check";
import { isLosslessNumber, parse } from "lossless-json";

/** JSON with repeated keys and number texts kept. */
export type Tree =
  | { kind: "object"; members: [key: string, value: Tree][] }
  | { kind: "array"; items: Tree[] }
  | { kind: "string"; value: string }
  | { kind: "scalar"; text: string };

/** What a reader understands: the last of a repeated key, numbers as `#text`. */
export type Value = { [key: string]: Value } | Value[] | string | null | boolean;

export const scalars = fc.constantFrom(
  ...[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1e3",
    "1.0",
    "-2.50E-7",
    "9007199254740993",
    "18446744073709551615",
  ],
);

/** Any JSON whose keys and strings are drawn from these. */
export function trees(keys: fc.Arbitrary<string>, strings: fc.Arbitrary<string>): fc.Arbitrary<Tree> {
  return fc.letrec<{ tree: Tree }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4, depthSize: "small" },
      scalars.map(scalar),
      strings.map((value): Tree => ({ kind: "string", value })),
      fc.array(scalars, { maxLength: 6 }).map((texts): Tree => ({ kind: "array", items: texts.map(scalar) })),
      fc.array(tie("tree"), { maxLength: 4 }).map((items): Tree => ({ kind: "array", items })),
      fc
        .array(fc.tuple(keys, tie("tree")), { maxLength: 4 })
        .map((members): Tree => ({ kind: "object", members })),
    ),
  })).tree;
}

export function scalar(text: string): Tree {
  return { kind: "scalar", text };
}

/** Draws spacing and escapes from `choices`, so that one tree has many spellings. */
export function print(node: Tree, choices: () => number): string {
  const gap = () => ["", "", "", " ", "\n", "\t\r"][choices() % 6] ?? "";
  const quoted = (text: string) => (choices() % 4 === 0 ? escapeOne(text, choices()) : JSON.stringify(text));
  switch (node.kind) {
    case "scalar":
      return node.text;
    case "string":
      return quoted(node.value);
    case "array":
      return `[${gap()}${node.items.map((item) => `${print(item, choices)}${gap()}`).join(`,${gap()}`)}]`;
    case "object":
      return `{${gap()}${node.members
        .map(([key, value]) => `${quoted(key)}${gap()}:${gap()}${print(value, choices)}${gap()}`)
        .join(`,${gap()}`)}}`;
  }
}

function escapeOne(text: string, choice: number): string {
  const units = text.split("");
  const at = choice % Math.max(units.length, 1);
  const spell = (unit: string, index: number) =>
    index === at
      ? `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
      : JSON.stringify(unit).slice(1, -1);
  return `"${units.map(spell).join("")}"`;
}

/** What a reader understands of a tree. */
export function understood(node: Tree): Value {
  switch (node.kind) {
    case "scalar":
      return /^[-\d]/.test(node.text) ? `#${node.text}` : (JSON.parse(node.text) as Value);
    case "string":
      return `"${node.value}`;
    case "array":
      return node.items.map(understood);
    case "object":
      return Object.fromEntries(node.members.map(([key, value]) => [key, understood(value)]));
  }
}

/** What a reader understands of a text. */
export function understoodText(text: string): Value {
  const convert = (value: unknown): Value => {
    if (isLosslessNumber(value)) return `#${value.value}`;
    if (typeof value === "string") return `"${value}`;
    if (Array.isArray(value)) return value.map(convert);
    if (typeof value === "object" && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, convert(member)]));
    }
    return value as Value;
  };
  // Below the levels that are inspected a repeated key is upstream's business; the last one wins there too.
  return convert(parse(text, null, { onDuplicateKey: ({ newValue }) => newValue }));
}

/** What `print` draws its spelling from. */
export const choices = fc.array(fc.nat(11), { minLength: 1, maxLength: 40 }).map((drawn) => {
  let at = 0;
  return () => drawn[at++ % drawn.length] ?? 0;
});

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
