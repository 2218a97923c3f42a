/** What `npm start` promises: it serves, it starts again quickly, it keeps data through a kill, it leaves no orphan. */
import { execFileSync, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { freePort } from "./free-port.js";
import { KEY, ROOT, startGateway } from "./running-gateway.js";
import { ensureBuilt } from "./setup.mjs";

const START = [join(ROOT, "scripts/start.mjs")];
const TIMEOUT_MS = 60_000;
const headers = { authorization: `Bearer ${KEY}`, "content-type": "application/json" };

let dataDir: string;

beforeAll(ensureBuilt, TIMEOUT_MS);

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "hevlayer-start-"));
});

afterEach(async () => {
  await rm(dataDir, { recursive: true, force: true });
});

/** Whether a process exists and is not a zombie. */
function isAlive(pid: number): boolean {
  try {
    return !execFileSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" })
      .trim()
      .startsWith("Z");
  } catch {
    return false;
  }
}

function childrenOf(pid: number): number[] {
  try {
    return execFileSync("pgrep", ["-P", String(pid)], { encoding: "utf8" })
      .trim()
      .split("\n")
      .map(Number);
  } catch {
    return [];
  }
}

/** Children, and theirs. */
function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
}

async function eventually(condition: () => boolean, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (Date.now() < deadline) {
    if (condition()) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return condition();
}

describe("npm start", () => {
  it("keeps acknowledged data through kill -9, ends the engine with it, and starts again", {
    timeout: TIMEOUT_MS,
  }, async () => {
    const first = await startGateway({ command: START, dataDir });
    const pid = first.process.pid ?? 0;
    const children = childrenOf(pid);
    expect(children.length).toBeGreaterThan(0);
    const written = await fetch(`${first.url}/v2/namespaces/kept`, {
      method: "POST",
      headers,
      body: JSON.stringify({ upsert_rows: [{ id: 42, title: "still here" }] }),
    });
    expect(written.status, await written.text()).toBe(200);

    process.kill(pid, "SIGKILL");
    expect(await eventually(() => children.every((child) => !isAlive(child)), 10_000)).toBe(true);

    const second = await startGateway({ command: START, dataDir });
    const read = await fetch(`${second.url}/v2/namespaces/kept/documents/42`, { headers });
    expect(await read.json()).toEqual({ id: "42", attributes: { title: "still here" } });
    await second.stop();
  });

  it("leaves when the npm that started it is killed", { timeout: TIMEOUT_MS }, async () => {
    const port = await freePort();
    const env = {
      ...process.env,
      PORT: String(port),
      LAYER_ENGINE_PORT: String(await freePort()),
      LAYER_DATA_DIR: dataDir,
      LAYER_DRAIN_MARKER_PATH: join(dataDir, "draining"),
    };
    const npm = spawn("npm", ["start"], { cwd: ROOT, env, stdio: "ignore" });
    const isReady = () =>
      fetch(`http://127.0.0.1:${port}/ready`).then(
        (answer) => answer.status === 200,
        () => false,
      );
    const deadline = Date.now() + 30_000;
    while (!(await isReady())) {
      if (Date.now() > deadline) throw new Error("the gateway was not ready within 30 s");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const started = descendantsOf(npm.pid ?? 0);
    expect(started.length).toBeGreaterThanOrEqual(2);
    npm.kill("SIGKILL");
    expect(await eventually(() => started.every((each) => !isAlive(each)), 15_000)).toBe(true);
  });

  it("prints where to go, which key to use and where data lives", { timeout: TIMEOUT_MS }, async () => {
    const gateway = await startGateway({ command: START, dataDir });
    const said = gateway.output();
    await gateway.stop({ keepData: true });
    expect(said).toContain(gateway.url.replace("127.0.0.1", "").replace("http://", ""));
    expect(said).toContain(KEY);
    expect(said).toContain("npm run demo");
    expect(said).toContain(dataDir);
  });
});

describe("a bad start is one line and exit code 1", () => {
  /** Runs it to its end and gives what it said. */
  function fail(env: Record<string, string>): Promise<{ code: number | null; said: string }> {
    return new Promise((resolve) => {
      const child = spawn(process.execPath, START, {
        cwd: ROOT,
        env: { ...process.env, LAYER_DATA_DIR: dataDir, LAYER_ENGINE_PORT: "0", ...env },
        timeout: 30_000,
      });
      let said = "";
      child.stderr.on("data", (chunk: Buffer) => {
        said += String(chunk);
      });
      child.on("close", (code) => resolve({ code, said }));
    });
  }

  /** One line a problem, none of them a stack trace. */
  function expectOneLine(said: string): void {
    expect(said.trim().split("\n").length, said).toBe(1);
    expect(said).not.toMatch(/^\s+at /m);
  }

  it("names a port in use", { timeout: TIMEOUT_MS }, async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
    const address = holder.address();
    const port = address !== null && typeof address === "object" ? String(address.port) : "";
    const { code, said } = await fail({ PORT: port });
    await new Promise((resolve) => holder.close(resolve));
    expect(code).toBe(1);
    expect(said).toContain(port);
    expectOneLine(said);
  });

  it("names a malformed variable, its value and its rule", { timeout: TIMEOUT_MS }, async () => {
    const { code, said } = await fail({ PORT: "eighty" });
    expect(code).toBe(1);
    expect(said).toContain("PORT");
    expect(said).toContain("eighty");
    expectOneLine(said);
  });

  it("names a data directory it cannot write", { timeout: TIMEOUT_MS }, async () => {
    const file = join(dataDir, "a-file");
    await writeFile(file, "not a folder");
    const { code, said } = await fail({ PORT: String(await freePort()), LAYER_DATA_DIR: file });
    expect(code).toBe(1);
    expect(said).toContain(file);
    expectOneLine(said);
  });
});
