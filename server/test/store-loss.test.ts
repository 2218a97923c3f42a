/** The gateway as a process whose stores are missing at its start, or lost under it: what stops it, and what goes on. */

import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { lastWord, type Run, type RunOptions, served, spawnGateway } from "./gateway-process.js";
import { findPostgres, type PostgresServer, startPostgres } from "./postgres-server.js";
import type { S3Server } from "./running-s3.js";
import { startS3 } from "./s3-server.js";

const DOUBLE = new URL("./aerospike-package.ts", import.meta.url).href;
const KEY = "tpuf_local";
const SLOW_MS = 2_000;
// Every test starts a process or two.
vi.setConfig({ testTimeout: 60_000 });

let folder: string;
const runs: Run[] = [];
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "hevlayer-loss-"));
});
afterEach(async () => {
  for (const { child, exit } of runs.splice(0)) {
    child.kill("SIGKILL");
    await exit;
  }
  await rm(folder, { recursive: true, force: true });
});

function run(environment: Record<string, string>, options: RunOptions = {}): Run {
  const started = spawnGateway(folder, environment, options);
  runs.push(started);
  return started;
}

function caller(url: string) {
  const headers = { authorization: `Bearer ${KEY}`, "content-type": "application/json" };
  const post = (to: string, body: unknown) =>
    fetch(url + to, { method: "POST", headers, body: JSON.stringify(body) });
  return {
    write: (id: number) => post("/v2/namespaces/films", { upsert_rows: [{ id, title: `film ${id}` }] }),
    query: () => post("/v2/namespaces/films/query", { rank_by: ["id", "asc"], limit: 10 }),
    fetch: (id: number) => fetch(`${url}/v2/namespaces/films/documents/${id}`, { headers }),
    warm: () => post("/v2/namespaces/films/warm", {}),
    health: async () => (await (await fetch(`${url}/health`, { headers })).json()) as Health,
  };
}

interface Health {
  aerospike: { connected: boolean; generation: number; last_error?: string };
  stores: Record<string, { adapter: string; status: string; since?: string; detail?: string }>;
}

/** Reads what must not wait for a store that is lost, and returns where the document came from. */
async function readAtOnce({ query, fetch }: ReturnType<typeof caller>): Promise<string | null> {
  const started = performance.now();
  const [found, document] = [await query(), await fetch(1)];
  expect([found.status, document.status]).toEqual([200, 200]);
  expect(performance.now() - started).toBeLessThan(SLOW_MS);
  return document.headers.get("x-layer-cache");
}

describe("an optional package that is missing", () => {
  it.each([
    ["aerospike", { AEROSPIKE_HOSTS: "127.0.0.1:9" }, "AEROSPIKE_HOSTS is set", "npm install aerospike@6"],
    [
      "pg",
      { DATABASE_URL: "postgres://layer:hunter2@127.0.0.1:9/layer" },
      "DATABASE_URL is set",
      "npm install pg@8",
    ],
  ])("as %s is one line that says what to install", async (name, environment, cause, advice) => {
    const line = await lastWord(run(environment, { packages: { [name]: null } }));
    expect(line).toBe(`${cause} but the package ${name} is not installed: ${advice}`);
  });

  it("is not missed where nothing needs it", async () => {
    const gateway = run({}, { packages: { aerospike: null, pg: null, "@aws-sdk/client-s3": null } });
    const url = await served(gateway);
    expect((await fetch(`${url}/ready`)).status).toBe(200);
  });
});

describe("an Aerospike cluster that is dead", () => {
  it("leaves the gateway degraded from the start, and serving, until it answers", async () => {
    const up = path.join(folder, "up");
    const before = Date.now();
    const gateway = run(
      { AEROSPIKE_HOSTS: "127.0.0.1:9", LAYER_TEST_AEROSPIKE_UP: up },
      { packages: { aerospike: DOUBLE } },
    );
    const call = caller(await served(gateway));
    expect((await call.write(1)).status).toBe(200);
    expect(await readAtOnce(call)).toBe("miss-on-error");
    const { aerospike, stores } = await call.health();
    expect(aerospike).toEqual({ connected: false, generation: 0, last_error: "code -10 (lost)" });
    expect(stores.document_cache).toMatchObject({ adapter: "aerospike", status: "degraded" });
    const since = Date.parse(stores.document_cache?.since ?? "");
    expect(since).toBeGreaterThanOrEqual(before);
    expect(since).toBeLessThanOrEqual(Date.now());

    expect(existsSync(up)).toBe(false);
    await writeFile(up, "");
    const connected = async () => (await call.health()).aerospike;
    await expect.poll(connected).toMatchObject({ connected: true, generation: 1 });
    expect((await call.health()).stores.document_cache?.status).toBe("ok");
    await expect.poll(() => readAtOnce(call)).toBe("hit");

    await rm(up);
    expect(await readAtOnce(call)).toBe("miss-on-error");
    expect(await connected()).toMatchObject({ connected: false, generation: 1 });
    expect(await readAtOnce(call)).toBe("miss-on-error");
  });
});

const found = findPostgres();
const reason = "reason" in found ? ` (missing: ${found.reason})` : "";
describe.skipIf("reason" in found || "url" in found)(`an S3 and a PostgreSQL that are lost${reason}`, () => {
  const bucket = `loss-${process.pid}`;
  let s3: S3Server;
  let postgres: PostgresServer;
  beforeAll(async () => {
    s3 = await startS3(bucket);
    if (!("reason" in found)) postgres = await startPostgres(found);
  });
  afterAll(async () => {
    s3?.stop();
    await postgres?.stop();
  });

  it("leave rows to be read, fail what needs them, and health says since when", async () => {
    const gateway = run({
      S3_BUCKET: bucket,
      S3_ENDPOINT: s3.endpoint,
      AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
      DATABASE_URL: await postgres.url("loss"),
    });
    const call = caller(await served(gateway));
    expect((await call.write(1)).status).toBe(200);
    const before = Date.now();
    s3.stop();
    await postgres.kill();
    await readAtOnce(call);
    const asked = performance.now();
    const warming = await call.warm();
    expect(warming.status, await warming.text()).toBe(502);
    expect(performance.now() - asked).toBeLessThan(30_000);
    const states = async () => {
      const { stores } = await call.health();
      return [stores.blob_store?.status, stores.queue_store?.status];
    };
    expect(await states()).toEqual(["ok", "ok"]);
    await expect.poll(states, { timeout: 30_000, interval: 200 }).toEqual(["degraded", "degraded"]);
    const { stores } = await call.health();
    for (const store of [stores.blob_store, stores.queue_store]) {
      expect(Date.parse(store?.since ?? "")).toBeGreaterThanOrEqual(before);
      expect(store?.detail).toMatch(/not reachable|did not answer|no answer/);
      expect(store?.detail).not.toContain(s3.credentials.secretAccessKey);
    }
    await readAtOnce(call);

    await postgres.start();
    await expect.poll(states, { timeout: 30_000, interval: 200 }).toEqual(["degraded", "ok"]);
    gateway.child.kill("SIGTERM");
    expect(await gateway.exit).toBe(0);
    expect(gateway.stderr()).toContain('"store":"blob store"');
    expect(gateway.stdout() + gateway.stderr()).not.toContain(s3.credentials.secretAccessKey);
  }, 90_000);
});
