import fc from "fast-check";
import { expect, it } from "vitest";
import { runs } from "../../../test/long-runs.js";
import type { Json } from "../json.js";
import { EMPTY_SCHEMA, type Schema, updateSchema } from "../schema/schema.js";
import { StepBudget } from "../step-budget.js";
import { Table } from "../table/table.js";
import type { Value } from "../values.js";
import { bindFilter } from "./bind.js";
import { selectSlots } from "./select.js";

/** The operators written out once more, straight from the contract, without indexes or shared code. */
type Doc = { id: number; n: number | null; s: string | null; tags: string[] | null };
type Test = (doc: Doc) => boolean;

const bytes = (text: string) => Buffer.from(text);
function order(a: number | string, b: number | string): number {
  if (typeof a === "string" && typeof b === "string") return Buffer.compare(bytes(a), bytes(b));
  return Number(a) - Number(b);
}

function naive(filter: Json): Test {
  const [head, operator, operand] = filter as [string, Json, Json];
  if (head === "And") return (doc) => (operator as Json[]).every((f) => naive(f)(doc));
  if (head === "Or") return (doc) => (operator as Json[]).some((f) => naive(f)(doc));
  if (head === "Not") return (doc) => !naive(operator)(doc);
  const value = (doc: Doc) => doc[head as keyof Doc];
  const list = operand as (string | number)[];
  switch (operator) {
    case "Eq":
      return (doc) => value(doc) === operand;
    case "NotEq":
      return (doc) => value(doc) !== operand;
    case "In":
    case "ContainsAny":
      return (doc) => [value(doc)].flat().some((v) => v !== null && list.includes(v));
    case "NotIn":
    case "NotContainsAny":
      return (doc) => ![value(doc)].flat().some((v) => v !== null && list.includes(v));
    case "Contains":
      return (doc) => (doc.tags ?? []).includes(operand as string);
    case "NotContains":
      return (doc) => !(doc.tags ?? []).includes(operand as string);
    case "Lt":
      return (doc) => value(doc) === null || order(value(doc) as string, operand as string) < 0;
    case "Lte":
      return (doc) => value(doc) === null || order(value(doc) as string, operand as string) <= 0;
    case "Gt":
      return (doc) => value(doc) !== null && order(value(doc) as string, operand as string) > 0;
    case "Gte":
      return (doc) => value(doc) !== null && order(value(doc) as string, operand as string) >= 0;
    case "AnyGt":
      return (doc) => (doc.tags ?? []).some((tag) => order(tag, operand as string) > 0);
    default:
      throw new Error(`no naive form of ${String(operator)}`);
  }
}

const word = fc.constantFrom("a", "b", "ab", "B", "é", "\uFFFD", "\u{1F600}");
const number = fc.integer({ min: 0, max: 4 });
const docs = fc.array(
  fc.record({
    n: fc.option(number),
    s: fc.option(word),
    tags: fc.option(fc.array(word, { maxLength: 3 })),
  }),
  { maxLength: 40 },
);

const comparison = fc.constantFrom("Eq", "NotEq", "Lt", "Lte", "Gt", "Gte");
const leaf: fc.Arbitrary<Json> = fc.oneof(
  fc.tuple(fc.constant("n"), comparison, number),
  fc.tuple(fc.constant("s"), comparison, word),
  fc.tuple(fc.constant("id"), comparison, number),
  fc.tuple(fc.constantFrom("n", "s"), fc.constantFrom("Eq", "NotEq"), fc.constant(null)),
  fc.tuple(fc.constant("n"), fc.constantFrom("In", "NotIn"), fc.array(number, { maxLength: 3 })),
  fc.tuple(fc.constant("s"), fc.constantFrom("In", "NotIn"), fc.array(word, { maxLength: 3 })),
  fc.tuple(
    fc.constant("tags"),
    fc.constantFrom("In", "NotIn", "ContainsAny", "NotContainsAny"),
    fc.array(word, { maxLength: 3 }),
  ),
  fc.tuple(fc.constant("tags"), fc.constantFrom("Contains", "NotContains", "AnyGt"), word),
);
const { filter } = fc.letrec<{ filter: Json }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaf,
    fc.tuple(fc.constantFrom("And", "Or"), fc.array(tie("filter"), { maxLength: 3 })),
    fc.tuple(fc.constant("Not"), tie("filter")),
  ),
}));

const schemas: Schema[] = [true, false].map((glob) => ({
  ...updateSchema(
    EMPTY_SCHEMA,
    { n: "int", s: { type: "string", glob, filterable: true }, tags: "[]string" },
    false,
  ),
  idType: "uint",
}));

it("selects what a filter written out naively selects, on documents written, rewritten and removed", () => {
  fc.assert(
    fc.property(docs, docs, filter, fc.constantFrom(...schemas), (first, second, json, schema) => {
      const table = new Table();
      table.adopt(schema);
      const kept = new Map<number, Doc>();
      const put = (list: typeof first) =>
        list.forEach((doc, id) => {
          const row = Object.entries(doc).filter(([, value]) => value !== null) as [string, Value][];
          table.put(id, new Map(row));
          kept.set(id, { id, ...doc });
        });
      put(first);
      put(second);
      if (table.remove(1)) kept.delete(1);
      const steps = new StepBudget();
      const filter = bindFilter(json, schema, "filters", steps);
      const found = Array.from(selectSlots(table, filter, steps).slots(), (slot) => table.id(slot));
      const expected = [...kept.values()].filter(naive(json)).map(({ id }) => id);
      expect(found.sort()).toEqual(expected.sort());
    }),
    { numRuns: runs(400) },
  );
});
