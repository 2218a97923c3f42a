/**
 * The drivers this repository has, and how each is started.
 *
 * `prepare` brings a driver up to date with the tree (or says what is missing): a conformance run that judges yesterday's
 * client would be worse than none.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { DriverCommand } from "./driver-process.js";

export interface DriverDefinition {
  /** Column and JUnit suite. */
  name: string;
  doc: string;
  /** Raw HTTP from the spec: judges the server, and only what needs no client. */
  control: boolean;
  /** Throws with a message that says what to install or run. */
  prepare(): Promise<void>;
  command: DriverCommand;
}

const run = promisify(execFile);

/** A compiler's first run on a busy machine, in ms. */
const PREPARE_MS = 300_000;

/** Every driver, the control first. `root` is the repository, `specPath` what the control reads. */
export function createDrivers(root: string, specPath: string): DriverDefinition[] {
  const folder = join(root, "conformance/drivers");
  return [
    {
      name: "http",
      doc: "raw HTTP from openapi.yaml, no client: the control",
      control: true,
      prepare: async () => {},
      command: node(root, join(folder, "http/driver.ts"), [specPath]),
    },
    {
      name: "typescript",
      doc: "clients/typescript as it is built for publication",
      control: false,
      prepare: () => buildTypescript(root),
      command: node(root, join(folder, "typescript/driver.ts"), []),
    },
    ...["python", "python-async"].map((name) => ({
      name,
      doc: `clients/python, ${name === "python" ? "Hevlayer" : "AsyncHevlayer"}`,
      control: false,
      prepare: () => checkPython(root),
      command: {
        command: pythonOf(root),
        args: ["-u", join(folder, "python/driver.py"), ...(name === "python" ? [] : ["--async"])],
        cwd: root,
      },
    })),
    {
      name: "go",
      doc: "clients/go",
      control: false,
      prepare: () => buildGo(root),
      command: { command: goBinary(root), args: [], cwd: root },
    },
  ];
}

function node(root: string, script: string, args: string[]): DriverCommand {
  return { command: process.execPath, args: ["--import", "tsx", script, ...args], cwd: root };
}

function pythonOf(root: string): string {
  return join(root, ".venv/bin/python");
}

function goBinary(root: string): string {
  return join(root, ".cache/conformance/go-driver");
}

async function buildTypescript(root: string): Promise<void> {
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  await attempt(
    "build the TypeScript client",
    process.execPath,
    [compiler, "-b", "clients/typescript"],
    root,
  );
}

async function checkPython(root: string): Promise<void> {
  if (!existsSync(pythonOf(root))) {
    throw new Error(
      "no Python environment at .venv; run `python3 -m venv .venv` with Python 3.11 or newer, then `.venv/bin/pip install -e clients/python`",
    );
  }
  const check = "import sys, hevlayer; assert sys.version_info >= (3, 11), sys.version";
  await attempt(
    "import the Python client (install it with `.venv/bin/pip install -e clients/python`)",
    pythonOf(root),
    ["-c", check],
    root,
  );
}

async function buildGo(root: string): Promise<void> {
  await mkdir(join(root, ".cache/conformance"), { recursive: true });
  const source = join(root, "conformance/drivers/go");
  await attempt("build the Go driver (Go 1.22 or newer)", "go", ["build", "-o", goBinary(root), "."], source);
}

async function attempt(what: string, command: string, args: string[], cwd: string): Promise<void> {
  try {
    await run(command, args, { cwd, timeout: PREPARE_MS, maxBuffer: 16 * 1024 * 1024 });
  } catch (cause) {
    const {
      stdout = "",
      stderr = "",
      message = "",
    } = cause as { stdout?: string; stderr?: string; message?: string };
    throw new Error(`cannot ${what}: ${(stderr.trim() || stdout.trim() || message).slice(-2000)}`, { cause });
  }
}
