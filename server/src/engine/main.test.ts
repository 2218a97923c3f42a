import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { beginEngine, ENGINE_KEY, type EngineChild, exitOf, forkEngine } from "../../test/engine-child.js";
import { runs } from "../../test/long-runs.js";

const ROUNDS = runs(10);

let directory: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "engine-main-"));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(directory, { recursive: true, force: true });
});

async function start(env: NodeJS.ProcessEnv = {}): Promise<EngineChild> {
  const started = await forkEngine(directory, env);
  children.push(started.child);
  return started;
}

async function listening(env?: NodeJS.ProcessEnv): Promise<{ child: ChildProcess; url: string }> {
  const { child, message } = await start(env);
  if (message.type !== "listening") throw new Error(message.message);
  return { child, url: `http://127.0.0.1:${message.port}` };
}

async function post(url: string, path: string, body: unknown): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${ENGINE_KEY}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

interface Row {
  id: number;
  n: number;
  text: string;
}

/** Writes batches until the connection breaks; gives the newest acknowledged `n` and the newest one sent. */
async function writeUntilKilled(
  url: string,
  from: number,
  onFirst: () => void,
): Promise<{ acknowledged: number; sent: number }> {
  let n = from;
  let acknowledged = from;
  for (;;) {
    n++;
    try {
      const upsert_rows = Array.from({ length: 20 }, (_, id) => ({
        id,
        n,
        text: `generation ${n}`,
        vector: [n, id],
      }));
      const distance_metric = "euclidean_squared";
      const schema = { text: { type: "string", full_text_search: true } };
      const reply = await post(url, "/v2/namespaces/load", { upsert_rows, distance_metric, schema });
      if (reply.status === 200) acknowledged = n;
      if (n === from + 1) onFirst();
    } catch {
      return { acknowledged, sent: n };
    }
  }
}

describe("the engine process", () => {
  it(
    "loses no acknowledged write and shows no half of one when killed under load",
    async () => {
      let newest = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const { child, url } = await listening();
        // From the first write on, which a busy machine may be slow to take.
        const killSoon = () => setTimeout(() => child.kill("SIGKILL"), 20 + (round % 5) * 90);
        const { acknowledged, sent } = await writeUntilKilled(url, newest, killSoon);
        await exitOf(child);
        expect(acknowledged).toBeGreaterThan(newest);

        const reopened = await listening();
        const { body } = await post(reopened.url, "/v2/namespaces/load/query", {
          rank_by: ["id", "asc"],
          limit: 100,
          include_attributes: ["n", "text"],
        });
        const rows = (body as { rows: Row[] }).rows;
        const generations = new Set(rows.map(({ n }) => n));
        expect([rows.length, generations.size]).toEqual([20, 1]);
        newest = rows[0]?.n ?? 0;
        expect(newest).toBeGreaterThanOrEqual(acknowledged);
        expect(newest).toBeLessThanOrEqual(sent);
        const found = await post(reopened.url, "/v2/namespaces/load/query", {
          rank_by: ["text", "BM25", String(newest)],
          limit: 100,
        });
        expect((found.body as { rows: Row[] }).rows).toHaveLength(20);
        reopened.child.kill("SIGKILL");
        await exitOf(reopened.child);
      }
    },
    60_000 + ROUNDS * 10_000,
  );

  it("drains on SIGTERM and leaves the directory to the next process", async () => {
    const first = await listening();
    await post(first.url, "/v2/namespaces/a", { upsert_rows: [{ id: 1 }] });
    first.child.kill("SIGTERM");
    const second = await listening();
    expect(await exitOf(first.child)).toBe(0);
    const { body } = await post(second.url, "/v2/namespaces/a/query", { limit: 1 });
    expect(body).toMatchObject({ rows: [{ id: 1 }] });
  }, 60_000);

  it("ends by itself when its parent is gone", async () => {
    const { child } = await listening();
    child.disconnect();
    expect(await exitOf(child)).toBe(0);
  }, 60_000);

  it("ends by itself when its parent was gone before it listened", async () => {
    const child = beginEngine(directory);
    children.push(child);
    child.disconnect();
    expect(await exitOf(child)).toBe(0);
  }, 60_000);

  it("ends at once when another process has taken its directory", async () => {
    const { child, stderr, message } = await start();
    expect(message.type).toBe("listening");
    const path = join(directory, "engine.lock");
    // As another container would, having found no heartbeat while this one was asleep.
    const other = { ...JSON.parse(readFileSync(path, "utf8")), pid: process.pid };
    rmSync(path);
    writeFileSync(path, JSON.stringify(other));
    await exitOf(child);
    expect(child.signalCode).toBe("SIGKILL");
    expect(stderr()).toContain("another process took the data directory");
  }, 60_000);

  it("refuses a bad start in one line that names the thing and what to do", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => taken.once("listening", resolve));
    const port = String((taken.address() as { port: number }).port);
    const file = join(directory, "file");
    writeFileSync(file, "");
    const cases: [NodeJS.ProcessEnv, string][] = [
      [{ LAYER_ENGINE_PORT: port }, `port ${port} is in use`],
      [{ LAYER_ENGINE_PORT: "http" }, "LAYER_ENGINE_PORT is 'http'"],
      [{ LAYER_ENGINE_FAULTS: '[{"kind":"flood"}]' }, "LAYER_ENGINE_FAULTS is not a list of fault rules"],
      [{ LAYER_ENGINE_API_KEY: "" }, "LAYER_ENGINE_API_KEY is not set"],
      [{ LAYER_ENGINE_DATA_DIR: join(file, "below") }, "cannot be used"],
    ];
    for (const [env, fragment] of cases) {
      const { child, message } = await start(env);
      expect(message).toEqual({ type: "failed", message: expect.stringContaining(fragment) });
      expect((message as { message: string }).message).not.toContain("\n");
      expect(await exitOf(child)).toBe(1);
    }
    taken.close();
  }, 60_000);
});
