/** The processes of a benchmark: started with an ear for its questions, ended with it. */

import { type ChildProcess, fork } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../../../scripts/free-port.js";

export const KEY = "tpuf_bench";
const GATEWAY = fileURLToPath(new URL("../../dist/main.js", import.meta.url));
const MEASURE = new URL("./measure.mjs", import.meta.url).href;
const READY_TIMEOUT_MS = 30_000;

export interface Measured {
  readonly url: string;
  /** CPU time used so far by all its threads, µs. */
  cpu(): Promise<number>;
  memory(): Promise<NodeJS.MemoryUsage>;
  /** Resident bytes without those of mapped files, such as a store's. */
  ownMemory(): Promise<number>;
  /** The turn of its event loop that took most CPU time while `work` ran; it never rests meanwhile. */
  longestSection(work: () => Promise<unknown>): Promise<Section>;
  stop(): Promise<void>;
}

/** Work that nothing else could run beside. */
export interface Section {
  /** CPU time of the process, ms. */
  readonly cpu: number;
  /** By the clock, ms: other processes may have had the core for a part of it. */
  readonly elapsed: number;
}

/** One of the benchmark's own servers, which sends its address when it listens. */
export async function startServer(file: string, env: Record<string, string> = {}): Promise<Measured> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), {
    execArgv: [...process.execArgv, "--import", MEASURE],
    env: { ...process.env, ...env },
  });
  const address = await new Promise<AddressInfo>((resolve, reject) => {
    child.once("message", (message) => resolve(message as AddressInfo));
    child.once("exit", (code) => reject(new Error(`${file} left with ${code}`)));
  });
  return measured(child, `http://127.0.0.1:${address.port}`, async () => {
    child.disconnect();
  });
}

/**
 * The built gateway in front of `upstream`, without stores unless `env` says otherwise, and silent. Where `env` asks for more
 * than errors in the log, that goes to a file.
 */
export async function startBuiltGateway(
  upstream: string,
  env: Record<string, string> = {},
): Promise<Measured> {
  const folder = await mkdtemp(path.join(tmpdir(), "bench-gateway-"));
  const port = await freePort();
  const log = env.LAYER_LOG_LEVEL === undefined ? undefined : openSync(path.join(folder, "log"), "a");
  const child = fork(GATEWAY, ["serve"], {
    execArgv: ["--import", MEASURE],
    stdio: ["ignore", "ignore", log ?? "inherit", "ipc"],
    env: {
      PATH: process.env.PATH,
      PORT: String(port),
      TPUF_URL: upstream,
      TURBOPUFFER_API_KEY: KEY,
      LAYER_LOG_LEVEL: "error",
      LAYER_DRAIN_MARKER_PATH: path.join(folder, "draining"),
      ...env,
      ...(env.LAYER_DATA_DIR === undefined ? {} : { LAYER_DATA_DIR: folder }),
    },
  });
  if (log !== undefined) closeSync(log);
  const url = `http://127.0.0.1:${port}`;
  await ready(url, child);
  return measured(child, url, async () => {
    child.kill("SIGTERM");
    await new Promise((resolve) => child.once("exit", resolve));
    await rm(folder, { recursive: true, force: true });
  });
}

async function ready(url: string, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`the gateway left with ${child.exitCode}`);
    const answer = await fetch(`${url}/ready`).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the gateway was not ready within ${READY_TIMEOUT_MS} ms`);
}

function measured(child: ChildProcess, url: string, stop: () => Promise<void>): Measured {
  const ask = (question: string): Promise<unknown> =>
    new Promise((resolve) => {
      const listener = (message: unknown) => {
        const { bench, value } = message as { bench?: string; value: unknown };
        if (bench !== question) return;
        child.off("message", listener);
        resolve(value);
      };
      child.on("message", listener);
      child.send({ bench: question });
    });
  return {
    url,
    cpu: () => ask("cpu") as Promise<number>,
    memory: () => ask("memory") as Promise<NodeJS.MemoryUsage>,
    ownMemory: () => ask("ownMemory") as Promise<number>,
    async longestSection(work) {
      await ask("watchLoop");
      await work();
      return (await ask("longestSection")) as Section;
    },
    stop,
  };
}

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
