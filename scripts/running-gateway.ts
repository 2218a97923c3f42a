/** A gateway as a user runs it, for tests: the built command line as a child process, on free ports, in a folder of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "./free-port.js";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));
export const KEY = "tpuf_local";

const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 10_000;
const POLL_MS = 50;

export interface RunningGateway {
  url: string;
  engineUrl: string;
  dataDir: string;
  process: ChildProcess;
  /** Everything it has printed so far. */
  output(): string;
  /** Ends it with SIGTERM, waits, and removes the data folder unless `keepData`. */
  stop(options?: { keepData?: boolean }): Promise<void>;
}

/** Starts a gateway and waits until `/ready` answers 200. `command` is Node's arguments, default the built server. */
export async function startGateway(
  options: {
    command?: string[];
    cwd?: string;
    dataDir?: string;
    env?: Record<string, string>;
    /** Files that each of its processes may open; the system's limit otherwise. */
    filesMax?: number;
  } = {},
): Promise<RunningGateway> {
  const port = await freePort();
  const enginePort = await freePort();
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), "hevlayer-")));
  const command = options.command ?? [join(ROOT, "server/dist/main.js"), "serve"];
  const limited = ["-c", `ulimit -n ${options.filesMax} && exec "$0" "$@"`, process.execPath, ...command];
  const [program, args] = options.filesMax === undefined ? [process.execPath, command] : ["/bin/sh", limited];
  const child = spawn(program, args, {
    cwd: options.cwd ?? ROOT,
    env: {
      ...process.env,
      PORT: String(port),
      LAYER_ENGINE_PORT: String(enginePort),
      LAYER_DATA_DIR: dataDir,
      LAYER_DRAIN_MARKER_PATH: join(dataDir, "draining"),
      ...options.env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  child.stdout.on("data", (chunk: Buffer) => {
    printed += chunk.toString("utf8");
  });
  child.stderr.on("data", (chunk: Buffer) => {
    printed += chunk.toString("utf8");
  });
  const url = `http://127.0.0.1:${port}`;
  await waitUntilReady(url, child, () => printed);
  return {
    url,
    engineUrl: `http://127.0.0.1:${enginePort}`,
    dataDir,
    process: child,
    output: () => printed,
    stop: async ({ keepData = false } = {}) => {
      await endProcess(child);
      if (!keepData) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function waitUntilReady(url: string, child: ChildProcess, printed: () => string): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`the gateway left with ${child.exitCode}:\n${printed()}`);
    const answer = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  child.kill("SIGKILL");
  throw new Error(`the gateway was not ready within ${READY_TIMEOUT_MS} ms:\n${printed()}`);
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}
