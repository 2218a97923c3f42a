import { describe, expect, it } from "vitest";
import { memberText, memberValue, readMembers } from "./json-members.js";

describe("readMembers", () => {
  it("gives each member's raw text", () => {
    const object = readMembers(Buffer.from('{ "a": 1.50 , "b":[ 1 , 2 ],"c":"\\u0061" }'));
    const texts = [...(object?.members.values() ?? [])].map((member) =>
      memberText(object?.bytes ?? Buffer.of(), member),
    );
    expect(texts).toEqual(["1.50", "[ 1 , 2 ]", '"\\u0061"']);
  });

  it("gives nothing for another kind of value", () => {
    expect(readMembers(Buffer.from("[1]"))).toBeUndefined();
    expect(readMembers(Buffer.from('"x"'))).toBeUndefined();
  });

  it("keeps the bytes unless a key is repeated or escaped", () => {
    const plain = Buffer.from('{"a":1}');
    expect(readMembers(plain)?.bytes).toBe(plain);
    expect(readMembers(Buffer.from('{"a":1,"\\u0061":2}'))?.bytes.toString()).toBe('{"a":2}');
  });

  it("parses a member's value on demand and names one that is malformed", () => {
    const object = readMembers(Buffer.from('{"a":{"x":1},"bad":[1,,2]}'));
    if (object === undefined) throw new Error("expected an object");
    expect(memberValue(object, "a")).toEqual({ x: 1 });
    expect(memberValue(object, "absent")).toBeUndefined();
    expect(() => memberValue(object, "bad")).toThrow("malformed value of bad");
  });
});
