/** The JSON report, for machines and for comparing runs. `version` grows when a field changes its meaning. */
import { type RunResult, totalsOf } from "../results.js";

export function jsonReport(result: RunResult): string {
  const report = {
    version: 1,
    totals: totalsOf(result),
    duration_ms: Math.round(result.durationMs),
    gates: result.gates,
    drivers: result.drivers.map((driver) => ({
      name: driver.name,
      called: [...driver.called].sort(),
      cases: driver.cases.map((one) => ({
        id: one.scenario.id,
        title: one.scenario.title,
        operations: one.scenario.operations,
        state: one.state,
        problems: one.problems,
        duration_ms: one.durationMs,
      })),
    })),
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}
