/** The vendor's own Python and Go clients, unchanged, against the engine and against the gateway in front of it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KEY, type RunningGateway, startGateway } from "../../../scripts/running-gateway.js";
import { CHECK_NAMES, TARGETS } from "./checks.js";
import { type ProgramName, type ProgramRun, runProgram } from "./run-program.js";

const PROGRAMS: ProgramName[] = ["Python", "Go"];

/** A first compilation of the Go client on a busy machine. */
const PROGRAM_TIMEOUT_MS = 180_000;

let gateway: RunningGateway;

beforeAll(async () => {
  gateway = await startGateway();
});

afterAll(async () => {
  await gateway.stop();
});

describe.each(PROGRAMS)("the vendor's %s client", (program) => {
  describe.each(TARGETS)("against the %s", (target) => {
    let run: ProgramRun;

    beforeAll(async () => {
      run = await runProgram(program, {
        VENDOR_TARGET: target,
        VENDOR_BASE_URL: target === "engine" ? gateway.engineUrl : gateway.url,
        VENDOR_API_KEY: KEY,
      });
    }, PROGRAM_TIMEOUT_MS);

    it("has all the checks and no other", () => {
      expect([...run.outcomes.keys()].sort(), run.output).toEqual([...CHECK_NAMES].sort());
    });

    it.each(CHECK_NAMES)("passes %s", (name) => {
      const outcome = run.outcomes.get(name);
      if (outcome === undefined)
        throw new Error(`${program} reported no such check; it printed:\n${run.output}`);
      if (!outcome.passed) throw new Error(outcome.detail);
    });
  });
});
