import { describe, expect, it } from "vitest";
import { uncovered } from "../src/coverage.js";
import { consoleReport } from "../src/report/console.js";
import { junitReport } from "../src/report/junit.js";
import { type DriverResult, totalsOf } from "../src/results.js";
import { runScenarios } from "../src/runner.js";
import { driverOf, runOptions, scenarioOf, scenarios, serversOfTest, spec } from "./fixtures.js";

const servers = serversOfTest();

async function runOne(mode: string, changes = {}): Promise<DriverResult> {
  const { drivers } = await runScenarios(runOptions(servers, [mode], changes));
  const [driver] = drivers;
  if (driver === undefined) throw new Error("no driver ran");
  return driver;
}

function states(driver: DriverResult): string[] {
  return driver.cases.map((one) => one.state);
}

describe("a run", () => {
  it("is green for a driver that does its work", async () => {
    const driver = await runOne("good");
    expect(states(driver)).toEqual(["passed", "passed", "passed"]);
    expect([...driver.called].sort()).toEqual(["getHealth", "getReady"]);
  });

  it("is red for a driver that answers something else, and says where the difference is", async () => {
    const driver = await runOne("wrong");
    expect(states(driver)).toEqual(["failed", "failed", "failed"]);
    expect(driver.cases[0]?.problems.join()).toContain('/status: got "fine", expected "ok"');
  });

  it("is red for a driver whose errors show the key", async () => {
    const driver = await runOne("leaking");
    expect(driver.cases[0]?.problems.join()).toContain("shows the API key");
  });

  it.each([
    ["crash", "exited with status 3"],
    ["hang", "no answer to getReady in 2500 ms"],
    ["garbage", "a line that is no message"],
    ["stranger", "which asked nothing"],
  ])("goes on with a new process after a driver's %s", async (mode, reason) => {
    const driver = await runOne(mode);
    expect(states(driver)).toEqual(["passed", "failed", "passed"]);
    expect(driver.cases[1]?.problems.join()).toContain(reason);
  });

  it("keeps what a crashed driver wrote to standard error", async () => {
    const driver = await runOne("crash");
    expect(driver.cases[1]?.problems.join()).toContain("out of cheese");
  });

  it("counts cases of a driver that speaks another protocol as not run", async () => {
    const driver = await runOne("future");
    expect(states(driver)).toEqual(["not-run", "not-run", "not-run"]);
    expect(driver.cases[0]?.problems.join()).toContain("speaks protocol 99");
  });

  it("counts cases of a driver that cannot be prepared as not run, with the reason", async () => {
    const broken = { ...driverOf("good"), prepare: () => Promise.reject(new Error("install the thing")) };
    const driver = await runOne("good", { drivers: [broken] });
    expect(states(driver)).toEqual(["not-run", "not-run", "not-run"]);
    expect(driver.cases[0]?.problems).toEqual(["install the thing"]);
  });

  it("gives up on a driver that is lost again and again", async () => {
    const many = Array.from({ length: 7 }, (_, index) => scenarioOf("getReady", `ready-${index}`));
    const driver = await runOne("crash", { scenarios: many });
    expect(states(driver)).toEqual(["failed", "failed", "failed", "failed", "failed", "not-run", "not-run"]);
  });

  it("blames the server, not the client, for what fails on the control too", async () => {
    const driver = await runOne("wrong", { control: driverOf("wrong", true) });
    expect(states(driver)).toEqual(["server", "server", "server"]);
  });

  it("skips what a driver declares it lacks, with its reason", async () => {
    const driver = await runOne("limited", {
      scenarios: [{ ...scenarioOf("getHealth"), needs: ["cancel"] }],
    });
    expect(states(driver)).toEqual(["unsupported"]);
    expect(driver.cases[0]?.problems).toEqual(["lacks cancel: fixtures are not cancelled"]);
  });

  it("gives a scenario only to the columns it is about", async () => {
    const controlOnly = { ...scenarioOf("getHealth"), columns: "control" as const };
    const clientsOnly = { ...scenarioOf("getReady"), columns: "clients" as const };
    const both = runOptions(servers, ["good"], { scenarios: [controlOnly, clientsOnly] });
    const { drivers } = await runScenarios({ ...both, drivers: [driverOf("good", true), ...both.drivers] });
    expect(drivers.map((driver) => driver.cases.map((one) => one.scenario.id))).toEqual([
      ["fixture/gethealth"],
      ["fixture/getready"],
    ]);
  });

  it("tries a step again until it goes as expected, and answers each step as its script says", async () => {
    const [step] = scenarioOf("getHealth").steps;
    if (step === undefined) throw new Error("a scenario has a step");
    const script = [
      { from_step: 2, json: { status: "ok" } },
      { times: 3, json: { status: "not yet" } },
      { json: { status: "ok" } },
    ];
    const patient = { ...scenarioOf("getHealth"), script, steps: [{ ...step, within_ms: 5_000 }, step] };
    const driver = await runOne("good", {
      scenarios: [patient, { ...patient, steps: [{ ...step, within_ms: 1 }] }],
    });
    expect(driver.cases[0]?.problems).toEqual([]);
    expect(driver.cases[1]?.problems.join()).toContain('got "not yet"');
  });

  it("is red when an answer of the script was never asked for, or a request had none", async () => {
    const tooMany = { ...scenarioOf("getHealth"), script: [{ json: { status: "ok" } }, { json: {} }] };
    const tooFew = { ...scenarioOf("getReady"), script: [] };
    const driver = await runOne("good", { scenarios: [tooMany, tooFew] });
    expect(driver.cases[0]?.problems).toEqual([
      "script: the answer 200 for any request was asked 0 of 1 times",
    ]);
    expect(driver.cases[1]?.problems.join()).toContain("no answer was left for GET /ready");
  });
});

describe("known failures", () => {
  const list = [{ scenario: "fixture/getready", reason: "it is being looked at" }];

  it("are run, and do not make the run red", async () => {
    const driver = await runOne("crash", { knownFailures: () => list });
    expect(states(driver)).toEqual(["passed", "known", "passed"]);
  });

  it("make the run red when they pass", async () => {
    const driver = await runOne("good", { knownFailures: () => list });
    expect(states(driver)).toEqual(["passed", "unexpected-pass", "passed"]);
  });

  it("make the run red when they match nothing", async () => {
    const stale = [{ scenario: "fixture/gone*", reason: "gone" }];
    const { stale: found } = await runScenarios(
      runOptions(servers, ["good"], { knownFailures: () => stale }),
    );
    expect(found).toEqual(["known failure fixture/gone* of good matches no scenario"]);
  });
});

describe("the reports", () => {
  it("name every operation that a driver never called", async () => {
    const driver = await runOne("good", { scenarios: [scenarioOf("getHealth")] });
    expect(uncovered([driver], spec)).toEqual(["coverage: good never called getReady"]);
  });

  it("count a gate that does not hold as a failure", async () => {
    const driver = await runOne("good");
    const result = { drivers: [driver], gates: ["coverage: good never called x"], durationMs: 1 };
    expect(totalsOf(result)).toEqual({ passed: 3, failed: 1, skipped: 0 });
    expect(consoleReport(result)).toMatch(
      /GATE coverage: good never called x[\s\S]*\n3 passed, 1 failed, 0 skipped$/,
    );
    expect(junitReport(result)).toContain('<testsuite name="gates" tests="1" failures="1"');
  });

  it("have a JUnit suite for each driver, with the operations of each case", async () => {
    const driver = await runOne("wrong");
    const xml = junitReport({ drivers: [driver], gates: [], durationMs: 1 });
    expect(xml).toContain(
      `<testsuite name="wrong" tests="${scenarios.length}" failures="3" errors="0" skipped="0"`,
    );
    expect(xml).toContain('<property name="operationIds" value="getHealth"/>');
    expect(xml).toContain("got &quot;fine&quot;");
  });
});
