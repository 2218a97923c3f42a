/** What stores acknowledged is still there, and everything in them is whole, after the process that wrote it was killed. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openEmbeddedBlobStore } from "../src/adapters/blobs/embedded.js";
import { openS3BlobStore } from "../src/adapters/blobs/s3.js";
import { openEmbeddedDocumentCache } from "../src/adapters/documents/embedded.js";
import { openEmbeddedQueueStore } from "../src/adapters/queues/embedded.js";
import { openPostgresQueueStore } from "../src/adapters/queues/postgres.js";
import { systemClock } from "../src/clock.js";
import type { BlobStore } from "../src/ports/blob-store.js";
import type { DocumentCache } from "../src/ports/document-cache.js";
import type { QueueStore } from "../src/ports/queue-store.js";
import { isLong } from "./long-runs.js";
import { findPostgres, type PostgresServer, startPostgres } from "./postgres-server.js";
import type { S3Server } from "./running-s3.js";
import { startS3 } from "./s3-server.js";
import { pattern } from "./storage-pattern.js";

const writer = fileURLToPath(new URL("./storage-writer.ts", import.meta.url));
const log = { warn: () => undefined, error: () => undefined };
const SMALL_BYTES = 200;

/** The words of every line of a kind that a writer printed. */
type Acknowledged = (kind: string) => string[][];

describe("a writer that is killed", () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
  });

  /**
   * Lets the writer run until it has acknowledged something of each kind and a while longer. In one round it is killed then,
   * wherever it is; in the next it kills itself with an acknowledgement on its lips.
   */
  async function killedRound(
    kinds: string[],
    words: string[],
    env: NodeJS.ProcessEnv = {},
  ): Promise<string[]> {
    const killsItself = Number(words[0]) % 2 === 0;
    const after = killsItself ? String(1 + Math.floor(Math.random() * 50)) : "0";
    const child = spawn(process.execPath, ["--import", "tsx", writer, ...words], {
      env: { ...process.env, LAYER_TEST_KILL_AFTER: after, ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(child);
    // Not its exit: its last lines may still be on their way then.
    const end = once(child, "close");
    let output = "";
    let killing: NodeJS.Timeout | undefined;
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString("latin1");
      if (killsItself || killing || !kinds.every((kind) => output.includes(`${kind} `))) return;
      killing = setTimeout(() => child.kill("SIGKILL"), 50 + Math.random() * 300);
    });
    expect((await end)[1]).toBe("SIGKILL");
    return output.slice(0, output.lastIndexOf("\n")).split("\n");
  }

  const wordsOf =
    (lines: string[]): Acknowledged =>
    (kind) =>
      lines.map((line) => line.split(" ")).filter((words) => words[0] === kind);

  /** Every blob acknowledged is there; every blob that is there is whole, acknowledged or not. */
  async function checkBlobs(blobs: BlobStore, of: Acknowledged, largeBytes: number): Promise<void> {
    const keys: string[] = [];
    for (let more = true; more; ) {
      const after = keys.at(-1);
      const page = await blobs.list({ prefix: "round-", limit: 1_000, ...(after && { after }) });
      keys.push(...page.entries.map((entry) => entry.key));
      more = page.more;
    }
    const present = new Set(keys);
    expect(of("blob").filter(([, key = ""]) => !present.has(key))).toEqual([]);
    for (const key of keys) {
      const body = (await blobs.get(key))?.body ?? Buffer.alloc(0);
      const size = Number(key.split("/")[1]) % 2 ? SMALL_BYTES : largeBytes;
      expect(Buffer.compare(body, pattern(key, size)), key).toBe(0);
    }
    const replaced = Buffer.from((await blobs.get("replaced"))?.body ?? []);
    const number = replaced.readUInt32BE();
    expect(number).toBeGreaterThanOrEqual(Number(of("replaced").at(-1)?.[1]));
    expect(Buffer.compare(replaced.subarray(4), pattern(`replaced-${number}`, 90_000).subarray(4))).toBe(0);
  }

  async function checkQueue(queue: QueueStore, of: Acknowledged): Promise<void> {
    const ids = of("enqueued").map(([, id = ""]) => id);
    const items = await queue.get("q", ids);
    expect(ids.filter((_, index) => items[index] === undefined)).toEqual([]);
    const claimed = of("claimed");
    const holders = await queue.get(
      "q",
      claimed.map(([, id = ""]) => id),
    );
    expect(holders.map((item) => item?.worker)).toEqual(claimed.map(([, , worker]) => worker));
    // The call that was cut off put all of its ids there, or none.
    const [round, number] = (ids.at(-1) ?? "").split("-");
    const cut = Array.from({ length: 5 }, (_, index) => `${round}-${Number(number) + 1}-${index}`);
    const present = (await queue.get("q", cut)).filter((item) => item !== undefined);
    expect([0, 5]).toContain(present.length);
    const { stages, leased } = await queue.counts("q");
    const pending = stages.pending ?? 0;
    const drain = { worker: "last", stage: "pending", claimStage: "drained", limit: 10_000, leaseMs: 60_000 };
    const drained = await queue.claim("q", drain);
    expect([Math.min(pending, drain.limit), stages.embedding]).toEqual([drained.length, leased]);
    await queue.move("q", { ids: drained.map((item) => item.id), to: "pending" });
  }

  async function checkCache(cache: DocumentCache, of: Acknowledged): Promise<void> {
    const cached = [...new Set(of("cached").map(([, id = ""]) => id))];
    const { records } = await cache.get("s", cached, ["attributes", "vector"]);
    for (const record of records) {
      const body = Buffer.from(record?.attributes ?? []);
      expect([body.length, Buffer.compare(body, record?.vector ?? Buffer.alloc(0))]).toEqual([3_000, 0]);
      expect(Buffer.compare(body.subarray(0, 32), record?.mark ?? Buffer.alloc(0))).toBe(0);
    }
  }

  const embeddedRounds = isLong ? 40 : 3;
  it(
    `loses nothing acknowledged and leaves nothing torn in the embedded stores over ${embeddedRounds} kills`,
    async () => {
      const directory = mkdtempSync(path.join(os.tmpdir(), "storage-kill-"));
      const at = (name: string) => ({ directory: path.join(directory, name), clock: systemClock, log });
      const lines: string[] = [];
      for (let round = 0; round < embeddedRounds; round += 1) {
        const kinds = ["blob", "replaced", "claimed", "cached"];
        lines.push(...(await killedRound(kinds, [String(round), "100000", directory])));
        const of = wordsOf(lines);
        const blobs = await openEmbeddedBlobStore(at("blobs"));
        await checkBlobs(blobs, of, 100_000);
        await blobs.close();
        const queue = openEmbeddedQueueStore(at("queue"));
        await checkQueue(queue, of);
        await queue.close();
        const cache = await openEmbeddedDocumentCache({ ...at("cache"), bytesMax: 256 * 1024 * 1024 });
        await checkCache(cache, of);
        await cache.close();
      }
      rmSync(directory, { recursive: true, force: true });
    },
    embeddedRounds * 20_000,
  );

  const found = findPostgres();
  const reason = "reason" in found ? ` (missing: ${found.reason})` : "";
  describe.skipIf("reason" in found)(`with stores that replicas share${reason}`, () => {
    const bucket = `kills-${process.pid}`;
    const largeBytes = 3_000_000;
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

    /** A transaction that the killed writer had open ends once its server process sees the connection gone. */
    async function transactionsHaveEnded(url: string): Promise<void> {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      const open = async (): Promise<unknown> =>
        (
          await client.query(`select pid from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'`)
        ).rows;
      await expect.poll(open).toEqual([]);
      await client.end();
    }

    const sharedRounds = isLong ? 20 : 2;
    it(
      `loses nothing acknowledged and leaves nothing torn in S3 and PostgreSQL over ${sharedRounds} kills`,
      async () => {
        const { endpoint, credentials } = s3;
        const url = await postgres.url(`kills_${process.pid}`);
        const env = {
          AWS_ACCESS_KEY_ID: credentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
        };
        const blobs = await openS3BlobStore({ bucket, endpoint, credentials });
        const queue = await openPostgresQueueStore({ url, log });
        const lines: string[] = [];
        for (let round = 0; round < sharedRounds; round += 1) {
          const words = [String(round), String(largeBytes), endpoint, bucket, url];
          lines.push(...(await killedRound(["blob", "replaced", "claimed"], words, env)));
          await checkBlobs(blobs, wordsOf(lines), largeBytes);
          await transactionsHaveEnded(url);
          await checkQueue(queue, wordsOf(lines));
        }
        await blobs.close();
        await queue.close();
      },
      sharedRounds * 30_000,
    );
  });
});
