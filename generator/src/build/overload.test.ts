import { describe, expect, it } from "vitest";
import { apiOf, sourceOf } from "../../test/fixture.js";
import { houseFindings } from "../lint/house-rules.js";

const SPEC = `openapi: 3.1.0
info: { title: Things, version: 1.0.0 }
tags:
  - { name: things, description: Things. }
paths:
  /v2/things:
    post:
      operationId: writeThing
      tags: [things]
      summary: Write
      description: Writes.
      x-hev-access: write
      x-hev-kind: upstream
      x-hev-fallthrough: "yes"
      x-hev-safe: once
      x-hev-body-validation: none
      x-hev-meta:
        - { header: x-cost, field: cost }
      x-hev-overloads:
        - operationId: copyThing
          summary: Copy
          description: Copies.
          query: { overload: copy }
          x-hev-fallthrough: "yes"
          requestBody:
            required: true
            content:
              application/json:
                schema: { $ref: "#/components/schemas/Copy" }
                example: { from: a }
        - operationId: splitThing
          summary: Split
          description: Splits.
          query: { overload: split }
          x-hev-fallthrough: native
          requestBody:
            required: true
            content:
              application/json:
                schema: { $ref: "#/components/schemas/Copy" }
                example: { from: a }
          responses:
            "200":
              description: Parts.
              content:
                application/json:
                  schema: { $ref: "#/components/schemas/Copy" }
                  example: { from: a }
      parameters:
        - { name: dry, in: query, description: Only say., schema: { type: boolean } }
      requestBody:
        required: true
        content:
          application/json:
            schema: { $ref: "#/components/schemas/Thing" }
            example: { id: a }
      responses:
        "200":
          description: Done.
          headers:
            x-cost: { description: Cost., schema: { type: integer } }
          content:
            application/json:
              schema: { $ref: "#/components/schemas/Thing" }
              example: { id: a }
        "404":
          description: None.
          content:
            application/json:
              schema: { $ref: "#/components/schemas/Error" }
components:
  schemas:
    Thing:
      description: A thing.
      type: object
      required: [id]
      properties: { id: { type: string, description: Id. } }
      examples: [{ id: a }]
    Copy:
      description: A source.
      type: object
      required: [from]
      properties: { from: { type: string, description: Source. } }
      examples: [{ from: a }]
    Error:
      description: An error.
      type: object
      required: [error, message]
      properties: { error: { type: string, description: Code. }, message: { type: string, description: Why. } }
      examples: [{ error: not_found, message: none }]
`;

function changed(find: string, replacement: string): string {
  if (!SPEC.includes(find)) throw new Error(`the spec does not contain ${find}`);
  return SPEC.replace(find, replacement);
}

const findings = (text: string): string[] =>
  [...houseFindings(sourceOf(text).root, apiOf(text))].map(({ message }) => message);

describe("an overload", () => {
  it("stands after the operation whose route, scope and errors it shares", () => {
    const [base, copy, split] = apiOf(SPEC).operations;
    expect(base).toMatchObject({ id: "writeThing", fixedQuery: [] });
    expect(base?.overloadOf).toBeUndefined();
    for (const overload of [copy, split]) {
      expect(overload).toMatchObject({
        overloadOf: "writeThing",
        method: "POST",
        path: "/v2/things",
        access: "write",
        kind: "upstream",
        safe: "once",
        errors: base?.errors,
        queryParams: base?.queryParams,
      });
    }
    expect(copy?.fixedQuery).toEqual([{ wire: "overload", value: "copy" }]);
  });

  it("takes the route's answer and lifted headers unless it gives an answer of its own", () => {
    const [base, copy, split] = apiOf(SPEC).operations;
    expect(copy).toMatchObject({
      success: base?.success,
      meta: base?.meta,
      body: { type: { name: "Copy" } },
    });
    expect(split).toMatchObject({ success: { type: { name: "Copy" } }, meta: [], fallthrough: "native" });
  });

  it("keeps the house rules", () => {
    expect(findings(SPEC)).toEqual([]);
  });

  it.each([
    ["          query: { overload: copy }\n", "", "query is missing"],
    ["query: { overload: copy }", "query: {}", "query is empty"],
    ["query: { overload: copy }", "query: { dry: a }", "query names dry, which is a parameter of writeThing"],
    ["summary: Copy\n", "summary: Copy\n          x-hev-access: read\n", "an overload has no x-hev-access"],
    ["summary: Copy\n", "summary: Copy\n          parameters: []\n", "an overload has no parameters"],
    ["operationId: copyThing", "operationId: writeThing", "operation writeThing is declared twice"],
    [
      "query: { overload: copy }",
      "query: { overload: copy }\n          x-hev-meta: []",
      "x-hev-meta needs responses of the overload's own",
    ],
    [
      '          responses:\n            "200":\n              description: Parts.',
      '          responses:\n            "404":\n              description: Parts.',
      "responses may only give successes; 404 is writeThing's",
    ],
  ])("with %s as %s is refused with its place", (find, replacement, message) => {
    expect(() => apiOf(changed(find, replacement))).toThrow(message);
    expect(() => apiOf(changed(find, replacement))).toThrow(/^spec\.yaml:\d+: /);
  });

  it.each([
    ["query: { overload: split }", "query: { overload: copy }", "it has the same marker as copyThing"],
    [
      'x-hev-fallthrough: "yes"\n      x-hev-safe',
      'x-hev-fallthrough: "no"\n      x-hev-safe',
      "writeThing never falls through",
    ],
    ["                example: { from: a }\n", "", "operation copyThing: the request body has no example"],
    [
      '                schema: { $ref: "#/components/schemas/Copy" }\n                example: { from: a }\n        - operationId',
      '                schema: { $ref: "#/components/schemas/Copy" }\n        - operationId',
      "operation copyThing: the request body has no example",
    ],
  ])("with %s as %s breaks a house rule", (find, replacement, message) => {
    expect(findings(changed(find, replacement)).join("\n")).toContain(message);
  });

  it("without a body over a route that has one breaks a house rule", () => {
    const start = SPEC.indexOf("          requestBody:");
    const end = SPEC.indexOf("        - operationId: splitThing");
    const text = SPEC.slice(0, start) + SPEC.slice(end);
    expect(findings(text)).toContain(
      "operation copyThing: it must have a body exactly when writeThing has one",
    );
  });
});
