/**
 * Two gateway processes over one S3 server, one embedded cache and one engine: a warm job whose owner is killed goes on
 * elsewhere from its stored cursor, under its id, and in the end every row of it is in the cache.
 */

import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it, onTestFailed } from "vitest";
import { connectS3BlobStore } from "../src/adapters/blobs/s3.js";
import { leaseKey } from "../src/domain/replicas/leases.js";
import { PARTITIONS, partitionOf } from "../src/domain/replicas/partitions.js";
import type { BlobStore } from "../src/ports/blob-store.js";
import { ENGINE_KEY, type EngineChild, forkEngine } from "./engine-child.js";
import { type Run, served, spawnGateway } from "./gateway-process.js";
import type { S3Server } from "./running-s3.js";
import { startS3 } from "./s3-server.js";

const ROWS = 24;
/** Rows are paged one by one. The owner gets no page after this many, so that it is surely killed in the middle. */
const PAGES_OF_OWNER = 12;
/** What a page takes at least, ms: a cursor is stored once a second. */
const PAGE_MS = 200;
const NAMESPACE = "films";
const BUCKET = `warm-${randomUUID()}`;
/** A lease is free 15 s after its owner died, as far as others can tell; the rest is for a busy machine. */
const LONG = { timeout: 120_000, interval: 200 };

interface Door {
  readonly url: string;
  /** The filter of every page that was asked for through this door, `null` for a first page. */
  readonly pages: unknown[];
  /** Of its next pages only so many are answered. */
  holdAfter(count: number): void;
  readonly server: Server;
}

interface Gateway {
  readonly run: Run;
  readonly url: string;
  readonly door: Door;
}

interface Job {
  readonly id: string;
  readonly status: string;
  readonly progress: number;
  readonly documents_scanned: number;
  readonly stable_as_of?: number;
  readonly error: string | null;
}

let folder: string;
let s3: S3Server;
let engine: EngineChild;
let engineUrl: string;
let blobs: BlobStore;
let writing: NodeJS.Timeout | undefined;
const gateways: Gateway[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hevlayer-warm-"));
  s3 = await startS3(BUCKET);
  const { endpoint, credentials } = s3;
  blobs = await connectS3BlobStore({ bucket: BUCKET, endpoint, credentials });
  engine = await forkEngine(join(folder, "engine"));
  if (engine.message.type === "failed") throw new Error(engine.message.message);
  engineUrl = `http://127.0.0.1:${engine.message.port}`;
}, 120_000);

afterAll(async () => {
  clearInterval(writing);
  for (const { run, door } of gateways) {
    run.child.kill("SIGKILL");
    door.server.close();
    door.server.closeAllConnections();
  }
  await Promise.all(gateways.map(({ run }) => run.exit));
  engine?.child.kill("SIGKILL");
  await blobs?.close();
  s3?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** The engine as one gateway sees it: pages are slow and noted, and may be held back. */
async function openDoor(): Promise<Door> {
  const pages: unknown[] = [];
  let pagesMax = Number.POSITIVE_INFINITY;
  const server = createServer(async (request, response) => {
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks);
      if (request.url?.endsWith("/query")) {
        const query = JSON.parse(body.toString()) as { top_k?: number; filters?: unknown };
        pages.push(query.filters ?? null);
        if (pages.length > pagesMax) return;
        await sleep(PAGE_MS);
      }
      const answer = await fetch(`${engineUrl}${request.url}`, {
        method: request.method ?? "GET",
        headers: { authorization: `Bearer ${ENGINE_KEY}`, "content-type": "application/json" },
        ...(body.length === 0 ? {} : { body }),
      });
      response.writeHead(answer.status, { "content-type": "application/json" });
      response.end(Buffer.from(await answer.arrayBuffer()));
    } catch {
      response.destroy();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const holdAfter = (count: number): void => {
    pagesMax = pages.length + count;
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, pages, holdAfter, server };
}

async function startGateway(): Promise<void> {
  const door = await openDoor();
  const run = spawnGateway(folder, {
    TPUF_URL: door.url,
    TURBOPUFFER_API_KEY: ENGINE_KEY,
    S3_BUCKET: BUCKET,
    S3_ENDPOINT: s3.endpoint,
    AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
    NAMESPACE_LIST_CACHE_TTL_MS: "0",
  });
  gateways.push({ run, url: await served(run), door });
}

function ask(url: string, method: string, path: string, body?: unknown): Promise<Response> {
  return fetch(`${url}/v2/namespaces${path}`, {
    method,
    headers: { authorization: `Bearer ${ENGINE_KEY}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function jobOf({ url }: Gateway, id: string): Promise<Job> {
  const answer = await ask(url, "GET", `/${NAMESPACE}/warm-jobs/${id}`);
  expect(answer.status).toBe(200);
  return (await answer.json()) as Job;
}

async function cacheStateOf({ url }: Gateway): Promise<unknown> {
  const listing = (await (await ask(url, "GET", "")).json()) as {
    namespaces: { name: string; cache_state: unknown }[];
  };
  return listing.namespaces.find(({ name }) => name === NAMESPACE)?.cache_state;
}

/** Whose each partition is, by the ids that replicas have in the blob store. */
async function owners(): Promise<string[]> {
  const found = await Promise.all(
    Array.from({ length: PARTITIONS }, async (_, partition) => {
      const blob = await blobs.get(leaseKey(partition));
      const { owner, released } = JSON.parse(Buffer.from(blob?.body ?? "{}").toString()) as {
        owner?: string;
        released?: boolean;
      };
      return released === true || owner === undefined ? "" : owner;
    }),
  );
  return found;
}

const replicaOf = ({ run }: Gateway): string => /"replica":"([^"]+)"/.exec(run.stderr())?.[1] ?? "unknown";

/** A replica that writes is known to the others, which leave it its share of the work. */
function keepWriting(): void {
  writing = setInterval(() => {
    for (const { url } of gateways)
      ask(url, "POST", "/other", { upsert_rows: [{ id: 1, n: 1 }] }).catch(() => undefined);
  }, 1_000);
}

const fetchRow = async ({ url }: Gateway, id: number) => {
  const answer = await ask(url, "GET", `/${NAMESPACE}/documents/${id}`);
  return { cache: answer.headers.get("x-layer-cache"), body: await answer.json() };
};

it("a warm job outlives its owner, under its id, and fills the cache", { timeout: 300_000 }, async () => {
  onTestFailed(() => {
    for (const { run, door } of gateways) {
      const lines = run.stderr().split("\n");
      const told = lines.filter((line) => !line.includes('"msg":"request"'));
      console.error(told.join("\n"), JSON.stringify(door.pages));
    }
  });
  // Around the gateways, so that nothing but the job can have put the rows into the cache.
  const rows = Array.from({ length: ROWS }, (_, id) => ({ id, title: `film ${id}` }));
  expect((await ask(engineUrl, "POST", `/${NAMESPACE}`, { upsert_rows: rows })).status).toBe(200);
  for (let count = 0; count < 2; count += 1) await startGateway();
  keepWriting();
  const [first, second] = gateways as [Gateway, Gateway];
  const half = PARTITIONS / 2;
  await expect
    .poll(async () => {
      const present = await owners();
      return [first, second].map((gateway) => present.filter((owner) => owner === replicaOf(gateway)).length);
    }, LONG)
    .toEqual([half, half]);
  const owns = (await owners())[partitionOf(NAMESPACE)];
  const [owner, heir] = owns === replicaOf(first) ? [first, second] : [second, first];

  owner.door.holdAfter(PAGES_OF_OWNER);
  const started = await ask(heir.url, "POST", `/${NAMESPACE}/warm?page_size=1`);
  expect(started.status).toBe(202);
  const { id } = (await started.json()) as Job;
  await expect.poll(() => owner.door.pages.length, LONG).toBeGreaterThan(PAGES_OF_OWNER);
  owner.run.child.kill("SIGKILL");
  await owner.run.exit;

  const left = await jobOf(heir, id);
  expect(left).toMatchObject({ id, status: "running", error: null });
  expect(left.documents_scanned).toBeGreaterThan(1);
  expect(left.documents_scanned).toBeLessThanOrEqual(PAGES_OF_OWNER);
  expect(heir.door.pages).toEqual([]);

  const seen = [left];
  await expect
    .poll(async () => seen[seen.push(await jobOf(heir, id)) - 1], LONG)
    .toMatchObject({ id, status: "completed", progress: 1, documents_scanned: ROWS, error: null });
  for (const [index, job] of seen.entries()) {
    expect(job.progress).toBeGreaterThanOrEqual(seen[index - 1]?.progress ?? 0);
    expect(job.documents_scanned).toBeGreaterThanOrEqual(left.documents_scanned);
  }
  expect(heir.door.pages[0]).toEqual(["id", "Gt", left.documents_scanned - 1]);

  const through = seen.at(-1)?.stable_as_of;
  expect(through).toEqual(expect.any(Number));
  expect(await cacheStateOf(heir)).toEqual({
    state: "warm",
    warm_inflight: false,
    warmed_through_ms: through,
  });
  const asked = heir.door.pages.length;
  // Until a poll has accounted for every write to the namespace, nothing of it is served.
  await expect.poll(async () => (await fetchRow(heir, 0)).cache, LONG).toBe("hit");
  const fetched = await Promise.all(rows.slice(1).map((row) => fetchRow(heir, row.id)));
  expect(fetched).toEqual(
    rows
      .slice(1)
      .map(({ id: row, title }) => ({ cache: "hit", body: { id: String(row), attributes: { title } } })),
  );
  expect(heir.door.pages.slice(asked).every((filter) => JSON.stringify(filter) === '["id","In",[0]]')).toBe(
    true,
  );
  const jobs = (await (await ask(heir.url, "GET", `/${NAMESPACE}/warm-jobs`)).json()) as { warm_jobs: Job[] };
  expect(jobs.warm_jobs.map((job) => job.id)).toEqual([id]);
});
