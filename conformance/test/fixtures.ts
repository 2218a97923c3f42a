/** What the tests of the runner share: a two-operation spec, scenarios over it, and fixture drivers. */
import { fileURLToPath } from "node:url";
import type { DriverDefinition } from "../src/drivers.js";
import type { RunOptions } from "../src/runner.js";
import type { Scenario } from "../src/scenario.js";
import { createServers, type Servers } from "../src/servers.js";
import type { Spec, SpecOperation } from "../src/spec.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const script = fileURLToPath(new URL("fixture-driver.mjs", import.meta.url));

export const spec: Spec = new Map(
  [operation("getHealth", "/health"), operation("getReady", "/ready")].map((one) => [one.id, one]),
);

function operation(id: string, path: string): SpecOperation {
  return {
    id,
    method: "GET",
    path,
    pathParams: [],
    queryParams: [],
    fixedQuery: {},
    hasBody: false,
    meta: [],
  };
}

/** A scenario in which one operation of a scripted server answers `{status: "ok"}`, and the client must say so. */
export function scenarioOf(op: string, name: string = op.toLowerCase()): Scenario {
  return {
    id: `fixture/${name}`,
    title: `${op} says ok`,
    operations: [op],
    server: "scripted",
    script: [{ status: 200, json: { status: "ok" } }],
    steps: [{ op, expect: { result: { status: "ok" } } }],
  };
}

export const scenarios: Scenario[] = [
  scenarioOf("getHealth"),
  scenarioOf("getReady"),
  scenarioOf("getHealth", "again"),
];

export function driverOf(mode: string, control = false): DriverDefinition {
  return {
    name: control ? "http" : mode,
    doc: mode,
    control,
    prepare: async () => {},
    command: { command: process.execPath, args: [script, mode], cwd: root },
  };
}

export function serversOfTest(): Servers {
  return createServers({ root });
}

/** Options for a run of fixture drivers, one lane each so that the order of cases is fixed. */
export function runOptions(servers: Servers, modes: string[], changes: Partial<RunOptions> = {}): RunOptions {
  return {
    drivers: modes.map((mode) => driverOf(mode)),
    control: driverOf("good", true),
    scenarios,
    context: { spec, servers, runId: "test", stepMs: 2500 },
    knownFailures: () => [],
    lanes: 1,
    ...changes,
  };
}
