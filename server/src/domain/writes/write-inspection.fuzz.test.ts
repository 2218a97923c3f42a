/**
 * Stamping by splice against the plain way: parse exactly, stamp, serialise. Bodies are generated as text from a tree, so
 * that spacing, escapes and repeated keys occur; both ways are compared as values whose numbers are texts.
 */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  choices,
  isJson,
  print,
  scalar,
  type Tree,
  trees,
  understood,
  understoodText,
  type Value,
} from "../../../test/json-spelling.js";
import { inspectWrite } from "./write-inspection.js";

const stamp = "1700000000123";
const stampKey = "_hevlayer_upserted_at";

const strings = fc.oneof(
  fc.constantFrom(
    "",
    '"',
    "\\",
    "]",
    "}",
    '{"upsert_rows":[{"id":1}]}',
    "_hevlayer_upserted_at",
    "é\u2028",
    "x".repeat(60),
  ),
  fc.string({ maxLength: 12 }),
);
const keys = fc
  .oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom(
        "id",
        "a",
        "b",
        "vector",
        "10",
        "2",
        stampKey,
        "upsert_rows",
        "é",
        'q"',
        "\\",
      ),
    },
    { weight: 1, arbitrary: fc.string({ maxLength: 6 }) },
  )
  .filter(
    (key) => key !== "__proto__" && key !== "blobs" && (key === stampKey || !key.startsWith("_hevlayer_")),
  );

const tree = trees(keys, strings);

const row = fc
  .array(fc.tuple(keys, tree), { maxLength: 5 })
  .map((members): Tree => ({ kind: "object", members }));
const rows = fc.array(row, { maxLength: 5 }).map((items): Tree => ({ kind: "array", items }));
const column = fc.array(tree, { maxLength: 4 }).map((items): Tree => ({ kind: "array", items }));
const columns = fc
  .tuple(fc.array(fc.tuple(keys, column), { maxLength: 4 }), column)
  .map(([members, ids]): Tree => ({ kind: "object", members: [...members, ["id", ids]] }));
const patchByFilter = fc
  .tuple(fc.array(fc.tuple(keys, tree), { maxLength: 2 }), row)
  .map(([members, patch]): Tree => ({ kind: "object", members: [...members, ["patch", patch]] }));
const body = fc
  .array(
    fc.oneof(
      fc.tuple(fc.constantFrom("upsert_rows", "patch_rows"), rows),
      fc.tuple(fc.constantFrom("upsert_columns", "patch_columns"), columns),
      fc.tuple(fc.constant("patch_by_filter"), patchByFilter),
      fc.tuple(fc.constant("schema"), row),
      fc.tuple(fc.constantFrom("deletes", "upsert_condition", "future"), tree),
    ),
    { maxLength: 6 },
  )
  .map((members): Tree => ({ kind: "object", members: [["delete_by_filter", scalar("1")], ...members] }));

function isObject(value: Value | undefined): value is { [key: string]: Value } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The plain way, on understood values. */
function stampPlainly(value: Value): Value {
  if (!isObject(value)) throw new Error("a body is an object");
  let stamped = false;
  const stampRow = (row: Value) => {
    stamped = true;
    if (isObject(row)) row[stampKey] = `#${stamp}`;
  };
  for (const key of ["upsert_rows", "patch_rows"]) {
    const list = value[key];
    if (Array.isArray(list)) list.forEach(stampRow);
  }
  for (const key of ["upsert_columns", "patch_columns"]) {
    const table = value[key];
    if (!isObject(table)) continue;
    stamped = true;
    table[stampKey] = (table.id as Value[]).map(() => `#${stamp}`);
  }
  if (isObject(value.patch_by_filter)) stampRow(value.patch_by_filter.patch ?? null);
  if (isObject(value.schema) && (stamped || stampKey in value.schema)) value.schema[stampKey] = '"int';
  return value;
}

function stampBySplice(text: string): string {
  const { bytes, splice } = inspectWrite(Buffer.from(text), Number.MAX_SAFE_INTEGER);
  return splice.apply(bytes, stamp).toString();
}

describe("stamping by splice", () => {
  it("equals parsing, stamping and serialising, whatever the spelling", () => {
    fc.assert(
      fc.property(body, choices, (node, choose) => {
        const text = print(node, choose);
        expect(understoodText(stampBySplice(text))).toEqual(stampPlainly(understood(node)));
      }),
      { numRuns: 1500 },
    );
  });

  it("never makes JSON of what was not, and never breaks what was", () => {
    const damage = fc.tuple(fc.nat(), fc.constantFrom("", ",", "}", "]", '"', "\\", "{", "[", ":", "0", " "));
    fc.assert(
      fc.property(body, choices, damage, (node, choose, [where, what]) => {
        const whole = print(node, choose);
        const at = where % (whole.length + 1);
        const text = whole.slice(0, at) + what + whole.slice(at + 1);
        let result: string;
        try {
          result = stampBySplice(text);
        } catch {
          return;
        }
        expect(isJson(result)).toBe(isJson(text));
      }),
      { numRuns: 1500 },
    );
  });

  it("accepts as JSON whatever JSON.parse accepts", () => {
    fc.assert(
      fc.property(body, choices, (node, choose) => {
        const text = print(node, choose);
        expect(isJson(text)).toBe(true);
        expect(() => stampBySplice(text)).not.toThrow();
      }),
      { numRuns: 300 },
    );
  });
});
