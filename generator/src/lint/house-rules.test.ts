import { describe, expect, it } from "vitest";
import { apiOf, SPEC, sourceOf, specWith } from "../../test/fixture.js";
import { HOUSE_RULES, houseFindings } from "./house-rules.js";

/** What an operation that reads a job adds to the fixture. */
function jobSpec(hint: string): string {
  return `  /v2/jobs/{job_id}:
    get:
      operationId: getJob
      tags: [things]
      summary: Follow a job
      description: One job.
      x-hev-access: read
      x-hev-kind: layer
      x-hev-fallthrough: "no"
      x-hev-safe: read
      ${hint}
      parameters:
        - { name: job_id, in: path, required: true, description: Which., schema: { type: string } }
      responses:
        "200":
          description: The job.
          content:
            application/json:
              schema: { $ref: "#/components/schemas/Job" }
              example: { status: running, progress: 0 }
components:
  schemas:
    Job:
      description: A job.
      type: object
      required: [status, progress]
      properties:
        status: { type: string, enum: [running, completed, failed], description: State. }
        progress: { type: number, description: Share. }
        note: { type: string, description: Any. }
      examples: [{ status: running, progress: 0 }]
`;
}

/** One way to break each rule: what to replace, by what, and what is said. */
const BREACHES: Readonly<Record<string, [find: string, replacement: string, message: string]>> = {
  "closed-error-catalogue": ["enum: [not_found]", "enum: [not_found, gone]", "x-hev-errors lacks gone"],
  "shared-error-schema": [
    'schema: { $ref: "#/components/schemas/Error" }',
    'schema: { $ref: "#/components/schemas/ThingList" }\n              x-else: { $ref: "#/components/schemas/Error" }',
    "404 must answer with the schema Error",
  ],
  "pages-fit": ["items: things,", "items: rows,", "items names rows, which is not a list"],
  "waits-fit": ["components:\n  schemas:\n", jobSpec(""), "getJob reads a job; give it x-hev-wait"],
  "access-fits-security": ["x-hev-access: read", "x-hev-access: none", "go together"],
  "safe-fits-method": ["x-hev-safe: read", "x-hev-safe: once", "a GET must have x-hev-safe: read"],
  "fallthrough-fits": [
    "x-hev-safe: read",
    "x-hev-safe: read\n      x-hev-upstream-path: /v1/x",
    "has no effect",
  ],
  "overloads-fit": [
    "x-hev-safe: read",
    'x-hev-safe: read\n      x-hev-overloads: [{ operationId: countThings, summary: S, description: D, query: { m: n }, x-hev-fallthrough: "no" }]',
    "listThings has x-hev-page, so it can have no overloads",
  ],
  "parameters-free-of-call-options": [
    "{ name: cursor, in: query, description: Where to continue., schema: { type: string } }",
    "{ name: cursor, in: query, schema: { type: string } }\n        - { name: max_retries, in: query, schema: { type: integer } }",
    "parameter max_retries is named like an option of every call",
  ],
  "tags-used": [
    "tags:\n",
    "tags:\n  - { name: empty, description: Nothing. }\n",
    "tag empty has no operations",
  ],
  "bodies-have-examples": [
    "              example: { things: [] }\n",
    "",
    "the successful answer has no example",
  ],
  "schemas-described": [
    "{ type: string, description: Why. }",
    "{ type: string }",
    "Error.message has no description",
  ],
  "components-used": [
    "    ErrorCode:\n",
    "    Lone: { description: Alone., type: string, examples: [a] }\n    ErrorCode:\n",
    "schemas Lone is never used",
  ],
  "known-hints": ["x-hev-errors:", "x-hev-extra: 1\nx-hev-errors:", "unknown hint x-hev-extra"],
};

const findingsOf = (text: string): string[] =>
  [...houseFindings(sourceOf(text).root, apiOf(text))].map((finding) => finding.message);

describe("house rules", () => {
  it("find nothing in a correct spec", () => {
    expect(findingsOf(SPEC)).toEqual([]);
  });

  it("each have a breach below", () => {
    expect(Object.keys(BREACHES)).toEqual(Object.keys(HOUSE_RULES));
  });

  it.each(Object.entries(BREACHES))("%s is broken and says so", (_rule, [find, replacement, message]) => {
    const found = findingsOf(specWith(find, replacement));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });

  it.each([
    ["cursor: cursor", "cursor: after", "cursor names after"],
    ["field: next_cursor", "field: next", "next names next"],
    ["field: next_cursor", "last_item: sha", "next names sha"],
    [
      "      x-hev-page: { cursor: cursor, items: things, next: { field: next_cursor } }\n",
      "",
      "give it x-hev-page",
    ],
  ])("see a page hint with %s as %s", (find, replacement, message) => {
    expect(findingsOf(specWith(find, replacement)).join("\n")).toContain(message);
  });

  const waitFindings = (hint: string) =>
    findingsOf(specWith("components:\n  schemas:\n", jobSpec(`x-hev-wait: ${hint}`)));

  it("take a wait hint that says of every state what it is", () => {
    const hint =
      "{ state: status, done: [completed], failed: [failed], running: [running], progress: progress }";
    expect(waitFindings(hint)).toEqual([]);
  });

  it.each([
    ["state: note, done: [], failed: [], running: [], progress: progress", ".state names note"],
    [
      "state: status, done: [completed], failed: [failed], running: [], progress: progress",
      "whether running is",
    ],
    [
      "state: status, done: [completed], failed: [failed, lost], running: [running], progress: progress",
      "lost, which",
    ],
    [
      "state: status, done: [completed], failed: [failed, completed], running: [running], progress: progress",
      "twice",
    ],
    [
      "state: status, done: [completed], failed: [failed], running: [running], progress: note",
      ".progress names note",
    ],
  ])("see a wait hint with {%s}", (hint, message) => {
    const found = waitFindings(`{ ${hint} }`);
    expect(found.length).toBeGreaterThan(0);
    expect(found.every((text) => text.includes(message))).toBe(true);
  });
});
