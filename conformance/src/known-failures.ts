/**
 * Lists of known failures: `known-failing/<driver>.yaml`, each entry a scenario id or glob and the reason.
 *
 * A listed case still runs. One that passes, and an entry that matches nothing, fail the run: a list that has gone stale
 * hides the next real failure.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { globToRegExp } from "./glob.js";
import type { CaseResult } from "./results.js";
import { isObject } from "./values.js";

export interface KnownFailure {
  scenario: string;
  reason: string;
}

/** Reads a driver's list; empty when there is no file. Throws on an entry without scenario or reason. */
export function loadKnownFailures(folder: string, driver: string): KnownFailure[] {
  const path = join(folder, `${driver}.yaml`);
  if (!existsSync(path)) return [];
  const entries: unknown = parse(readFileSync(path, "utf8")) ?? [];
  if (!Array.isArray(entries)) throw new Error(`${path}: must be a list`);
  return entries.map((entry: unknown, index) => {
    if (!isObject(entry) || typeof entry.scenario !== "string" || typeof entry.reason !== "string") {
      throw new Error(`${path}: entry ${index + 1} needs scenario and reason`);
    }
    return { scenario: entry.scenario, reason: entry.reason };
  });
}

/** Marks listed cases `known` or `unexpected-pass`, in place, and returns the entries that matched no case. */
export function applyKnownFailures(cases: CaseResult[], known: readonly KnownFailure[]): KnownFailure[] {
  return known.filter((entry) => {
    const pattern = globToRegExp(entry.scenario);
    const matched = cases.filter((one) => pattern.test(one.scenario.id));
    for (const one of matched) {
      if (one.state === "failed") one.state = "known";
      else if (one.state === "passed") one.state = "unexpected-pass";
      one.problems.unshift(`known failure: ${entry.reason}`);
    }
    return matched.length === 0;
  });
}
