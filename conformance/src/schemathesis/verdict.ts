/** What a fuzz run has shown, from the answers that its hooks counted and the failures that schemathesis reported. */
import type { Spec } from "../spec.js";

/** operationId → status → how often. */
export type Answers = Readonly<Record<string, Readonly<Record<string, number>>>>;

export interface Verdict {
  /** Operations judged. */
  operations: number;
  /** What is wrong, by operation; `run` for what belongs to none. */
  problems: Map<string, string>;
}

/**
 * Schemathesis says what it found; what it cannot know is that it reached nothing. An operation that never succeeded was
 * not tested, so it counts as failed.
 *
 * @param exitCode of schemathesis; null when it had to be stopped
 * @param failed operations that it reported, as `POST /v2/namespaces`
 */
export function judge(
  spec: Spec,
  exitCode: number | null,
  failed: readonly string[],
  answers: Answers,
): Verdict {
  // Overloads have no route of their own: what they send is part of what their route is sent.
  const routes = [...spec.values()].filter(({ fixedQuery }) => Object.keys(fixedQuery).length === 0);
  const problems = new Map<string, string>();
  for (const { id, method, path } of routes) {
    const statuses = Object.keys(answers[id] ?? {});
    if (failed.includes(`${method} ${path}`)) problems.set(id, "schemathesis found the failures above");
    else if (statuses.length === 0) problems.set(id, "was never called");
    else if (!statuses.some((status) => status.startsWith("2") && status !== "204"))
      problems.set(id, `never succeeded; its answers were ${statuses.join(", ")}`);
  }
  if (exitCode === null) problems.set("run", "it did not end within its limit");
  else if (exitCode !== 0 && problems.size === 0) problems.set("run", `schemathesis left with ${exitCode}`);
  return { operations: routes.length, problems };
}

/** Operations with a failure or an error in a JUnit report of schemathesis, as `POST /v2/namespaces`. */
export function failedOperations(junit: string): string[] {
  const cases = [...junit.matchAll(/<testcase\b([^>]*?)(\/>|>([\s\S]*?)<\/testcase>)/g)];
  return cases.flatMap(([, attributes = "", , body = ""]) => {
    const name = /\bname="([^"]*)"/.exec(attributes)?.[1];
    return name !== undefined && /<(failure|error)\b/.test(body) ? [name] : [];
  });
}

/** The answers as a table: what was reached, and how. */
export function answersTable(answers: Answers): string {
  const width = Math.max(...Object.keys(answers).map((id) => id.length), 0);
  return Object.entries(answers)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, statuses]) => {
      const counts = Object.entries(statuses).map(([status, count]) => `${status}×${count}`);
      return `${id.padEnd(width)}  ${counts.join("  ")}\n`;
    })
    .join("");
}
