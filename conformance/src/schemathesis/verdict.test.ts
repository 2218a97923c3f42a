import { describe, expect, it } from "vitest";
import type { Spec, SpecOperation } from "../spec.js";
import { answersTable, failedOperations, judge } from "./verdict.js";

const operation = (id: string, path: string, fixedQuery: Record<string, string> = {}): SpecOperation => ({
  id,
  method: "POST",
  path,
  pathParams: [],
  queryParams: [],
  fixedQuery,
  hasBody: true,
  meta: [],
});

const spec: Spec = new Map(
  [operation("write", "/w"), operation("copy", "/w", { overload: "copy" }), operation("read", "/r")].map(
    (one) => [one.id, one],
  ),
);
const sound = { write: { "200": 1, "422": 9 }, read: { "200": 3 } };

describe("the verdict on a fuzz run", () => {
  it("is good when every route has succeeded and nothing was reported", () => {
    expect(judge(spec, 0, [], sound)).toEqual({ operations: 2, problems: new Map() });
  });

  it.each([
    ["a route that was never called", 0, [], { write: { "200": 1 } }, "read", "was never called"],
    ["a route that only refused", 0, [], { ...sound, read: { "404": 5 } }, "read", "never succeeded"],
    ["a route with preflights alone", 0, [], { ...sound, read: { "204": 5 } }, "read", "never succeeded"],
    ["a failure reported", 1, ["POST /w"], sound, "write", "failures above"],
    ["a run that was stopped", null, [], sound, "run", "did not end"],
    ["a run that broke", 2, [], sound, "run", "left with 2"],
  ])("names %s", (_name, exitCode, failed, answers, where, what) => {
    const { problems } = judge(spec, exitCode, failed, answers as never);
    expect([...problems.keys()]).toEqual([where]);
    expect(problems.get(where)).toContain(what);
  });

  it("reads failures and errors out of a report, and passes over what passed or was skipped", () => {
    const report = `<testsuites><testsuite>
      <testcase name="POST /w" time="1"><failure type="failure">it &lt;broke&gt;</failure></testcase>
      <testcase name="GET /r" time="1"/>
      <testcase name="GET /s" time="1"><skipped/></testcase>
      <testcase name="GET /t" time="1"><error>no</error></testcase></testsuite></testsuites>`;
    expect(failedOperations(report)).toEqual(["POST /w", "GET /t"]);
  });

  it("shows how often each route gave which status", () => {
    expect(answersTable(sound)).toBe("read   200×3\nwrite  200×1  422×9\n");
  });
});
