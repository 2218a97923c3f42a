/** The command as a process: how it begins, what it prints, how it ends, and that it leaves nothing behind. */

import { execFileSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { freePort } from "../../scripts/free-port.js";
import { lastWord, type Run, served, spawnGateway } from "./gateway-process.js";
import { type ScriptedUpstream, startScriptedUpstream } from "./scripted-upstream.js";

const KEY = "store-key-of-the-test";

let folder: string;
const runs: Run[] = [];
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "hevlayer-process-"));
});
afterEach(async () => {
  for (const { child, exit } of runs.splice(0)) {
    child.kill("SIGKILL");
    await exit;
  }
  await rm(folder, { recursive: true, force: true });
});

function run(environment: Record<string, string>, ...args: string[]): Run {
  const started = spawnGateway(folder, environment, { args });
  runs.push(started);
  return started;
}

function childrenOf(pid: number | undefined): number[] {
  try {
    return execFileSync("pgrep", ["-P", String(pid)], { encoding: "utf8" })
      .trim()
      .split("\n")
      .map(Number);
  } catch {
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/.test(execFileSync("cat", [`/proc/${pid}/stat`], { encoding: "utf8" }));
  } catch {
    return false;
  }
}

describe("a gateway that serves", () => {
  it("prints the URL, the key, the data and the demo, and logs nothing that it prints", async () => {
    const gateway = run({});
    const url = await served(gateway);
    expect((await fetch(`${url}/ready`)).status).toBe(200);
    expect(gateway.stdout()).toContain("tpuf_local");
    expect(gateway.stdout()).toContain(`${folder}/engine`);
    expect(gateway.stdout()).toContain(`LAYER_GATEWAY_URL=${url} npm run demo`);
    await expect.poll(() => gateway.stderr()).toContain('"operation":"getReady"');
    expect(gateway.stdout()).not.toContain("getReady");
  });

  it.each(["SIGTERM", "SIGINT"] as const)("leaves with 0 on %s, its engine with it", async (signal) => {
    const gateway = run({});
    await served(gateway);
    const engine = childrenOf(gateway.child.pid);
    expect(engine.length).toBeGreaterThan(0);
    gateway.child.kill(signal);
    expect(await gateway.exit).toBe(0);
    await expect.poll(() => engine.filter(isAlive)).toEqual([]);
  });

  it("keeps its engine through the Ctrl-C that reaches both, until it has drained", async () => {
    const gateway = run({});
    const url = await served(gateway);
    const [engine = 0] = childrenOf(gateway.child.pid);
    process.kill(engine, "SIGINT");
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(isAlive(engine)).toBe(true);
    expect((await fetch(`${url}/ready`)).status).toBe(200);
  });

  it("leaves no engine behind when it is killed", async () => {
    const gateway = run({});
    await served(gateway);
    const engine = childrenOf(gateway.child.pid);
    gateway.child.kill("SIGKILL");
    await gateway.exit;
    await expect.poll(() => engine.filter(isAlive)).toEqual([]);
  });

  it("serves on, and leaves when told to, while nobody takes its log", async () => {
    const full = openSync("/dev/full", "w");
    try {
      const gateway = spawnGateway(folder, {}, { logTo: full });
      runs.push(gateway);
      const url = await served(gateway);
      for (let n = 0; n < 3; n++) expect((await fetch(`${url}/ready`)).status).toBe(200);
      gateway.child.kill("SIGTERM");
      expect(await gateway.exit).toBe(0);
    } finally {
      closeSync(full);
    }
  });

  it("never prints a key of the operator's own", async () => {
    const gateway = run({ TURBOPUFFER_API_KEY: KEY });
    await served(gateway);
    expect(gateway.stdout()).toContain("the value of TURBOPUFFER_API_KEY");
    gateway.child.kill("SIGTERM");
    await gateway.exit;
    expect(gateway.stdout() + gateway.stderr()).not.toContain(KEY);
  });
});

describe("draining", () => {
  let upstream: ScriptedUpstream;
  beforeEach(async () => {
    upstream = await startScriptedUpstream();
  });
  afterEach(() => upstream.stop());

  it("finishes what is in flight and refuses what is new", async () => {
    let finish = () => {};
    upstream.onRequest((call, response) => {
      response.setHeader("content-type", "application/json");
      if (!call.url.includes("/slow/")) return void response.end('{"namespaces":[]}');
      finish = () => void response.end('{"done":true}');
    });
    const gateway = run({ TPUF_URL: upstream.url, TURBOPUFFER_API_KEY: KEY });
    const url = await served(gateway);
    const headers = { authorization: `Bearer ${KEY}` };
    const slow = fetch(`${url}/v1/namespaces/slow/metadata`, { headers });
    await expect.poll(() => upstream.calls.length).toBe(1);
    gateway.child.kill("SIGTERM");
    await expect.poll(async () => (await fetch(`${url}/ready`)).status).toBe(503);
    expect(await (await fetch(`${url}/ready`)).json()).toMatchObject({ status: "draining" });
    const refused = await fetch(`${url}/v1/namespaces`, { headers });
    expect([refused.status, refused.headers.get("connection")]).toEqual([503, "close"]);
    expect(await refused.json()).toMatchObject({ error: "gateway_draining" });
    finish();
    expect(await (await slow).json()).toEqual({ done: true });
    expect(await gateway.exit).toBe(0);
  });

  it("begins with the marker file too, and ends when it is taken away", async () => {
    const gateway = run({ TPUF_URL: upstream.url, TURBOPUFFER_API_KEY: KEY });
    const url = await served(gateway);
    const ready = async () => (await fetch(`${url}/ready`)).status;
    const marker = path.join(folder, "draining");
    await writeFile(marker, "");
    await expect.poll(ready).toBe(503);
    await rm(marker);
    await expect.poll(ready).toBe(200);
  });
});

describe("a bad start is one line and exit code 1, and leaves nothing running", () => {
  const fails = (environment: Record<string, string>): Promise<string> => lastWord(run(environment));

  async function holdPort<T>(use: (port: string) => Promise<T>): Promise<T> {
    const holder = net.createServer();
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
    const result = await use(String((holder.address() as net.AddressInfo).port));
    await new Promise((resolve) => holder.close(resolve));
    return result;
  }

  it("on a port in use", async () => {
    await holdPort(async (port) =>
      expect(await fails({ PORT: port })).toContain(`PORT=${port}: another process`),
    );
  });

  it("on an engine port in use", async () => {
    await holdPort(async (port) => expect(await fails({ LAYER_ENGINE_PORT: port })).toContain(port));
  });

  it("on a data directory that is a file", async () => {
    const file = path.join(folder, "file");
    await writeFile(file, "");
    expect(await fails({ LAYER_DATA_DIR: file })).toMatch(
      /^LAYER_DATA_DIR=.*file.*: cannot be written \(\w+\); /,
    );
  });

  it("on a data directory that another gateway uses", async () => {
    await served(run({}));
    expect(await fails({})).toContain(folder);
  });

  it("on an object store that does not answer", async () => {
    const AWS = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "hunter2" };
    const line = await fails({ ...AWS, S3_BUCKET: "layer", S3_ENDPOINT: "http://127.0.0.1:1" });
    expect(line).toContain("S3_ENDPOINT=http://127.0.0.1:1: blob ping: the object store is not reachable");
  });

  it("on a database that does not answer", async () => {
    const line = await fails({ DATABASE_URL: "postgres://layer:hunter2@127.0.0.1:1/layer" });
    expect(line).toMatch(/^DATABASE_URL \(127\.0\.0\.1:1\/layer\): .* is not reachable/);
  });

  it("on a remote upstream without a key", async () => {
    expect(await fails({ TPUF_URL: "http://127.0.0.1:1" })).toMatch(/^TURBOPUFFER_API_KEY is not set: /);
  });
});

describe("the engine alone", () => {
  it("serves Turbopuffer's wire until it is told to stop", async () => {
    const engine = run({}, "engine");
    const url = () => /on (http:\S+)/.exec(engine.stdout())?.[1];
    await expect.poll(url).toBeTruthy();
    const answer = await fetch(`${url()}/v1/namespaces`, { headers: { authorization: "Bearer tpuf_local" } });
    expect(answer.status).toBe(200);
    engine.child.kill("SIGTERM");
    expect(await engine.exit).toBe(0);
  });

  it("simulates the trouble it is asked for, and refuses to guess at what it cannot read", async () => {
    const faults = JSON.stringify([{ kind: "status", status: 429, retryAfterSeconds: 7, times: 1 }]);
    const engine = run({ LAYER_ENGINE_FAULTS: faults }, "engine");
    const url = () => /on (http:\S+)/.exec(engine.stdout())?.[1];
    await expect.poll(url).toBeTruthy();
    const list = () => fetch(`${url()}/v1/namespaces`, { headers: { authorization: "Bearer tpuf_local" } });
    const first = await list();
    expect([first.status, first.headers.get("retry-after")]).toEqual([429, "7"]);
    expect((await list()).status).toBe(200);
    engine.child.kill("SIGTERM");
    expect(await engine.exit).toBe(0);

    const wrong = run({ LAYER_ENGINE_FAULTS: '[{"kind":"flood"}]' }, "engine");
    expect(await wrong.exit).toBe(1);
    expect(wrong.stderr()).toContain("fault rule 0 has kind 'flood'");
  });

  it("listens on the port of --port, also when PORT or LAYER_ENGINE_PORT says another", async () => {
    const port = await freePort();
    const engine = run({ PORT: String(port), LAYER_ENGINE_PORT: "1" }, "engine", "--port", String(port));
    await expect.poll(() => engine.stdout()).toContain(`http://127.0.0.1:${port}`);
    expect((await fetch(`http://127.0.0.1:${port}/v1/namespaces`)).status).toBe(401);
    engine.child.kill("SIGTERM");
    expect(await engine.exit).toBe(0);
  });
});
