import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface Ended {
  status: number;
  stdout: string;
  stderr: string;
}

function run(...args: string[]): Promise<Ended> {
  const command = ["--import", "tsx", "conformance/src/main.ts", ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, command, { cwd: root, timeout: 15_000 }, (error, stdout, stderr) => {
      resolve({ status: Number(error?.code ?? 0), stdout, stderr });
    });
  });
}

describe("the command line", () => {
  it("explains itself, every option included", async () => {
    const { status, stdout } = await run("--help");
    expect(status).toBe(0);
    for (const option of ["driver", "scenario", "server", "junit", "json", "list", "help"]) {
      expect(stdout).toContain(`--${option}`);
    }
  });

  it("lists scenarios with their operations, and runs nothing", async () => {
    const { status, stdout } = await run("--list", "--scenario", "health/ready");
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^health\/ready\n {4}\S.*\n {4}getReady\n$/)]);
  });

  it.each([
    [["--driver", "cobol"], "--driver cobol is unknown; known are http, typescript"],
    [["--server", "gateway"], "--server must be an http or https URL, got gateway"],
    [["--colour"], "Unknown option '--colour'"],
  ])("refuses %j in one line with status 2", async (args, message) => {
    const { status, stderr } = await run(...args);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });

  it("fails when no scenario was chosen", async () => {
    const { status, stdout } = await run("--scenario", "nothing/at-all", "--driver", "http");
    expect(status).toBe(1);
    expect(stdout).toContain("GATE no scenario ran");
  });
});
