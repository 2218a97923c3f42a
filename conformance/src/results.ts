/** The result model every report is written from. */
import type { Scenario } from "./scenario.js";

/**
 * - `passed`, `failed`: judged.
 * - `server`: a client's cell whose scenario already fails on the control, so it says nothing about the client.
 * - `not-run`: the driver could not be started or was lost too often.
 * - `known`: fails, and the driver's list of known failures says why.
 * - `unexpected-pass`: passes, though the list says it fails.
 * - `unsupported`: the driver declares, with a reason, that its library cannot do what the scenario needs.
 */
export type CaseState =
  | "passed"
  | "failed"
  | "server"
  | "not-run"
  | "known"
  | "unexpected-pass"
  | "unsupported";

export interface CaseResult {
  scenario: Scenario;
  driver: string;
  state: CaseState;
  problems: string[];
  durationMs: number;
}

export interface DriverResult {
  name: string;
  cases: CaseResult[];
  /** operationIds this driver called. */
  called: Set<string>;
}

export interface RunResult {
  drivers: DriverResult[];
  /** Gates that did not hold: coverage, known-failure lists, nothing run. Each is a failure of the run. */
  gates: string[];
  durationMs: number;
}

export interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

/** Group of a scenario: the first part of its id, which is its file's name. */
export function groupOf(scenario: Scenario): string {
  return scenario.id.split("/")[0] ?? scenario.id;
}

/** States that are skipped with a stated reason. */
export function isSkipped(state: CaseState): boolean {
  return state === "known" || state === "unsupported";
}

/** States that make the run red. */
export function isRed(state: CaseState): boolean {
  return state !== "passed" && !isSkipped(state);
}

/** Sums a run; a gate that does not hold counts as one failure. */
export function totalsOf(result: RunResult): Totals {
  const cases = result.drivers.flatMap((driver) => driver.cases);
  return {
    passed: cases.filter((one) => one.state === "passed").length,
    failed: cases.filter((one) => isRed(one.state)).length + result.gates.length,
    skipped: cases.filter((one) => isSkipped(one.state)).length,
  };
}
