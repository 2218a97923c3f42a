/** The coverage gate: every driver must have called every operation of the spec. */
import type { DriverResult } from "./results.js";
import type { Spec } from "./spec.js";

/** One line for each driver that left operations uncalled. */
export function uncovered(drivers: readonly DriverResult[], spec: Spec): string[] {
  return drivers.flatMap((driver) => {
    const missing = [...spec.keys()].filter((id) => !driver.called.has(id));
    return missing.length === 0 ? [] : [`coverage: ${driver.name} never called ${missing.join(", ")}`];
  });
}
