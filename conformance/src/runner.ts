/**
 * Running scenarios through drivers.
 *
 * The control goes first, and a scenario it fails says nothing about a client: those client cells read `server`. The
 * clients then run side by side, each in a few lanes, since most cases wait for timers rather than for a processor.
 */

import type { CaseContext } from "./case-context.js";
import type { DriverDefinition } from "./drivers.js";
import { applyKnownFailures, type KnownFailure } from "./known-failures.js";
import { Lane } from "./lane.js";
import type { CaseResult, DriverResult } from "./results.js";
import { runCase } from "./run-case.js";
import type { Scenario } from "./scenario.js";

export interface RunOptions {
  drivers: readonly DriverDefinition[];
  /** Runs first over what clients are judged on; reported only when it is among `drivers`. */
  control: DriverDefinition;
  scenarios: readonly Scenario[];
  context: CaseContext;
  knownFailures(driver: string): KnownFailure[];
  /** Cases of one driver in flight at a time. */
  lanes: number;
  /** Called as each case ends. */
  onCase?(result: CaseResult): void;
}

export interface Run {
  drivers: DriverResult[];
  /** Known failures that matched no case. */
  stale: string[];
}

/** Runs every scenario through every driver it has a column for. Never throws for a bad driver. */
export async function runScenarios(options: RunOptions): Promise<Run> {
  const controlWanted = options.drivers.some((driver) => driver.control);
  const control = await runDriver(options.control, options, new Set(), controlWanted);
  const broken = new Set(control.cases.filter((one) => one.state !== "passed").map((one) => one.scenario.id));
  const clients = await Promise.all(
    options.drivers
      .filter((driver) => !driver.control)
      .map((driver) => runDriver(driver, options, broken, true)),
  );
  const drivers = [...(controlWanted ? [control] : []), ...clients];
  const stale = drivers.flatMap((driver) =>
    applyKnownFailures(driver.cases, options.knownFailures(driver.name)).map(
      (entry) => `known failure ${entry.scenario} of ${driver.name} matches no scenario`,
    ),
  );
  return { drivers, stale };
}

/** True when the scenario judges this driver. */
export function hasColumn(scenario: Scenario, driver: DriverDefinition): boolean {
  const columns = scenario.columns ?? "all";
  return columns === "all" || (columns === "control") === driver.control;
}

async function runDriver(
  driver: DriverDefinition,
  options: RunOptions,
  broken: ReadonlySet<string>,
  report: boolean,
): Promise<DriverResult> {
  const result: DriverResult = { name: driver.name, cases: [], called: new Set() };
  // A control that was not asked for runs only what tells a client's fault from the server's.
  const scenarios = options.scenarios.filter(
    (scenario) =>
      hasColumn(scenario, driver) && (report || scenario.columns === undefined || scenario.columns === "all"),
  );
  const unprepared = await driver.prepare().then(
    () => undefined,
    (cause: unknown) => messageOf(cause),
  );
  const queue = [...scenarios];
  const work = async () => {
    const lane = new Lane(driver.command);
    for (let scenario = queue.shift(); scenario !== undefined; scenario = queue.shift()) {
      const one =
        unprepared === undefined
          ? await runInLane(scenario, driver.name, lane, options.context, broken, result.called)
          : caseOf(scenario, driver.name, "not-run", [unprepared]);
      result.cases.push(one);
      if (report) options.onCase?.(one);
    }
    await lane.close();
  };
  await Promise.all(Array.from({ length: Math.min(options.lanes, scenarios.length) }, work));
  const order = new Map(scenarios.map((scenario, index) => [scenario.id, index]));
  result.cases.sort((a, b) => (order.get(a.scenario.id) ?? 0) - (order.get(b.scenario.id) ?? 0));
  return result;
}

async function runInLane(
  scenario: Scenario,
  driverName: string,
  lane: Lane,
  context: CaseContext,
  broken: ReadonlySet<string>,
  called: Set<string>,
): Promise<CaseResult> {
  const started = performance.now();
  const driver = await lane.driver().catch((cause: unknown) => messageOf(cause));
  if (typeof driver === "string") return caseOf(scenario, driverName, "not-run", [driver]);
  const lacking = driver.lacking(scenario.needs ?? []);
  if (lacking !== undefined) return caseOf(scenario, driverName, "unsupported", [lacking]);
  const outcome = await runCase(scenario, driverName, driver, context);
  for (const operation of outcome.called) called.add(operation);
  if (outcome.driverLost) await lane.drop();
  const failed = broken.has(scenario.id) ? "server" : "failed";
  return {
    ...caseOf(scenario, driverName, outcome.problems.length === 0 ? "passed" : failed, outcome.problems),
    durationMs: Math.round(performance.now() - started),
  };
}

function caseOf(
  scenario: Scenario,
  driver: string,
  state: CaseResult["state"],
  problems: string[],
): CaseResult {
  return { scenario, driver, state, problems, durationMs: 0 };
}

function messageOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const { stderr } = cause as { stderr?: string };
  return stderr === undefined || stderr.trim() === "" ? cause.message : `${cause.message}\n${stderr.trim()}`;
}
