import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { loadScenarios } from "./scenario.js";
import { loadSpec } from "./spec.js";

const packageRoot = fileURLToPath(new URL("..", import.meta.url));
const schema = join(packageRoot, "scenario.schema.json");
const spec = loadSpec(join(packageRoot, "../openapi.yaml"));

function load(...lines: string[]): unknown {
  const folder = mkdtempSync(join(tmpdir(), "scenarios-"));
  const head = ["scenarios:", "  - id: probe/one", "    title: a probe", "    server: gateway"];
  writeFileSync(join(folder, "probe.yaml"), [...head, ...lines.map((line) => `    ${line}`)].join("\n"));
  return loadScenarios(folder, schema, spec);
}

const step = "steps: [{ op: getHealth, expect: { result: { status: ok } } }]";

describe("scenario files", () => {
  it("of this repository are all right", () => {
    expect(loadScenarios(join(packageRoot, "scenarios"), schema, spec).length).toBeGreaterThan(100);
  });

  it("are read with their big integers whole", () => {
    const [scenario] = load(
      "operations: [writeNamespace]",
      "steps: [{ op: writeNamespace, body: { deletes: [18446744073709551615] }, expect: { result: {} } }]",
    ) as { steps: { body: unknown }[] }[];
    expect(scenario?.steps[0]?.body).toEqual({ deletes: [18446744073709551615n] });
  });

  it.each([
    ["an unknown key", ["operations: [getHealth]", step, "sever: x"], "additional properties"],
    ["an unknown operation", ["operations: [getWealth]", step], "operations names getWealth"],
    ["an operation no step calls", ["operations: [getReady]", step], "which no step calls"],
    ["an unknown step", ["operations: []", "steps: [{ op: getWealth }]"], "op getWealth is not in the spec"],
    ["nothing expected", ["operations: [getHealth]", "steps: [{ op: getHealth }]"], "so it cannot fail"],
    [
      "a body where none goes",
      ["operations: [getHealth]", "steps: [{ op: getHealth, body: {}, expect: { result: {} } }]"],
      "takes no body",
    ],
    [
      "a missing path argument",
      ["operations: [fetchDocument]", "steps: [{ op: fetchDocument, expect: { result: {} } }]"],
      "needs path doc_id",
    ],
    [
      "an unknown query parameter",
      ["operations: [getHealth]", "steps: [{ op: getHealth, query: { a: 1 }, expect: { result: {} } }]"],
      "no query parameter a",
    ],
    [
      "a script without a scripted server",
      ["operations: [getHealth]", step, "script: []"],
      "takes neither script nor wire",
    ],
    ["columns without a reason", ["operations: [getHealth]", step, "columns: clients"], "why_columns"],
    [
      "a raw request for clients",
      ["operations: []", "steps: [{ request: { method: GET, target: / }, expect: { result: {} } }]"],
      "columns: control",
    ],
  ])("are refused for %s", (_what, lines, problem) => {
    expect(() => load(...lines)).toThrow(problem);
  });
});
