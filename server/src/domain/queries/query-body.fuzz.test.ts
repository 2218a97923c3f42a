/**
 * Queries edited by splice against the plain way: parse exactly, edit, serialise. Bodies are generated as text from a tree, so
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
import { runs } from "../../../test/long-runs.js";
import { JsonCursor } from "../../lang/json-cursor.js";
import { membersAt, readMembers } from "../../lang/json-members.js";
import { queryBody, type Treatment } from "./query-body.js";
import { readQuery } from "./query-form.js";

const watermark = 1_700_000_000_123;
const stampKey = '"_hevlayer_upserted_at';
const predicate: Value = [stampKey, '"Lte', `#${watermark}`];

const strings = fc.oneof(
  fc.constantFrom("", '"', "\\", "]", "}", '"filters":["a","Eq",1]', "queries", "é\u2028", "x".repeat(60)),
  fc.string({ maxLength: 12 }),
);
const keys = fc
  .oneof(
    fc.constantFrom("filters", "a", "vector", "as_of", "10", "é", 'q"', "\\"),
    fc.string({ maxLength: 6 }),
  )
  .filter((key) => key !== "__proto__");
const tree = trees(keys, strings);
const nothing = fc.constant(scalar("null"));
const text = (value: string): Tree => ({ kind: "string", value });
const list = (...items: Tree[]): Tree => ({ kind: "array", items });

type Member = fc.Arbitrary<[string, Tree]>;
const member = (names: readonly string[], value: fc.Arbitrary<Tree>): Member =>
  fc.tuple(fc.constantFrom(...names), value);

const filters = member(["filters"], fc.oneof(tree, nothing));
const unknown = member(["future", "include_attributes", "rerank_by", "fílters", "Filters"], tree);
const limits = member(["top_k"], fc.constantFrom("1", "10", "9999").map(scalar));
const consistency = member(
  ["consistency"],
  fc.oneof(nothing, fc.constant<Tree>({ kind: "object", members: [["level", text("eventual")]] })),
);
const temporal = fc.oneof(
  member(["as_of"], fc.constantFrom("0", "18446744073709551615", "1715600400000", "null").map(scalar)),
  member(["between"], fc.constantFrom(list(scalar("-1"), scalar("5")), scalar("null"))),
);
const ranking = fc.oneof(
  fc.tuple(
    fc.constant("rank_by"),
    fc.constantFrom(list(text("a"), text("asc")), list(text("b"), text("BM25"), text("}"))),
  ),
  fc.tuple(fc.constant("vector"), fc.constantFrom(list(scalar("0.10"), scalar("-1E-3")), text("AACAPw=="))),
) as Member;

const membersOf = (...kinds: Member[]) => fc.array(fc.oneof(...kinds), { maxLength: 5 });
const shuffled = (members: [string, Tree][], at: number, one: [string, Tree]): Tree => {
  const place = at % (members.length + 1);
  return { kind: "object", members: [...members.slice(0, place), one, ...members.slice(place)] };
};
const single = fc
  .tuple(membersOf(filters, unknown, limits, consistency, temporal), fc.nat(9), ranking)
  .map(([members, at, one]) => shuffled(members, at, one));
const leg = fc.oneof(
  fc
    .tuple(membersOf(filters, unknown, limits), fc.nat(9), ranking)
    .map(([all, at, one]) => shuffled(all, at, one)),
  membersOf(filters, unknown, limits).map((members): Tree => ({ kind: "object", members })),
);
const batch = fc
  .tuple(
    membersOf(unknown, limits, consistency, temporal, filters),
    fc.nat(9),
    fc.array(leg, { minLength: 1, maxLength: 4 }),
  )
  .map(([members, at, legs]) => shuffled(members, at, ["queries", list(...legs)]));
const body = fc.oneof(single, batch);
const treatment = fc.record({
  watermark: fc.constantFrom(undefined, watermark),
  strong: fc.boolean(),
  window: fc.constant(undefined),
}) satisfies fc.Arbitrary<Treatment>;

type Fields = { [key: string]: Value };
const isGiven = (fields: Fields, name: string) => fields[name] !== undefined && fields[name] !== null;

/** The plain way, on understood values. */
function editPlainly(value: Value, { watermark: at, strong }: Treatment): Value {
  const fields = { ...(value as Fields) };
  const added: Value[] = [];
  if (isGiven(fields, "as_of")) added.push([stampKey, '"Lte', fields.as_of as Value]);
  if (isGiven(fields, "between")) {
    const [after, until] = fields.between as Value[];
    added.push([stampKey, '"Gt', after as Value], [stampKey, '"Lte', until as Value]);
  }
  if (at !== undefined) added.push(predicate);
  const legs = isGiven(fields, "queries") ? (fields.queries as Fields[]) : [fields];
  const isOurs = legs.every((one) => isGiven(one, "vector"));
  const edited = legs.map((one) => editLegPlainly(one, added));
  const whole = isGiven(fields, "queries") ? { ...fields, queries: edited } : (edited[0] as Fields);
  for (const name of ["as_of", "between", "cursor"]) if (isGiven(fields, name)) delete whole[name];
  if (!isGiven(fields, "consistency") && (strong || isOurs)) {
    whole.consistency = { level: strong || at !== undefined ? '"strong' : '"eventual' };
  }
  return whole;
}

function editLegPlainly(leg: Fields, added: readonly Value[]): Fields {
  const fields = { ...leg };
  if (isGiven(fields, "vector")) {
    const { vector } = fields;
    for (const name of ["vector", "rank_by", "as_of", "between"]) delete fields[name];
    fields.rank_by = ['"vector', '"ANN', vector as Value];
    if (!isGiven(fields, "top_k")) fields.top_k = "#10";
    const names = fields.include_attributes;
    if (Array.isArray(names) && names.includes('"vector'))
      fields.include_attributes = names.filter((name) => name !== '"vector');
  }
  if (added.length === 0) return fields;
  if (isGiven(fields, "filters")) fields.filters = ['"And', [fields.filters as Value, ...added]];
  else fields.filters = added.length === 1 ? (added[0] as Value) : ['"And', [...added]];
  return fields;
}

function editBySplice(spelled: string, how: Treatment): string {
  return queryBody(readQuery(Buffer.from(spelled)), new Map(), how).toString();
}

/** A body has one ranking and one temporal filter, a null counting as none; the last of a repeated key wins. */
function isRefused(value: Value): boolean {
  const fields = value as Fields;
  const legs = isGiven(fields, "queries") ? (fields.queries as Fields[]) : [fields];
  const both = (one: Fields) => isGiven(one, "vector") && isGiven(one, "rank_by");
  return (isGiven(fields, "as_of") && isGiven(fields, "between")) || legs.some(both);
}

describe("a query edited by splice", () => {
  it("equals parsing, editing and serialising, whatever the spelling", () => {
    fc.assert(
      fc.property(body, choices, treatment, (node, choose, how) => {
        const value = understood(node);
        fc.pre(!isRefused(value));
        const sent = editBySplice(print(node, choose), how);
        expect(understoodText(sent)).toEqual(editPlainly(value, how));
        expect(hasPlainKeys(sent)).toBe(true);
      }),
      { numRuns: runs(2_000) },
    );
  });

  it("keeps the text of every member it does not edit, and of the filter it wraps", () => {
    fc.assert(
      fc.property(single, choices, treatment, (node, choose, how) => {
        fc.pre(!isRefused(understood(node)));
        const object = readMembers(Buffer.from(print(node, choose)));
        if (object === undefined) throw new Error("a body is an object");
        const sent = readMembers(Buffer.from(editBySplice(object.bytes.toString(), how)));
        const sentText = (name: string) => {
          const found = sent?.members.get(name);
          return found === undefined ? undefined : sent?.bytes.toString("utf8", found.start, found.end);
        };
        for (const { name, start, end } of object.members.values()) {
          const given = object.bytes.toString("utf8", start, end);
          if (["future", "rerank_by", "fílters", "Filters"].includes(name))
            expect(sentText(name)).toBe(given);
          if (name === "top_k" || (name === "rank_by" && given !== "null"))
            expect(sentText(name)).toBe(given);
          if (name === "vector" && given !== "null")
            expect(sentText("rank_by")).toBe(`["vector","ANN",${given}]`);
          if (name === "filters" && given !== "null" && how.watermark !== undefined)
            expect(sentText(name)).toMatch(`["And",[${given},`);
        }
      }),
      { numRuns: runs(500) },
    );
  });

  it("goes as it came where nothing is to be done", () => {
    fc.assert(
      fc.property(body, choices, (node, choose) => {
        const { bytes } = readMembers(Buffer.from(print(node, choose))) ?? { bytes: Buffer.of() };
        const value = understoodText(bytes.toString()) as Fields;
        const legs = isGiven(value, "queries") ? (value.queries as Fields[]) : [value];
        fc.pre(!isRefused(value) && !legs.some((one) => isGiven(one, "vector")));
        fc.pre(!isGiven(value, "as_of") && !isGiven(value, "between"));
        const query = readQuery(bytes);
        const sent = queryBody(query, new Map(), { watermark: undefined, strong: false, window: undefined });
        expect(sent).toBe(query.kind === "single" ? query.leg.object.bytes : query.object.bytes);
      }),
      { numRuns: runs(300) },
    );
  });

  it("never makes JSON of what was not, and never lets a row past the watermark, however it is damaged", () => {
    const damage = fc.tuple(
      fc.nat(),
      fc.constantFrom("", ",", "}", "]", '"', "\\", "{", "[", ":", "0", " ", "null"),
    );
    const how = { watermark, strong: false, window: undefined };
    let checked = 0;
    fc.assert(
      fc.property(body, choices, damage, (node, choose, [where, what]) => {
        const whole = print(node, choose);
        const at = where % (whole.length + 1);
        const spelled = whole.slice(0, at) + what + whole.slice(at + 1);
        let sent: string;
        try {
          sent = editBySplice(spelled, how);
        } catch {
          return;
        }
        expect(isJson(sent)).toBe(isJson(spelled));
        if (!isJson(sent)) return;
        const value = understoodText(sent) as Fields;
        const legs = isGiven(value, "queries") ? (value.queries as Fields[]) : [value];
        for (const one of legs) {
          expect(isHeld(one.filters as Value)).toBe(true);
          checked++;
        }
      }),
      { numRuns: runs(3_000) },
    );
    expect(checked).toBeGreaterThan(500);
  });
});

/** Whether two readers agree on a body and its legs: no key is repeated or escaped. */
function hasPlainKeys(sent: string): boolean {
  const cursor = new JsonCursor(Buffer.from(sent));
  const { members, ambiguous } = membersAt(cursor);
  let plain = !ambiguous;
  const queries = members.get("queries");
  if (queries === undefined) return plain;
  const legs = new JsonCursor(cursor.bytes, queries.start, queries.end);
  if (legs.kind() === "array") {
    legs.array(() => {
      plain &&= !membersAt(legs).ambiguous;
    });
  }
  return plain;
}

/** Whether a filter is the predicate, or a conjunction that ends with it. */
function isHeld(filter: Value): boolean {
  if (!Array.isArray(filter)) return false;
  const [operator, operands] = filter;
  const last = operator === '"And' && Array.isArray(operands) ? operands.at(-1) : filter;
  return JSON.stringify(last) === JSON.stringify(predicate);
}
