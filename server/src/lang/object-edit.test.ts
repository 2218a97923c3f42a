import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readMembers } from "./json-members.js";
import { Splice } from "./json-splice.js";
import { ObjectEdit } from "./object-edit.js";

function edited(text: string, edits: (edit: ObjectEdit) => void): string {
  const object = readMembers(Buffer.from(text));
  if (object === undefined) throw new Error("expected an object");
  const splice = new Splice();
  const edit = new ObjectEdit(object, splice);
  edits(edit);
  edit.finish();
  return splice.apply(object.bytes, "").toString();
}

describe("ObjectEdit", () => {
  it.each<[string, string, (edit: ObjectEdit) => void, string]>([
    ["sets a member in its place", ' { "a" : 1 , "b":2}', (e) => e.set("a", "[3]"), ' { "a" : [3] , "b":2}'],
    ["adds what is not there", '{ "a" : 1.0 }', (e) => e.set("b", "2"), '{ "a" : 1.0,"b":2 }'],
    ["adds to an empty object", "{ }", (e) => e.set("b", "2"), '{"b":2 }'],
    ["wraps a value", '{"a": 1e1 ,"b":2}', (e) => e.wrap("a", "[", "]"), '{"a": [1e1] ,"b":2}'],
    [
      "renames a key around its value",
      '{"a" : 1,"b":2}',
      (e) => e.rename("a", "z", "[", ",0]"),
      '{"z":[1,0],"b":2}',
    ],
    ["removes a first member", '{ "a":1 , "b":2}', (e) => e.remove("a"), '{ "b":2}'],
    ["removes a last member", '{"a":1 , "b":2 }', (e) => e.remove("b"), '{"a":1 }'],
    ["removes an only member", '{ "a":1 }', (e) => e.remove("a"), "{ }"],
    ["leaves what is absent", '{"a":1}', (e) => e.remove("b"), '{"a":1}'],
    [
      "does all of it at once, at the end of the object too",
      '{"a":1,"b":2,"c":3,"d":4,"e":5}',
      (e) => {
        e.remove("e");
        e.wrap("c", "<", ">");
        e.remove("a");
        e.set("f", "6");
        e.remove("d");
      },
      '{"b":2,"c":<3>,"f":6}',
    ],
  ])("%s", (_, text, edits, expected) => {
    expect(edited(text, edits)).toBe(expected);
  });

  it("equals the same edits made on the parsed object, whatever the object", () => {
    const name = fc.constantFrom("a", "b", "c", "d", "é", '"', "__proto__");
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(name, fc.jsonValue()), { selector: ([key]) => key }),
        fc.uniqueArray(name),
        fc.uniqueArray(fc.tuple(name, fc.jsonValue()), { selector: ([key]) => key }),
        fc.constantFrom("", " ", "\n\t "),
        (members, removed, set, space) => {
          const text = `{${members.map(([key, value]) => `${space}${JSON.stringify(key)}${space}:${space}${JSON.stringify(value)}${space}`).join(",")}${space}}`;
          const expected = new Map(members.map(([key, value]) => [key, JSON.stringify(value)]));
          for (const key of removed) expected.delete(key);
          const settable = set.filter(([key]) => !removed.includes(key));
          for (const [key, value] of settable) expected.set(key, JSON.stringify(value));
          const result = edited(text, (edit) => {
            for (const key of removed) edit.remove(key);
            for (const [key, value] of settable) edit.set(key, JSON.stringify(value));
          });
          const reread = readMembers(Buffer.from(result));
          const actual = [...(reread?.members.values() ?? [])].map(({ name: key, start, end }) => [
            key,
            reread?.bytes.toString("utf8", start, end),
          ]);
          expect(actual).toEqual([...expected]);
        },
      ),
    );
  });
});
