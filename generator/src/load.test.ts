import { describe, expect, it } from "vitest";
import { apiOf, SPEC, sourceOf, specWith } from "../test/fixture.js";

describe("buildApi", () => {
  it("reads an operation with its hints", () => {
    const text = specWith(
      "x-hev-safe: read",
      "x-hev-safe: read\n      x-hev-meta: [{ header: X-Cost, field: cost }]",
    );
    expect(apiOf(text).operations[0]).toMatchObject({
      id: "listThings",
      words: ["list", "things"],
      method: "GET",
      pathParams: [{ wire: "thing", required: true }],
      queryParams: [{ wire: "cursor", required: false }],
      success: { statuses: [200], type: { kind: "ref", name: "ThingList" } },
      errors: [{ status: 404 }],
      page: { cursor: "cursor", items: "things", next: { field: "next_cursor" } },
      meta: [{ header: "X-Cost", field: "cost", type: { kind: "integer" } }],
      upstreamPath: "/v2/things/{thing}",
    });
  });

  it("marks which types requests and answers reach", () => {
    const reach = Object.fromEntries(
      apiOf(SPEC).types.map((type) => [type.name, [type.request, type.response]]),
    );
    expect(reach).toEqual({ ThingList: [false, true], ErrorCode: [false, true], Error: [false, true] });
  });

  it.each([
    ["openapi: 3.1.0", "openapi: 3.0.3", /^spec\.yaml:1: openapi 3\.0\.3 is not supported; write 3\.1$/],
    [
      "operationId: listThings",
      "operationId: ListThings",
      /^spec\.yaml:10: operation ListThings: operationId must be camelCase$/,
    ],
    [
      "x-hev-access: read",
      "x-hev-access: all",
      /^spec\.yaml:14: .*"all" is not one of read, write, admin, none$/,
    ],
    ["      x-hev-kind: layer\n", "", /: x-hev-kind is missing; add it$/],
    [
      "x-hev-safe: read",
      "x-hev-save: read",
      /^spec\.yaml:17: operation listThings: unknown hint x-hev-save; known hints are /,
    ],
    ["/v2/things/{thing}:", "/v2/things/{thing}/{part}:", /\{part\} .* has no path parameter; declare it$/],
    [
      "- { name: thing, in: path, required: true,",
      "- { name: thing, in: path,",
      /path parameter thing must be required: true$/,
    ],
    [
      "schema: { type: string } }\n      responses",
      "schema: { type: array, items: { type: string } } }\n      responses",
      /set explode: false$/,
    ],
    ["tags: [things]", "tags: []", /needs exactly one tag, has 0$/],
    ["next: { field: next_cursor }", "next: {}", /needs exactly one of field, last_item$/],
    [
      'schema: { $ref: "#/components/schemas/ThingList" }',
      "schema: { type: object }",
      /must be a \$ref into components\.schemas/,
    ],
    [
      "status: 404",
      "status: 200",
      /^spec\.yaml:6: x-hev-errors: not_found: status must be between 400 and 599$/,
    ],
  ])("refuses the spec with %s replaced by %j in one line", (find, replacement, message) => {
    expect(() => apiOf(specWith(find, replacement))).toThrow(message);
  });

  it("refuses what a hint names and the spec lacks", () => {
    const text = specWith(
      "x-hev-safe: read",
      "x-hev-safe: read\n      x-hev-meta: [{ header: x-gone, field: gone }]",
    );
    expect(() => apiOf(text)).toThrow(
      /^spec\.yaml:18: .*names header x-gone, which no 2xx response declares$/,
    );
  });

  it("names the line of text that is not YAML, and of a key given twice", () => {
    expect(() => sourceOf("a: 1\nb: [")).toThrow(/^spec\.yaml:\d: not valid YAML/);
    expect(() => sourceOf("a: 1\na: 2\n")).toThrow(/^spec\.yaml:2: not valid YAML/);
  });
});
