/** JUnit XML: one suite per driver, one case per scenario, the judged operationIds as a property of the case. */
import { type CaseResult, groupOf, isRed, isSkipped, type RunResult } from "../results.js";

/** The whole run as JUnit XML. Gates are a suite of their own, so that a red gate is red there too. */
export function junitReport(result: RunResult): string {
  const suites = result.drivers.map((driver) => suite(driver.name, driver.cases.map(testCase), driver.cases));
  const gates = result.gates.map(
    (gate) =>
      `    <testcase classname="gates" name="${attribute(gate)}"><failure message="${attribute(gate)}"/></testcase>`,
  );
  if (gates.length > 0) {
    suites.push(
      `  <testsuite name="gates" tests="${gates.length}" failures="${gates.length}" errors="0" skipped="0" time="0">\n${gates.join("\n")}\n  </testsuite>`,
    );
  }
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="conformance" time="${seconds(result.durationMs)}">\n${suites.join("\n")}\n</testsuites>\n`;
}

function suite(name: string, cases: string[], results: readonly CaseResult[]): string {
  const errors = results.filter((one) => one.state === "not-run").length;
  const failures = results.filter((one) => isRed(one.state)).length - errors;
  const skipped = results.filter((one) => isSkipped(one.state)).length;
  const time = seconds(results.reduce((sum, one) => sum + one.durationMs, 0));
  return `  <testsuite name="${attribute(name)}" tests="${results.length}" failures="${failures}" errors="${errors}" skipped="${skipped}" time="${time}">\n${cases.join("\n")}\n  </testsuite>`;
}

function testCase(one: CaseResult): string {
  const name = `${one.scenario.id}: ${one.scenario.title}`;
  const properties = `<properties><property name="operationIds" value="${attribute(one.scenario.operations.join(","))}"/></properties>`;
  return `    <testcase classname="${attribute(groupOf(one.scenario))}" name="${attribute(name)}" time="${seconds(one.durationMs)}">${properties}${verdict(one)}</testcase>`;
}

function verdict(one: CaseResult): string {
  const message = attribute(one.problems[0] ?? one.state);
  const detail = escapeXml(one.problems.join("\n"));
  switch (one.state) {
    case "passed":
      return "";
    case "known":
    case "unsupported":
      return `<skipped message="${message}"/>`;
    case "not-run":
      return `<error type="not-run" message="${message}">${detail}</error>`;
    default:
      return `<failure type="${one.state}" message="${message}">${detail}</failure>`;
  }
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

function attribute(text: string): string {
  return escapeXml(text).replaceAll('"', "&quot;").replaceAll("\n", "&#10;");
}

/** Escapes text for XML and drops the control characters XML 1.0 cannot hold. */
function escapeXml(text: string): string {
  return [...text]
    .filter((char) => char >= " " || char === "\n" || char === "\t")
    .join("")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
}
