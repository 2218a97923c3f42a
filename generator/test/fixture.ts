/** A small correct spec that tests change in one place each. */

import { buildApi } from "../src/load.js";
import type { Api, NamedType, Type } from "../src/model.js";
import { SpecSource } from "../src/spec-source.js";

export const SPEC = `openapi: 3.1.0
info: { title: Things, version: 1.0.0 }
tags:
  - { name: things, description: Things. }
x-hev-errors:
  - { code: not_found, status: 404, retryable: false, meaning: It does not exist. }
paths:
  /v2/things/{thing}:
    get:
      operationId: listThings
      tags: [things]
      summary: List things
      description: Lists things.
      x-hev-access: read
      x-hev-kind: layer
      x-hev-fallthrough: "no"
      x-hev-safe: read
      x-hev-page: { cursor: cursor, items: things, next: { field: next_cursor } }
      parameters:
        - { name: thing, in: path, required: true, description: The thing., schema: { type: string } }
        - { name: cursor, in: query, description: Where to continue., schema: { type: string } }
      responses:
        "200":
          description: Things.
          headers:
            x-cost: { description: Cost., schema: { type: integer } }
          content:
            application/json:
              schema: { $ref: "#/components/schemas/ThingList" }
              example: { things: [] }
        "404":
          description: None.
          content:
            application/json:
              schema: { $ref: "#/components/schemas/Error" }
components:
  schemas:
    ThingList:
      description: Things.
      type: object
      required: [things]
      properties:
        things: { type: array, items: { type: string }, description: Things. }
        next_cursor: { type: string, description: Next. }
      examples: [{ things: [] }]
    ErrorCode:
      description: A code.
      type: string
      enum: [not_found]
      examples: [not_found]
    Error:
      description: An error.
      type: object
      required: [error, message]
      properties:
        error: { $ref: "#/components/schemas/ErrorCode" }
        message: { type: string, description: Why. }
      examples: [{ error: not_found, message: none }]
`;

export function sourceOf(text: string): SpecSource {
  return new SpecSource("spec.yaml", text);
}

export function apiOf(text: string): Api {
  return buildApi(sourceOf(text).root);
}

/** The spec with one piece of text replaced; the piece must occur. */
export function specWith(find: string, replacement: string): string {
  if (!SPEC.includes(find)) throw new Error(`the fixture does not contain ${find}`);
  return SPEC.replace(find, replacement);
}

/** The type of a schema given as YAML in flow style. */
export function typeOf(schema: string): Type {
  const text = `${SPEC}    Subject: ${schema}\n    Other: { type: object, properties: { a: { type: string } } }\n`;
  const found: NamedType | undefined = apiOf(text).types.find((type) => type.name === "Subject");
  if (!found) throw new Error("no schema Subject");
  return found.type;
}
