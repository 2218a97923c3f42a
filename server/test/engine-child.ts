/** The engine's process, started from its sources, for tests that look at it from outside. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../src/engine/main.ts", import.meta.url));
const START_MS = 30_000;

export const ENGINE_KEY = "k";

export type EngineMessage = { type: "listening"; port: number } | { type: "failed"; message: string };

export interface EngineChild {
  readonly child: ChildProcess;
  readonly message: EngineMessage;
  /** What it wrote to its standard error so far. */
  readonly stderr: () => string;
}

/** Forks the engine over a directory, and waits for nothing. */
export function beginEngine(
  directory: string,
  env: NodeJS.ProcessEnv = {},
  flags: readonly string[] = [],
): ChildProcess {
  return fork(MAIN, [], {
    execArgv: [...flags, "--import", "tsx"],
    env: { ...process.env, LAYER_ENGINE_DATA_DIR: directory, LAYER_ENGINE_API_KEY: ENGINE_KEY, ...env },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
}

/** Forks the engine over a directory and resolves with the first thing it says. */
export async function forkEngine(
  directory: string,
  env: NodeJS.ProcessEnv = {},
  flags: readonly string[] = [],
): Promise<EngineChild> {
  const child = beginEngine(directory, env, flags);
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const message = await new Promise<EngineMessage>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the engine said nothing: ${stderr}`)), START_MS);
    child.once("message", (said) => {
      clearTimeout(timer);
      resolve(said as EngineMessage);
    });
  });
  return { child, message, stderr: () => stderr };
}

/** Resolves with the exit code once the process has ended. */
export function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode);
    else child.once("exit", (code) => resolve(code));
  });
}
