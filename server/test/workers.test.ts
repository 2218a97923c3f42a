/** `LAYER_WORKERS`: several processes behind one port, and what is left when one of them, or all, are killed. */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KEY, type RunningGateway, startGateway } from "../../scripts/running-gateway.js";
import { lastWord, type Run, spawnGateway } from "./gateway-process.js";
import { startScriptedUpstream } from "./scripted-upstream.js";

const headers = { authorization: `Bearer ${KEY}`, "content-type": "application/json" };

let gateway: RunningGateway | undefined;
afterEach(async () => {
  await gateway?.stop();
  gateway = undefined;
});

async function start(env: Record<string, string> = {}, filesMax?: number): Promise<string> {
  gateway = await startGateway({
    env: { LAYER_WORKERS: "2", LAYER_VALIDATE_RESPONSES: "true", ...env },
    ...(filesMax === undefined ? {} : { filesMax }),
  });
  await expect.poll(() => logged("workers serve").length).toBe(1);
  return gateway.url;
}

/** Processes below the gateway by what they are; whatever else a loader starts is left out. */
function below(): { workers: number[]; engine: number[] } {
  const pids = execFileSync("pgrep", ["-P", String(gateway?.process.pid)], { encoding: "utf8" })
    .trim()
    .split("\n")
    .map(Number);
  const runs = (pid: number, file: string) => commandOf(pid).includes(file);
  return {
    workers: pids.filter((pid) => runs(pid, "dist/main.js")),
    engine: pids.filter((pid) => runs(pid, "engine/main.js")),
  };
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

/** A process that has ended is a zombie, without a command line, until its parent has looked. */
const isAlive = (pid: number): boolean => commandOf(pid) !== "";

function logged(text: string): Record<string, unknown>[] {
  const lines = (gateway?.output() ?? "").split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ msg }) => msg === text);
}

/** A connection with a request on it; resolves once it was answered, or closed, or neither within a while. */
function connectAndAsk(port: number): Promise<net.Socket> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1", () =>
      socket.write("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"),
    );
    socket.on("error", () => undefined);
    const timer = setTimeout(() => resolve(socket), 5_000);
    for (const end of ["data", "close"])
      socket.once(end, () => {
        clearTimeout(timer);
        resolve(socket);
      });
  });
}

/** A connection that was on its way to a worker as it was killed may get no answer at all: callers have timeouts. */
const WRITE_TIMEOUT_MS = 5_000;

async function write(url: string, id: number): Promise<boolean> {
  try {
    const body = JSON.stringify({ upsert_rows: [{ id, n: id }] });
    const signal = AbortSignal.timeout(WRITE_TIMEOUT_MS);
    const answer = await fetch(`${url}/v2/namespaces/kept`, { method: "POST", headers, body, signal });
    await answer.arrayBuffer();
    return answer.status === 200;
  } catch {
    return false;
  }
}

const json = async (url: string, init: RequestInit = { headers }) => (await fetch(url, init)).json();

describe("workers", () => {
  it("share the port, tell which one answers, and measure together", async () => {
    const url = await start();
    expect(gateway?.output()).toMatch(/workers +2/);
    const ids = new Set<number>();
    await expect
      .poll(async () => {
        // A connection stays with its worker.
        const health = await json(`${url}/health`, { headers: { connection: "close" } });
        ids.add((health as { worker: { id: number } }).worker.id);
        return ids.size;
      })
      .toBe(2);
    for (let id = 1; id <= 6; id++) await write(url, id);
    const scrape = await (await fetch(`${url}/metrics`, { headers })).text();
    expect(scrape).toContain('layer_requests_total{operation="writeNamespace",status="200"} 6\n');
    expect(scrape).toContain('layer_workers{state="serving"} 2\n');
    expect(new Set(logged("request").map(({ worker }) => worker))).toEqual(new Set([1, 2]));
  });

  it("lose no acknowledged write when one is killed, and are two again soon", {
    timeout: 150_000,
  }, async () => {
    const url = await start();
    await write(url, 1);
    const acknowledged = new Set([1]);
    let next = 2;
    let isDone = false;
    const writer = async () => {
      while (!isDone) {
        const id = next++;
        if (await write(url, id)) acknowledged.add(id);
      }
    };
    const writers = [writer(), writer(), writer(), writer()];
    for (let round = 0; round < 2; round++) {
      const before = acknowledged.size;
      await expect.poll(() => acknowledged.size, { timeout: 30_000 }).toBeGreaterThan(before + 20);
      process.kill(below().workers[round] as number, "SIGKILL");
      await expect.poll(() => logged("a worker serves again").length, { timeout: 40_000 }).toBe(round + 1);
    }
    isDone = true;
    await Promise.all(writers);
    const query = { rank_by: ["id", "asc"], top_k: 10_000, consistency: { level: "strong" } };
    const body = JSON.stringify(query);
    const answer = await json(`${url}/v1/namespaces/kept/query`, { method: "POST", headers, body });
    const stored = new Set((answer as { rows: { id: number }[] }).rows.map(({ id }) => id));
    expect([...acknowledged].filter((id) => !stored.has(id))).toEqual([]);
    expect(logged("a worker died and is started again")).toMatchObject([
      { signal: "SIGKILL" },
      { signal: "SIGKILL" },
    ]);
  });

  it("serve again after more connections came than they may open files", { timeout: 60_000 }, async () => {
    const url = await start({}, 160);
    const port = Number(new URL(url).port);
    const sockets = await Promise.all(Array.from({ length: 600 }, () => connectAndAsk(port)));
    await expect.poll(() => logged("too many connections: new ones are closed").length).toBeGreaterThan(0);
    for (const socket of sockets) socket.destroy();
    const answering = new Set<number>();
    await expect
      .poll(
        async () => {
          const signal = AbortSignal.timeout(2_000);
          const health = await json(`${url}/health`, { headers: { connection: "close" }, signal }).catch(
            () => undefined,
          );
          if (health !== undefined) answering.add((health as { worker: { id: number } }).worker.id);
          return answering.size;
        },
        { timeout: 30_000 },
      )
      .toBe(2);
  });

  it("finish what is in flight on SIGTERM, refuse what is new, and leave nothing behind", async () => {
    const upstream = await startScriptedUpstream();
    let finish = () => {};
    upstream.onRequest((call, response) => {
      response.setHeader("content-type", "application/json");
      if (!call.url.includes("/slow/")) return void response.end('{"namespaces":[]}');
      finish = () => void response.end('{"done":true}');
    });
    const url = await start({ TPUF_URL: upstream.url, TURBOPUFFER_API_KEY: KEY });
    const { workers } = below();
    const slow = fetch(`${url}/v1/namespaces/slow/metadata`, { headers });
    await expect.poll(() => upstream.calls.some((call) => call.url.includes("/slow/"))).toBe(true);
    const exit = new Promise((resolve) => gateway?.process.once("exit", resolve));
    gateway?.process.kill("SIGTERM");
    await expect
      .poll(async () => (await fetch(`${url}/ready`, { headers: { connection: "close" } })).status)
      .toBe(503);
    finish();
    expect(await (await slow).json()).toEqual({ done: true });
    expect(await exit).toBe(0);
    expect(workers.filter(isAlive)).toEqual([]);
    await upstream.stop();
  });

  it("leave with the process above them when that is killed, and so does the engine", async () => {
    await start();
    const { workers, engine } = below();
    expect([workers.length, engine.length]).toEqual([2, 1]);
    gateway?.process.kill("SIGKILL");
    await expect.poll(() => [...workers, ...engine].filter(isAlive)).toEqual([]);
  });

  it("find the engine where it listens after it was killed", { timeout: 40_000 }, async () => {
    const url = await start({ LAYER_ENGINE_PORT: "0" });
    await write(url, 1);
    process.kill(below().engine[0] as number, "SIGKILL");
    await expect
      .poll(async () => {
        const answers = await Promise.all(
          Array.from({ length: 4 }, () => fetch(`${url}/ready`, { headers: { connection: "close" } })),
        );
        return answers.every(({ status }) => status === 200) && (await write(url, 2));
      })
      .toBe(true);
  });
});

describe("workers do not start, in one line,", () => {
  let folder: string;
  let failing: Run;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "hevlayer-workers-"));
  });
  afterEach(async () => {
    failing.child.kill("SIGKILL");
    await failing.exit;
    await rm(folder, { recursive: true, force: true });
  });

  async function fails(environment: Record<string, string>): Promise<string> {
    failing = spawnGateway(folder, { LAYER_WORKERS: "2", ...environment });
    return lastWord(failing);
  }

  it("without a blob store that they share", async () => {
    const line = await fails({
      LAYER_DATA_DIR: "",
      TPUF_URL: "http://127.0.0.1:1",
      TURBOPUFFER_API_KEY: "k",
    });
    expect(line).toMatch(
      /^LAYER_WORKERS=2: must be 1 without a blob store that workers share; set S3_BUCKET, or /,
    );
  });

  it("on a port in use", async () => {
    const holder = net.createServer();
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
    const { port } = holder.address() as net.AddressInfo;
    expect(await fails({ PORT: String(port) })).toContain(`PORT=${port}: another process`);
    await new Promise((resolve) => holder.close(resolve));
  });

  it("on a database that does not answer", async () => {
    const line = await fails({ DATABASE_URL: "postgres://layer:hunter2@127.0.0.1:1/layer" });
    expect(line).toMatch(/^DATABASE_URL \(127\.0\.0\.1:1\/layer\): .* is not reachable/);
  });
});
