import { describe, expect, it } from "vitest";
import { isUserAttribute } from "../reserved.js";
import { DocumentWriter, isDocument, patchDocument, selectMembers, userMembers } from "./stored-document.js";

function documentOf(members: Record<string, string>): Buffer {
  const writer = new DocumentWriter();
  for (const [name, json] of Object.entries(members)) writer.add(name, json);
  return writer.finish();
}

const all = (document: Buffer) => selectMembers(document, () => true).toString();

describe("a stored document", () => {
  it("keeps the user's members apart from ours, each in its order", () => {
    const document = documentOf({ b: "1", _hevlayer_upserted_at: "17", "a\n": '"x"', _hevlayer_x: "[1]" });
    expect(userMembers(document).toString()).toBe('"b":1,"a\\n":"x"');
    expect(selectMembers(document, isUserAttribute).toString()).toBe('"b":1,"a\\n":"x"');
    expect(all(document)).toBe('"b":1,"a\\n":"x","_hevlayer_upserted_at":17,"_hevlayer_x":[1]');
    expect(selectMembers(document, (name) => name === "a\n" || name === "_hevlayer_x").toString()).toBe(
      '"a\\n":"x","_hevlayer_x":[1]',
    );
  });

  it("may be empty, and may grow beyond any buffer", () => {
    expect([isDocument(documentOf({})), all(documentOf({}))]).toEqual([true, ""]);
    const long = JSON.stringify("y".repeat(20_000));
    expect(all(documentOf({ a: long, _hevlayer_b: long, c: "1" }))).toBe(
      `"a":${long},"c":1,"_hevlayer_b":${long}`,
    );
  });

  it("is not mixed with the one before", () => {
    const writer = new DocumentWriter();
    writer.add("a", "1");
    writer.finish();
    writer.add("b", "2");
    expect(all(writer.finish())).toBe('"b":2');
  });

  it("takes members as they stand in a text", () => {
    const text = Buffer.from('{ "k" : [1, 2] }');
    const writer = new DocumentWriter();
    writer.copy(false, text, 2, 5, 8, 14);
    expect(all(writer.finish())).toBe('"k":[1, 2]');
  });

  it("is patched member by member: changed in its place, added at the end, removed by null", () => {
    const document = documentOf({ a: "1", b: "2", c: "3", _hevlayer_upserted_at: "1" });
    const patch = new Map([
      ["b", null],
      ["a", Buffer.from("9")],
      ["d", Buffer.from('{"x":[]}')],
      ["gone", null],
      ["_hevlayer_upserted_at", Buffer.from("2")],
    ]);
    expect(all(patchDocument(document, patch) as Buffer)).toBe(
      '"a":9,"c":3,"d":{"x":[]},"_hevlayer_upserted_at":2',
    );
  });

  it("that is damaged is not patched", () => {
    const damaged = Buffer.concat([Buffer.from([1, 0, 0, 0, 3]), Buffer.from('"a:')]);
    expect(patchDocument(damaged, new Map([["b", Buffer.from("1")]]))).toBeUndefined();
    expect(isDocument(Buffer.from([2, 0, 0, 0, 0]))).toBe(false);
  });
});
