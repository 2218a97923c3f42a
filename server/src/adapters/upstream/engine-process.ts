/**
 * The embedded engine as a child process: started, watched, restarted when it dies, stopped on close.
 *
 * A process of its own keeps a long scan from blocking the gateway. It leaves by itself when the IPC channel closes, so
 * even a gateway that was killed leaves nothing behind.
 */

import { type ChildProcess, spawn } from "node:child_process";

export interface EngineProcessOptions {
  /** The engine's main module: compiled JavaScript, or TypeScript during development. */
  entry: string;
  /** Flags for node before `entry`. Default: a TypeScript loader when `entry` ends in `.ts`, else none. */
  execArgv?: readonly string[];
  dataDir: string;
  /** Default `127.0.0.1`. */
  host?: string;
  /** 0 lets the system choose, anew at each restart. */
  port: number;
  apiKey: string;
  /** Trouble to simulate, as JSON text of fault rules; none by default. */
  faults?: string;
  /** How long after a write metadata says that indexing is under way. 0 by default. */
  indexLagMs?: number;
  /** Heap of the process in MiB; 0, the default, leaves it to Node. */
  heapMib?: number;
  /** How long a start may take. Default 30,000: indexes are rebuilt on the way. */
  startTimeoutMs?: number;
  /** How long to wait after SIGTERM before SIGKILL. Default 8,000: the engine drains for up to 5,000. */
  stopTimeoutMs?: number;
  /** First pause before a restart, doubling to the maximum. Default 100. */
  restartDelayMs?: number;
  /** Default 10,000. */
  restartDelayMaxMs?: number;
  /** Life-cycle events, for the log. */
  onEvent?: (event: EngineEvent) => void;
}

export type EngineEvent =
  | { type: "listening"; url: string; pid: number | undefined }
  | { type: "exited"; code: number | null; signal: NodeJS.Signals | null; restartInMs: number }
  | { type: "restart-failed"; message: string; restartInMs: number };

export interface EngineProcess {
  /** Where the engine listens now; it may change at a restart. */
  url(): string;
  /** Stops the engine and ends restarts. Idempotent. */
  close(): Promise<void>;
}

/** A run this long counts as healthy, so that the next restart is quick again. */
const healthyRunMs = 30_000;

/**
 * Starts the engine and resolves when it listens.
 *
 * @throws Error with the engine's own one-line message when it refuses to start, or naming the timeout
 */
export async function startEngineProcess(options: EngineProcessOptions): Promise<EngineProcess> {
  const delayMaxMs = options.restartDelayMaxMs ?? 10_000;
  let running: RunningEngine;
  let closing: Promise<void> | undefined;
  let restartTimer: NodeJS.Timeout | undefined;
  let restarting: Promise<void> | undefined;
  let delayMs = options.restartDelayMs ?? 100;

  function watch(engine: RunningEngine): void {
    const startedAt = performance.now();
    engine.exited.then(({ code, signal }) => {
      if (closing !== undefined) return;
      if (performance.now() - startedAt > healthyRunMs) delayMs = options.restartDelayMs ?? 100;
      options.onEvent?.({ type: "exited", code, signal, restartInMs: delayMs });
      scheduleRestart();
    });
  }

  function scheduleRestart(): void {
    restartTimer = setTimeout(() => {
      restarting = restart();
    }, delayMs);
    delayMs = Math.min(delayMs * 2, delayMaxMs);
  }

  async function restart(): Promise<void> {
    try {
      const engine = await startOnce(options);
      running = engine;
      if (closing !== undefined) return;
      options.onEvent?.({ type: "listening", url: engine.url, pid: engine.child.pid });
      watch(engine);
    } catch (error) {
      if (closing !== undefined) return;
      options.onEvent?.({ type: "restart-failed", message: messageOf(error), restartInMs: delayMs });
      scheduleRestart();
    }
  }

  async function close(): Promise<void> {
    clearTimeout(restartTimer);
    await restarting;
    await stop(running, options.stopTimeoutMs ?? 8_000);
  }

  running = await startOnce(options);
  options.onEvent?.({ type: "listening", url: running.url, pid: running.child.pid });
  watch(running);
  return {
    url: () => running.url,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

interface RunningEngine {
  child: ChildProcess;
  url: string;
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

async function startOnce(options: EngineProcessOptions): Promise<RunningEngine> {
  const host = options.host ?? "127.0.0.1";
  const timeoutMs = options.startTimeoutMs ?? 30_000;
  const execArgv = options.execArgv ?? (options.entry.endsWith(".ts") ? ["--import", "tsx"] : []);
  const heap = options.heapMib ? [`--max-old-space-size=${options.heapMib}`] : [];
  const child = spawn(process.execPath, [...heap, ...execArgv, options.entry], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: {
      LAYER_ENGINE_PORT: String(options.port),
      LAYER_ENGINE_HOST: host,
      LAYER_ENGINE_DATA_DIR: options.dataDir,
      LAYER_ENGINE_API_KEY: options.apiKey,
      LAYER_ENGINE_INDEX_LAG_MS: String(options.indexLagMs ?? 0),
      ...(options.faults === undefined ? {} : { LAYER_ENGINE_FAULTS: options.faults }),
    },
  });
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  try {
    const port = await listening(child, timeoutMs);
    return { child, url: `http://${host.includes(":") ? `[${host}]` : host}:${port}`, exited };
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}

/** Resolves with the port of the engine's first `listening` message. */
function listening(child: ChildProcess, timeoutMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`embedded engine did not listen within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const fail = (message: string) => {
      clearTimeout(timer);
      reject(new Error(message));
    };
    child.on("error", (error) => fail(`embedded engine could not be started: ${error.message}`));
    child.once("exit", (code, signal) =>
      fail(`embedded engine stopped while starting (${signal ?? `exit code ${code}`})`),
    );
    child.on("message", (message: unknown) => {
      const report = engineReport(message);
      if (report?.type === "failed") fail(report.message);
      if (report?.type !== "listening") return;
      clearTimeout(timer);
      resolve(report.port);
    });
  });
}

type EngineReport = { type: "listening"; port: number } | { type: "failed"; message: string };

function engineReport(message: unknown): EngineReport | undefined {
  if (typeof message !== "object" || message === null || !("type" in message)) return undefined;
  if (message.type === "listening" && "port" in message && typeof message.port === "number") {
    return { type: "listening", port: message.port };
  }
  if (message.type === "failed" && "message" in message && typeof message.message === "string") {
    return { type: "failed", message: message.message };
  }
  return undefined;
}

async function stop(engine: RunningEngine, timeoutMs: number): Promise<void> {
  if (engine.child.exitCode !== null || engine.child.signalCode !== null) return;
  engine.child.kill("SIGTERM");
  const timer = setTimeout(() => engine.child.kill("SIGKILL"), timeoutMs);
  await engine.exited;
  clearTimeout(timer);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
