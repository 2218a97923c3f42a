import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createEmbeddedUpstream, type EmbeddedOptions, type EmbeddedUpstream } from "./embedded.js";
import type { EngineEvent } from "./engine-process.js";

/** The engine's side of the contract, with ways to misbehave named by the data directory. */
const engineSource = `
import http from "node:http";
import { existsSync, writeFileSync } from "node:fs";
const { LAYER_ENGINE_PORT: port, LAYER_ENGINE_HOST: host, LAYER_ENGINE_DATA_DIR: dir, LAYER_ENGINE_API_KEY: key } = process.env;
const mode = dir.split("/").at(-1);
process.on("disconnect", () => process.exit());
writeFileSync(dir + ".pid", String(process.pid));
if (mode === "refuses") { process.send({ type: "failed", message: "data dir 'x' is not writable: choose another" }); process.exit(1); }
if (mode === "leaves") process.exit(3);
if (mode === "fails-later" && existsSync(dir + ".started")) process.exit(1);
if (mode === "fails-later") writeFileSync(dir + ".started", "");
if (mode === "ignores-sigterm") process.on("SIGTERM", () => {});
else process.on("SIGTERM", () => process.exit(0));
if (mode !== "silent") {
  const server = http.createServer((request, response) => {
    if (request.url === "/die") process.kill(process.pid, "SIGKILL");
    response.setHeader("content-type", "application/json");
    const flags = process.execArgv;
    response.end(JSON.stringify({ key, authorization: request.headers.authorization, pid: process.pid, flags }));
  });
  server.listen(Number(port), host, () => process.send({ type: "listening", port: server.address().port }));
} else setInterval(() => {}, 1000);
`;

let directory = "";
const opened: EmbeddedUpstream[] = [];

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "embedded-upstream-"));
  await writeFile(path.join(directory, "engine.mjs"), engineSource);
});

afterAll(() => rm(directory, { recursive: true, force: true }));

afterEach(async () => {
  for (const upstream of opened.splice(0)) await upstream.close();
});

async function start(mode: string, options: Partial<EmbeddedOptions> = {}) {
  const events: EngineEvent[] = [];
  const upstream = await createEmbeddedUpstream({
    entry: path.join(directory, "engine.mjs"),
    dataDir: path.join(directory, mode),
    port: 0,
    apiKey: "tpuf_local",
    restartDelayMs: 10,
    onEvent: (event) => events.push(event),
    ...options,
  });
  opened.push(upstream);
  return { upstream, events };
}

async function ask(upstream: EmbeddedUpstream): Promise<{ key: string; authorization: string; pid: number }> {
  const answer = await upstream.send({ method: "GET", path: "/x", effect: "read" });
  return JSON.parse(Buffer.from(answer.body).toString());
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("createEmbeddedUpstream", () => {
  it("starts the engine with its key and reaches it over loopback", async () => {
    const { upstream, events } = await start("plain");
    expect(await ask(upstream)).toMatchObject({ key: "tpuf_local", authorization: "Bearer tpuf_local" });
    expect(upstream.url()).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(events).toEqual([{ type: "listening", url: upstream.url(), pid: expect.any(Number) }]);
    expect(await ask(upstream)).toMatchObject({ flags: [] });
    await upstream.ping();
  });

  it.each([
    ["refuses", "data dir 'x' is not writable: choose another"],
    ["leaves", "embedded engine stopped while starting (exit code 3)"],
  ])("rejects when the engine %s to start", async (mode, message) => {
    await expect(start(mode)).rejects.toThrow(message);
  });

  it("gives the process the heap it is told to", async () => {
    const { upstream } = await start("plain", { heapMib: 512 });
    expect(await ask(upstream)).toMatchObject({ flags: ["--max-old-space-size=512"] });
  });

  it("rejects when the engine does not listen in time, and leaves no process behind", async () => {
    await expect(start("silent", { startTimeoutMs: 1_500 })).rejects.toThrow(
      "embedded engine did not listen within 1500 ms",
    );
    const pid = Number(await readFile(path.join(directory, "silent.pid"), "utf8"));
    await expect.poll(() => isAlive(pid)).toBe(false);
  });

  it("starts the engine again when it dies, wherever it then listens", async () => {
    const { upstream, events } = await start("plain");
    const before = await ask(upstream);
    const dying = upstream.send({ method: "POST", path: "/die", effect: "write", body: Buffer.from("{}") });
    await expect(dying).rejects.toMatchObject({ code: "gateway_timeout" });
    await expect.poll(() => events.map((event) => event.type)).toEqual(["listening", "exited", "listening"]);
    expect((await ask(upstream)).pid).not.toBe(before.pid);
    expect(events[1]).toMatchObject({ signal: "SIGKILL", restartInMs: 10 });
  });

  it("waits longer before each failed restart, up to a limit", async () => {
    await rm(path.join(directory, "fails-later.started"), { force: true });
    const { upstream, events } = await start("fails-later", { restartDelayMaxMs: 40 });
    await upstream.send({ method: "GET", path: "/die", effect: "read" }).catch(() => {});
    const pauses = () => events.flatMap((event) => (event.type === "listening" ? [] : [event.restartInMs]));
    await expect.poll(() => pauses().length).toBeGreaterThanOrEqual(5);
    expect(pauses().slice(0, 5)).toEqual([10, 20, 40, 40, 40]);
    await expect(upstream.send({ method: "GET", path: "/x", effect: "read" })).rejects.toMatchObject({
      code: "upstream_error",
    });
  });

  it("stops the engine on close, and a second close changes nothing", async () => {
    const { upstream } = await start("plain");
    const { pid } = await ask(upstream);
    await upstream.close();
    await upstream.close();
    expect(isAlive(pid)).toBe(false);
    await expect(ask(upstream)).rejects.toMatchObject({ code: "upstream_error" });
  });

  it("kills an engine that will not stop", async () => {
    const { upstream } = await start("ignores-sigterm", { stopTimeoutMs: 100 });
    const { pid } = await ask(upstream);
    await upstream.close();
    expect(isAlive(pid)).toBe(false);
  });

  it("ends restarts on close", async () => {
    const { upstream, events } = await start("plain", { restartDelayMs: 100 });
    await upstream.send({ method: "GET", path: "/die", effect: "read" }).catch(() => {});
    await expect.poll(() => events.some((event) => event.type === "exited")).toBe(true);
    await upstream.close();
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(events.map((event) => event.type)).toEqual(["listening", "exited"]);
  });
});
