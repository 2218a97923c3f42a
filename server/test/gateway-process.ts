/** The command as a process of its own, on free ports, with nothing of this environment but the PATH. */

import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const PACKAGES = new URL("./packages-hook.mjs", import.meta.url).href;

export interface Run {
  readonly child: ChildProcess;
  readonly exit: Promise<number | null>;
  stdout(): string;
  stderr(): string;
}

export interface RunOptions {
  readonly args?: readonly string[];
  /** Packages that the process finds elsewhere, by the URL of a module, or not at all. */
  readonly packages?: Readonly<Record<string, string | null>>;
  /** Descriptor that takes the log and what is complained of; read by `stderr` otherwise. */
  readonly logTo?: number;
}

/** Starts it in `folder`, which has its data unless `environment` says otherwise. The caller ends it. */
export function spawnGateway(
  folder: string,
  environment: Readonly<Record<string, string>> = {},
  { args = [], packages, logTo }: RunOptions = {},
): Run {
  const hooks = packages === undefined ? [] : ["--import", PACKAGES];
  const child = spawn(process.execPath, ["--import", "tsx", ...hooks, MAIN, ...args], {
    env: {
      PATH: process.env.PATH,
      PORT: "0",
      LAYER_ENGINE_PORT: "0",
      LAYER_DATA_DIR: folder,
      LAYER_DRAIN_MARKER_PATH: path.join(folder, "draining"),
      ...(packages === undefined ? {} : { LAYER_TEST_PACKAGES: JSON.stringify(packages) }),
      ...environment,
    },
    stdio: ["ignore", "pipe", logTo ?? "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  const exit = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, exit, stdout: () => stdout, stderr: () => stderr };
}

/** The gateway's URL, once it has said so. */
export async function served({ child, stdout, stderr }: Run): Promise<string> {
  const url = () => /page +(http:\S+)/.exec(stdout())?.[1];
  await expect.poll(() => url() ?? child.exitCode, { timeout: 30_000 }).not.toBeNull();
  const found = url();
  if (found === undefined) throw new Error(`the gateway left: ${stderr()}`);
  return found;
}

/** The one line that a start which failed has written. */
export async function lastWord({ exit, stdout, stderr }: Run): Promise<string> {
  expect(await exit).toBe(1);
  expect(stdout()).toBe("");
  expect(stderr().trim().split("\n"), stderr()).toHaveLength(1);
  return stderr().trim();
}
