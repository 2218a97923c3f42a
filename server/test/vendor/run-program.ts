/**
 * Runs the Python and Go programs and reads what became of each check, so that one failing check of one client is one
 * failing test here, with that check's own output.
 */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ROOT } from "../../../scripts/running-gateway.js";

export type ProgramName = "Python" | "Go";

export interface Outcome {
  passed: boolean;
  /** What the program printed about the check. */
  detail: string;
}

export interface ProgramRun {
  outcomes: ReadonlyMap<string, Outcome>;
  /** The end of everything it printed, for when it failed before it came to the checks. */
  output: string;
}

interface Program {
  folder: string;
  command: [string, ...string[]];
  read(output: string): Map<string, Outcome>;
}

/** Compiling the Go client for the first time is most of it. */
const RUN_TIMEOUT_MS = 150_000;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
const TAIL_LINES = 40;

const python = join(ROOT, process.platform === "win32" ? ".venv/Scripts/python.exe" : ".venv/bin/python");

const programs: Record<ProgramName, Program> = {
  Python: { folder: "python", command: [python, "-m", "pytest", "-q", "--tb=short"], read: readPytest },
  Go: { folder: "go", command: ["go", "test", "-count=1", "-timeout=60s", "-json", "./..."], read: readGo },
};

/** Runs one program against `baseURL`. A program that cannot be started rejects, naming it. */
export async function runProgram(name: ProgramName, env: Record<string, string>): Promise<ProgramRun> {
  const { folder, command, read } = programs[name];
  const [file, ...args] = command;
  const output = await new Promise<string>((resolve, reject) => {
    execFile(
      file,
      args,
      {
        cwd: fileURLToPath(new URL(folder, import.meta.url)),
        env: { ...ownEnvironment(), PYTHONDONTWRITEBYTECODE: "1", ...env },
        timeout: RUN_TIMEOUT_MS,
        maxBuffer: MAX_OUTPUT_BYTES,
      },
      (error, stdout, stderr) => {
        // A failed check ends the program with a code of its own; only one that never ran has a code in letters.
        if (typeof error?.code === "string") reject(new Error(`${file} could not be run: ${error.message}`));
        else resolve(`${stdout}\n${stderr}${error?.killed ? `\nended after ${RUN_TIMEOUT_MS} ms` : ""}`);
      },
    );
  });
  return { outcomes: read(output), output: output.trimEnd().split("\n").slice(-TAIL_LINES).join("\n") };
}

/** The environment without the clients' own settings: a region set there would contradict the base URL given here. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("TURBOPUFFER_"));
  return Object.fromEntries(kept);
}

/** The lines that are JSON objects; a program prints others between them. */
function* jsonLines(output: string): Generator<Record<string, unknown>> {
  for (const line of output.split("\n")) {
    if (!line.startsWith("{")) continue;
    try {
      yield JSON.parse(line);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
}

/** One line a check, from the folder's `conftest.py`; a failing set-up or tear-down adds a line, and wins. */
function readPytest(output: string): Map<string, Outcome> {
  const outcomes = new Map<string, Outcome>();
  for (const { check, outcome, detail } of jsonLines(output)) {
    const name = String(check);
    if (outcomes.get(name)?.passed === false) continue;
    outcomes.set(name, { passed: outcome === "passed", detail: String(detail) });
  }
  return outcomes;
}

/** `go test -json`: output lines, then a verdict, for every subtest. */
function readGo(output: string): Map<string, Outcome> {
  const outcomes = new Map<string, Outcome>();
  const printed = new Map<string, string>();
  for (const event of jsonLines(output)) {
    const [, name] = String(event.Test ?? "").split("/");
    if (name === undefined) continue;
    if (event.Action === "output") printed.set(name, `${printed.get(name) ?? ""}${String(event.Output)}`);
    if (event.Action === "pass" || event.Action === "fail" || event.Action === "skip") {
      outcomes.set(name, { passed: event.Action === "pass", detail: printed.get(name) ?? "" });
    }
  }
  return outcomes;
}
