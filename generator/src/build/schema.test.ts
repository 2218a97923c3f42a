import { describe, expect, it } from "vitest";
import { typeOf } from "../../test/fixture.js";

const string = { kind: "string", nullable: false };

describe("buildType", () => {
  it.each([
    ["{ type: [string, 'null'] }", { kind: "string", nullable: true }],
    ["{ type: integer, format: uint64 }", { kind: "integer", format: "uint64", nullable: false }],
    ["{ enum: [a, b, null] }", { kind: "enum", values: ["a", "b"], nullable: true }],
    ["{ const: thing }", { kind: "const", value: "thing", nullable: false }],
    ["{ $ref: '#/components/schemas/Other' }", { kind: "ref", name: "Other", nullable: false }],
    [
      "{ anyOf: [{ $ref: '#/components/schemas/Other' }, { type: 'null' }] }",
      { kind: "ref", name: "Other", nullable: true },
    ],
    ["{ type: array, items: { type: string } }", { kind: "array", items: string, nullable: false }],
    [
      "{ type: array, prefixItems: [{ type: string }], items: false }",
      { kind: "tuple", items: [string], nullable: false },
    ],
    [
      "{ type: array, prefixItems: [{ type: string }], items: { type: string } }",
      { kind: "tuple", items: [string], rest: string, nullable: false },
    ],
    [
      "{ type: object, additionalProperties: { type: string } }",
      { kind: "map", values: string, nullable: false },
    ],
    ["{}", { kind: "any", nullable: true }],
    [
      "{ oneOf: [{ type: string }, { oneOf: [{ type: boolean }, { type: 'null' }] }] }",
      { kind: "union", variants: [string, { kind: "boolean", nullable: false }], nullable: true },
    ],
  ])("reads %s", (schema, type) => {
    expect(typeOf(schema)).toEqual(type);
  });

  it("merges allOf through references and keeps what is required", () => {
    const schema =
      "{ allOf: [{ $ref: '#/components/schemas/Other' }, { type: object, required: [b], properties: { b: { type: boolean } } }] }";
    expect(typeOf(schema)).toMatchObject({
      kind: "object",
      open: true,
      fields: [
        { wire: "a", required: false },
        { wire: "b", required: true },
      ],
    });
  });

  it.each([
    ["{ type: string, not: { const: a } }", "the keyword not is not supported"],
    ["{ type: array }", "an array needs items"],
    ["{ type: text }", '"text" is not one of'],
    ["{ type: object, required: [z], properties: { a: { type: string } } }", "required names z"],
    ["{ $ref: '#/components/schemas/Nobody' }", "the reference names nothing"],
    ["{ $ref: 'other.yaml' }", "must start with #/components/schemas/"],
    ["{ allOf: [{ type: string }, { type: object, properties: {} }] }", "allOf can only merge objects"],
    ["{ oneOf: [{ type: 'null' }] }", "a union needs a variant beside null"],
  ])("refuses %s with its line", (schema, message) => {
    expect(() => typeOf(schema)).toThrow(message);
    expect(() => typeOf(schema)).toThrow(/^spec\.yaml:59: /);
  });
});
