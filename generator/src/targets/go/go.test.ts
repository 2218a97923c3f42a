import { describe, expect, it } from "vitest";
import { buildApi } from "../../load.js";
import { SpecSource } from "../../spec-source.js";
import { emitOperations } from "./operations.js";
import { lowerFirst, methodDoc, typeDoc } from "./prose.js";

describe("prose", () => {
  it.each([
    ["Fetch one document by id", "M fetches one document by id."],
    ["Query a namespace", "M queries a namespace."],
    ["Do it", "M does it."],
    ["Is the process alive", "M answers: is the process alive?"],
  ])("turns the summary %j into a sentence about the method", (summary, expected) => {
    expect(methodDoc("M", summary)).toBe(expected);
  });

  it.each([
    ["A query. More.", "T is a query. More."],
    ["Turbopuffer's answer.", "T is Turbopuffer's answer."],
    ["How fresh a read must be.", "T is how fresh a read must be."],
    ["Change the same attributes.", "T: Change the same attributes."],
    ["", ""],
  ])("begins the documentation %j with the type's name", (doc, expected) => {
    expect(typeDoc("T", doc)).toBe(expected);
  });

  it("keeps the capital of a proper name", () => {
    expect(lowerFirst("Layer's view.")).toBe("Layer's view.");
    expect(lowerFirst("Rows, about.")).toBe("rows, about.");
  });
});

/** A listing whose hints can be bent. */
function listing(options: { page: string; kind?: string; cursorType?: string }): string {
  return `
openapi: 3.1.0
info: { title: Things, version: 1.0.0 }
paths:
  /v2/things:
    get:
      operationId: listThings
      summary: List things
      description: Lists.
      tags: [things]
      x-hev-access: read
      x-hev-kind: ${options.kind ?? "layer"}
      x-hev-fallthrough: "no"
      x-hev-safe: read
      x-hev-page: ${options.page}
      parameters:
        - { name: cursor, in: query, description: Where., schema: { type: ${options.cursorType ?? "string"} } }
      responses:
        "200":
          description: Done.
          content: { application/json: { schema: { $ref: "#/components/schemas/Page" } } }
components:
  schemas:
    Page:
      type: object
      required: [things, total]
      properties:
        things: { type: array, items: { $ref: "#/components/schemas/Thing" } }
        total: { type: integer }
        next: { type: [string, "null"] }
    Thing:
      type: object
      required: [at]
      properties:
        at: { type: integer }
`;
}

function emit(options: Parameters<typeof listing>[0]): string {
  return emitOperations(buildApi(new SpecSource("spec.yaml", listing(options)).root));
}

describe("pages", () => {
  it("takes a cursor that is null as the end", () => {
    const text = emit({ page: "{ cursor: cursor, items: things, next: { field: next } }" });
    expect(text).toContain('if page.Next == nil {\n\t\t\treturn page.Things, "", nil');
  });

  it.each([
    [
      "a cursor that is no string",
      { cursorType: "integer" },
      /cursor must name a query parameter of type string/,
    ],
    [
      "items that are no array",
      { page: "{ cursor: cursor, items: total, next: { field: next } }" },
      /no array/,
    ],
    [
      "a missing next field",
      { page: "{ cursor: cursor, items: things, next: { field: gone } }" },
      /names gone/,
    ],
    [
      "a last item's integer",
      { page: "{ cursor: cursor, items: things, next: { last_item: at } }" },
      /required string/,
    ],
    [
      "a passthrough by last item",
      { kind: "passthrough", page: "{ cursor: cursor, items: things, next: { last_item: at } }" },
      /passthrough/,
    ],
  ])("refuses %s and names the operation", (_, options, rule) => {
    const page = "{ cursor: cursor, items: things, next: { field: next } }";
    expect(() => emit({ page, ...options })).toThrow(rule);
    expect(() => emit({ page, ...options })).toThrow("operation listThings");
  });
});
