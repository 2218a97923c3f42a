/** The console report: a matrix of scenario groups by drivers, and below it everything that is red. */
import { type CaseResult, type DriverResult, groupOf, isRed, type RunResult, totalsOf } from "../results.js";

/** The matrix, the failures and the gates, as text. The last line is the total. */
export function consoleReport(result: RunResult): string {
  const totals = totalsOf(result);
  return [
    ...matrix(result.drivers),
    "",
    ...failures(result.drivers),
    ...result.gates.map((gate) => `GATE ${gate}`),
    ...(result.gates.length > 0 ? [""] : []),
    `conformance took ${(result.durationMs / 1000).toFixed(1)} s`,
    `${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`,
  ].join("\n");
}

function matrix(drivers: readonly DriverResult[]): string[] {
  const groups = [
    ...new Set(drivers.flatMap((driver) => driver.cases.map((one) => groupOf(one.scenario)))),
  ].sort();
  const header = ["scenarios", ...drivers.map((driver) => driver.name)];
  const rows = groups.map((group) => [group, ...drivers.map((driver) => cell(driver.cases, group))]);
  const widths = header.map((_, column) =>
    Math.max(...[header, ...rows].map((row) => (row[column] ?? "").length)),
  );
  const line = (row: string[]) =>
    row
      .map((text, column) =>
        column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0),
      )
      .join("  ");
  return [line(header), ...rows.map(line), "·: no cell, the scenarios say why"];
}

function cell(cases: readonly CaseResult[], group: string): string {
  const own = cases.filter((one) => groupOf(one.scenario) === group);
  if (own.length === 0) return "·";
  const red = own.filter((one) => isRed(one.state)).length;
  const passed = own.filter((one) => one.state === "passed").length;
  const skipped = own.length - passed - red;
  return `${red > 0 ? "FAIL " : ""}${passed}/${own.length}${skipped > 0 ? ` (${skipped} skipped)` : ""}`;
}

function failures(drivers: readonly DriverResult[]): string[] {
  return drivers.flatMap((driver) =>
    driver.cases
      .filter((one) => one.state !== "passed")
      .flatMap((one) => [
        `${word(one)} ${driver.name} ${one.scenario.id}: ${one.scenario.title}`,
        ...(one.problems.length === 0 ? ["no problem was found"] : one.problems).flatMap((problem) =>
          problem.split("\n").map((text) => `     ${text}`),
        ),
        "",
      ]),
  );
}

function word(one: CaseResult): string {
  switch (one.state) {
    case "passed":
      return "PASS";
    case "failed":
      return "FAIL";
    case "server":
      return "FAIL (the server, not the client)";
    case "not-run":
      return "NOT RUN";
    case "known":
      return "KNOWN";
    case "unsupported":
      return "SKIP";
    case "unexpected-pass":
      return "UNEXPECTED PASS";
  }
}
