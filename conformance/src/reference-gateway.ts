/**
 * The reference gateway as a child process, on a free port and a data directory of its own.
 *
 * It is run from its TypeScript source: what is judged is the tree as it stands, never a build left over from before.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { quietPort } from "./quiet-port.js";

export interface RunningGateway {
  url: string;
  /** The end of what it has printed. */
  output(): string;
  stop(): Promise<void>;
}

export interface GatewayOptions {
  /** Repository root. */
  root: string;
  /** Key that callers present, and that goes upstream. */
  key: string;
  /** A Turbopuffer endpoint to serve instead of the embedded engine. */
  upstreamUrl?: string;
}

/** Time for the gateway to answer, in ms: two interpreters start and compile on a busy machine. */
const START_MS = 60_000;
const STOP_MS = 10_000;
const OUTPUT_CHARS = 8_000;

/**
 * Starts a gateway and waits until it is ready (embedded engine) or answers at all (its upstream may be meant to fail).
 *
 * @throws Error with the gateway's last output when it ends or does not answer in 60 s.
 */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const dataDir = await mkdtemp(join(tmpdir(), "hevlayer-conformance-"));
  const port = await quietPort();
  const child = spawn(process.execPath, ["--import", "tsx", "server/src/main.ts", "serve"], {
    cwd: options.root,
    env: { ...process.env, ...environment(options, port, dataDir) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { tail: "" };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output.tail = (output.tail + text).slice(-OUTPUT_CHARS);
    });
  }
  // A runner that dies must not leave a gateway behind.
  const killOnExit = () => child.kill("SIGKILL");
  process.once("exit", killOnExit);
  const url = `http://127.0.0.1:${port}`;
  const stop = async () => {
    process.off("exit", killOnExit);
    await end(child);
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    await answering(`${url}/${options.upstreamUrl === undefined ? "ready" : "health"}`, child);
  } catch (cause) {
    await stop();
    throw new Error(`reference gateway did not start: ${String(cause)}\n${output.tail}`, { cause });
  }
  return { url, output: () => output.tail, stop };
}

function environment(options: GatewayOptions, port: number, dataDir: string): NodeJS.ProcessEnv {
  return {
    HOST: "127.0.0.1",
    PORT: String(port),
    LAYER_ENGINE_PORT: "0",
    LAYER_DATA_DIR: dataDir,
    LAYER_LOG_LEVEL: "warn",
    LAYER_DRAIN_MARKER_PATH: join(dataDir, "draining"),
    // Scenarios list right after they write; the cache has unit tests of its own.
    NAMESPACE_LIST_CACHE_TTL_MS: "0",
    // Several drivers start at once: what is judged is what the cache holds, not how soon a busy machine answers.
    LAYER_CACHE_BUDGET_MS: "10000",
    // A scripted upstream gives answers that the real one would not; over the engine there is no excuse.
    LAYER_VALIDATE_RESPONSES: String(options.upstreamUrl === undefined),
    TURBOPUFFER_API_KEY: options.key,
    TURBOPUFFER_REGION: "",
    TPUF_URL: options.upstreamUrl ?? "",
  };
}

async function answering(url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_MS;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`it exited with status ${child.exitCode}`);
    const ok = await fetch(url, { signal: AbortSignal.timeout(5_000) }).then(
      async (response) => {
        await response.arrayBuffer();
        return response.ok;
      },
      () => false,
    );
    if (ok) return;
    await sleep(100);
  }
  throw new Error(`no answer at ${url} in ${START_MS} ms`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  child.kill("SIGTERM");
  const kill = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await closed;
  clearTimeout(kill);
}
