/**
 * The engine as a process of its own, so that a scan never blocks the gateway. It says on its IPC channel (or, without
 * one, in one JSON line on stdout) where it listens, drains on SIGTERM, and ends when its parent does.
 */
import { Engine } from "./engine.js";
import { type FaultRule, parseFaults } from "./http/faults.js";
import { createEngineServer } from "./http/server.js";
import { DirectoryLock } from "./store/directory-lock.js";

/** How often namespaces are looked over for tables to save, and how long they must have been left alone by then. */
const TIDY_MS = 500;
const IDLE_MS = 2_000;

/** Time for requests in flight after SIGTERM or the parent's end. */
const DRAIN_MS = 5_000;

interface Settings {
  host: string;
  port: number;
  dataDirectory: string;
  apiKey: string;
  /** Development only: simulated trouble and index lag. */
  faults: FaultRule[];
  indexLagMs: number;
}

function readSettings(env: NodeJS.ProcessEnv): Settings {
  const port = Number(env.LAYER_ENGINE_PORT ?? "0");
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new Error(`LAYER_ENGINE_PORT is '${env.LAYER_ENGINE_PORT}': set it to a port from 0 to 65535`);
  }
  const dataDirectory = env.LAYER_ENGINE_DATA_DIR ?? "";
  if (dataDirectory === "")
    throw new Error("LAYER_ENGINE_DATA_DIR is not set: set it to a directory for the engine's data");
  const apiKey = env.LAYER_ENGINE_API_KEY ?? "";
  if (apiKey === "")
    throw new Error("LAYER_ENGINE_API_KEY is not set: set it to the key that requests must carry");
  const faults = readFaults(env.LAYER_ENGINE_FAULTS);
  const indexLagMs = Number(env.LAYER_ENGINE_INDEX_LAG_MS ?? "0");
  if (!(indexLagMs >= 0)) {
    throw new Error(
      `LAYER_ENGINE_INDEX_LAG_MS is '${env.LAYER_ENGINE_INDEX_LAG_MS}': set it to milliseconds`,
    );
  }
  return { host: env.LAYER_ENGINE_HOST ?? "127.0.0.1", port, dataDirectory, apiKey, faults, indexLagMs };
}

function readFaults(text: string | undefined): FaultRule[] {
  if (text === undefined || text === "") return [];
  try {
    return parseFaults(text);
  } catch (error) {
    throw new Error(`LAYER_ENGINE_FAULTS is not a list of fault rules (${(error as Error).message})`);
  }
}

/** Tells the parent, or stdout when there is none listening. */
function report(message: { type: "listening"; port: number } | { type: "failed"; message: string }): void {
  if (process.send !== undefined && process.connected) process.send(message);
  else process.stdout.write(`${JSON.stringify(message)}\n`);
}

function logDefect(error: unknown): void {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  logLine({ level: "error", msg: "engine defect", stack });
}

function logLine(fields: Record<string, string>): void {
  process.stderr.write(`${JSON.stringify(fields)}\n`);
}

/** Saves tables between requests for as long as the process runs. */
function keepTidy(engine: Engine): NodeJS.Timeout {
  let isBusy = false;
  const tidy = (): void => {
    isBusy = engine.tidy(IDLE_MS);
    if (isBusy) setImmediate(tidy);
  };
  return setInterval(() => {
    if (!isBusy) tidy();
  }, TIDY_MS);
}

async function main(): Promise<void> {
  const settings = readSettings(process.env);
  const lock = await DirectoryLock.acquire(settings.dataDirectory);
  const { dataDirectory, indexLagMs, apiKey, faults } = settings;
  const notice = (msg: string) => logLine({ level: "warn", msg });
  const engine = Engine.open({ dataDirectory, indexLagMs, notice });
  const server = createEngineServer({ engine, apiKey, faults, onDefect: logDefect });
  const port = await server.listen(settings.port, settings.host);
  const tidying = keepTidy(engine);

  let stopping = false;
  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    await server.close(DRAIN_MS);
    clearInterval(tidying);
    await engine.close();
    await lock.release();
    process.exit(0);
  };
  // A full disk below the log is no reason to stop serving.
  process.stderr.on("error", () => undefined);
  process.once("SIGTERM", () => void stop());
  // Ctrl-C reaches the whole process group. A parent drains first and then sends SIGTERM; without one it is meant for us.
  process.on("SIGINT", () => {
    if (!process.connected) void stop();
  });
  process.once("disconnect", () => void stop());
  // The event of a parent that ended while all this began is past.
  if (process.send !== undefined && !process.connected) return stop();
  report({ type: "listening", port });
}

main().catch((error: unknown) => {
  report({ type: "failed", message: describeFailure(error) });
  // Give the channel a turn to carry the message.
  setImmediate(() => process.exit(1));
});

function describeFailure(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const { LAYER_ENGINE_PORT: port = "0", LAYER_ENGINE_DATA_DIR: directory = "" } = process.env;
  if (code === "EADDRINUSE")
    return `port ${port} is in use: set LAYER_ENGINE_PORT to a free port, or 0 for any`;
  if (code === "EACCES" || code === "EPERM" || code === "ENOTDIR" || code === "EEXIST" || code === "EROFS") {
    return `data directory ${directory} cannot be used (${code}): set LAYER_ENGINE_DATA_DIR to a writable directory`;
  }
  return String(message ?? error).replaceAll("\n", " ");
}
