import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { runSuite, type SuiteOptions, selectScenarios } from "../src/suite.js";
import { driverOf, scenarioOf, spec } from "./fixtures.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

function suite(changes: Partial<SuiteOptions>): Promise<{ gates: string[] }> {
  const control = driverOf("good", true);
  const drivers = [control, driverOf("good")];
  const scenarios = [scenarioOf("getHealth"), scenarioOf("getReady")];
  return runSuite({
    root,
    spec,
    known: drivers,
    drivers,
    scenarios,
    complete: true,
    stepMs: 5000,
    ...changes,
  });
}

describe("the gates of a run", () => {
  it("hold when every driver called every operation", async () => {
    expect((await suite({})).gates).toEqual([]);
  });

  it("fail for an operation that a driver never called", async () => {
    const { gates } = await suite({ scenarios: [scenarioOf("getHealth")] });
    expect(gates).toEqual(["coverage: http never called getReady", "coverage: good never called getReady"]);
  });

  it("say nothing about coverage when scenarios were chosen", async () => {
    expect((await suite({ scenarios: [scenarioOf("getHealth")], complete: false })).gates).toEqual([]);
  });

  it("fail when nothing ran", async () => {
    expect((await suite({ scenarios: [], complete: false })).gates).toEqual(["no scenario ran"]);
  });

  it("fail for a driver that no scenario judged", async () => {
    const scenarios = [scenarioOf("getHealth"), scenarioOf("getReady")];
    const clientsOnly = scenarios.map((one) => ({ ...one, columns: "clients" as const }));
    const { gates } = await suite({ scenarios: clientsOnly });
    expect(gates).toContain("http ran no scenario");
  });
});

describe("choosing scenarios", () => {
  const upstream = { ...scenarioOf("getHealth", "upstream"), server: "upstream" as const };
  const all = [scenarioOf("getHealth", "one"), scenarioOf("getHealth", "two"), upstream];

  it("goes by globs over ids", () => {
    expect(selectScenarios(all, ["fixture/t*", "*one"], false).map((one) => one.id)).toEqual([
      "fixture/one",
      "fixture/two",
    ]);
  });

  it("leaves out what a server that runs elsewhere cannot take", () => {
    expect(selectScenarios(all, [], true).map((one) => one.id)).toEqual(["fixture/one", "fixture/two"]);
  });
});
