/** A whole run: select, start servers, run, judge the gates. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { uncovered } from "./coverage.js";
import type { DriverDefinition } from "./drivers.js";
import { globToRegExp } from "./glob.js";
import { loadKnownFailures } from "./known-failures.js";
import type { CaseResult, RunResult } from "./results.js";
import { runScenarios } from "./runner.js";
import type { Scenario } from "./scenario.js";
import { createServers } from "./servers.js";
import type { Spec } from "./spec.js";

export interface SuiteOptions {
  root: string;
  spec: Spec;
  /** Every driver there is; the control among them. */
  known: readonly DriverDefinition[];
  /** The drivers to report. */
  drivers: readonly DriverDefinition[];
  scenarios: readonly Scenario[];
  /** True when no scenario was left out by choice, so that coverage can be judged. */
  complete: boolean;
  target?: { url: string; key: string };
  /** Limit of one step, in ms. */
  stepMs: number;
  onCase?(result: CaseResult): void;
}

/** Lanes of each driver: two, since four clients already share the machine's cores. */
const LANES = 2;

/** Scenarios whose id matches one of the globs, or all of them; without those a foreign server cannot take. */
export function selectScenarios(
  scenarios: readonly Scenario[],
  globs: readonly string[],
  foreign: boolean,
): Scenario[] {
  const patterns = globs.map(globToRegExp);
  return scenarios.filter((scenario) => {
    const named = patterns.length === 0 || patterns.some((pattern) => pattern.test(scenario.id));
    return named && !(foreign && (scenario.server === "upstream" || scenario.server === "refused"));
  });
}

/** Runs the suite. Throws only when there is no control driver. */
export async function runSuite(options: SuiteOptions): Promise<RunResult> {
  const control = options.known.find((driver) => driver.control);
  if (control === undefined) throw new Error("no control driver is defined");
  const started = performance.now();
  const servers = createServers({
    root: options.root,
    ...(options.target === undefined ? {} : { target: options.target }),
  });
  try {
    const { drivers, stale } = await runScenarios({
      drivers: options.drivers,
      control,
      scenarios: options.scenarios,
      lanes: LANES,
      context: { spec: options.spec, servers, runId: randomBytes(3).toString("hex"), stepMs: options.stepMs },
      knownFailures: (driver) => loadKnownFailures(join(options.root, "conformance/known-failing"), driver),
      ...(options.onCase === undefined ? {} : { onCase: options.onCase }),
    });
    const idle = drivers.filter((driver) => driver.cases.length === 0);
    const gates = idle.length === drivers.length ? ["no scenario ran"] : [];
    if (options.complete) gates.push(...idle.map((driver) => `${driver.name} ran no scenario`));
    if (options.complete) gates.push(...uncovered(drivers, options.spec));
    // A foreign server cannot take every scenario, so there an entry without one proves nothing.
    if (options.complete && options.target === undefined) gates.push(...stale);
    return { drivers, gates, durationMs: performance.now() - started };
  } finally {
    await servers.close();
  }
}
