#!/usr/bin/env node
/** `hevlayer-conformance`: the command line around `suite.ts`. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createDrivers, type DriverDefinition } from "./drivers.js";
import { type CliOptions, HELP, parseOptions } from "./options.js";
import { consoleReport } from "./report/console.js";
import { jsonReport } from "./report/json.js";
import { junitReport } from "./report/junit.js";
import { totalsOf } from "./results.js";
import { loadScenarios, type Scenario } from "./scenario.js";
import { loadSpec } from "./spec.js";
import { runSuite, selectScenarios } from "./suite.js";

/** Limit of one step, in ms. */
const STEP_MS = 30_000;

const packageRoot = fileURLToPath(new URL("..", import.meta.url));
const repository = dirname(packageRoot.replace(/\/$/, ""));

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const specPath = join(repository, "openapi.yaml");
  const spec = loadSpec(specPath);
  const all = loadScenarios(join(packageRoot, "scenarios"), join(packageRoot, "scenario.schema.json"), spec);
  const scenarios = selectScenarios(all, options.scenarios, options.server !== undefined);
  if (options.list) {
    process.stdout.write(scenarios.map(listLine).join(""));
    return 0;
  }
  const known = createDrivers(repository, specPath);
  const result = await runSuite({
    root: repository,
    spec,
    known,
    drivers: selectDrivers(known, options.drivers),
    scenarios,
    complete: options.scenarios.length === 0,
    stepMs: STEP_MS,
    ...targetOf(options),
  });
  if (options.junit !== undefined) await write(options.junit, junitReport(result));
  if (options.json !== undefined) await write(options.json, jsonReport(result));
  if (scenarios.length < all.length) {
    const coverage = options.scenarios.length === 0 ? "" : "; coverage is not judged";
    process.stdout.write(`${scenarios.length} of ${all.length} scenarios selected${coverage}\n`);
  }
  process.stdout.write(`${consoleReport(result)}\n`);
  return totalsOf(result).failed === 0 ? 0 : 1;
}

function targetOf(options: CliOptions): { target?: { url: string; key: string } } {
  if (options.server === undefined) return {};
  const key = process.env.LAYER_GATEWAY_API_KEY ?? "";
  if (key === "") throw new Error("--server needs the server's key in LAYER_GATEWAY_API_KEY");
  return { target: { url: options.server.replace(/\/+$/, ""), key } };
}

function selectDrivers(known: readonly DriverDefinition[], names: readonly string[]): DriverDefinition[] {
  for (const name of names) {
    if (!known.some((driver) => driver.name === name)) {
      throw new Error(
        `--driver ${name} is unknown; known are ${known.map((driver) => driver.name).join(", ")}`,
      );
    }
  }
  return known.filter((driver) => names.length === 0 || names.includes(driver.name));
}

function listLine(scenario: Scenario): string {
  return `${scenario.id}\n    ${scenario.title}\n    ${scenario.operations.join(", ") || "(no operation)"}\n`;
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

// Exiting runs the hooks that end the gateways; dying of the signal itself would leave them behind.
process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));

main(process.argv.slice(2)).then(
  // Exit by hand, since a socket left by a broken case must not hold the run open; after the output has been taken.
  (status) => process.stdout.write("", () => process.exit(status)),
  (cause: unknown) => {
    process.stderr.write(`hevlayer-conformance: ${cause instanceof Error ? cause.message : String(cause)}\n`);
    process.exit(2);
  },
);
