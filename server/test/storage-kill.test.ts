/** What the embedded stores acknowledged is still there, and whole, after the process that wrote it was killed. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { openEmbeddedBlobStore } from "../src/adapters/blobs/embedded.js";
import { openEmbeddedDocumentCache } from "../src/adapters/documents/embedded.js";
import { openEmbeddedQueueStore } from "../src/adapters/queues/embedded.js";
import { systemClock } from "../src/clock.js";
import { pattern } from "./storage-pattern.js";

const ROUNDS = process.env.LAYER_TEST_LONG === "1" ? 40 : 3;
const writer = fileURLToPath(new URL("./storage-writer.ts", import.meta.url));

describe("embedded stores", () => {
  const children: ChildProcess[] = [];
  const directory = mkdtempSync(path.join(os.tmpdir(), "storage-kill-"));
  afterEach(() => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  });

  /** Lets the writer run until it has acknowledged something of each kind and a while longer, then kills it. */
  async function killedRound(round: number): Promise<string[]> {
    const child = spawn(process.execPath, ["--import", "tsx", writer, directory, String(round)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(child);
    const exit = once(child, "exit");
    let output = "";
    let killing: NodeJS.Timeout | undefined;
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString("latin1");
      if (killing || !["blob ", "replaced ", "claimed ", "cached "].every((kind) => output.includes(kind)))
        return;
      killing = setTimeout(() => child.kill("SIGKILL"), 50 + Math.random() * 300);
    });
    expect((await exit)[1]).toBe("SIGKILL");
    return output.slice(0, output.lastIndexOf("\n")).split("\n");
  }

  it(
    `lose nothing acknowledged and serve nothing torn over ${ROUNDS} kills`,
    async () => {
      const acknowledged: string[] = [];
      const log = { warn: () => undefined, error: () => undefined };
      for (let round = 0; round < ROUNDS; round += 1) {
        acknowledged.push(...(await killedRound(round)));
        const of = (kind: string): string[][] =>
          acknowledged.map((line) => line.split(" ")).filter((words) => words[0] === kind);

        const blobs = await openEmbeddedBlobStore({
          directory: path.join(directory, "blobs"),
          clock: systemClock,
          log,
        });
        for (const [, key = ""] of of("blob")) {
          const body = (await blobs.get(key))?.body ?? Buffer.alloc(0);
          expect(Buffer.compare(body, pattern(key, body.length === 200 ? 200 : 100_000)), key).toBe(0);
        }
        const replaced = Buffer.from((await blobs.get("replaced"))?.body ?? []);
        const number = replaced.readUInt32BE();
        expect(number).toBeGreaterThanOrEqual(Number(of("replaced").at(-1)?.[1]));
        expect(Buffer.compare(replaced.subarray(4), pattern(`replaced-${number}`, 90_000).subarray(4))).toBe(
          0,
        );
        await blobs.close();

        const queue = openEmbeddedQueueStore({
          directory: path.join(directory, "queue"),
          clock: systemClock,
        });
        const ids = of("enqueued").map(([, id = ""]) => id);
        const items = await queue.get("q", ids);
        expect(ids.filter((_, index) => items[index] === undefined)).toEqual([]);
        const claimed = of("claimed");
        const holders = await queue.get(
          "q",
          claimed.map(([, id = ""]) => id),
        );
        expect(holders.map((item) => item?.worker)).toEqual(claimed.map(([, , worker]) => worker));
        const { stages, leased } = await queue.counts("q");
        const drained = await queue.claim("q", {
          worker: "last",
          stage: "pending",
          claimStage: "drained",
          limit: 10_000,
          leaseMs: 60_000,
        });
        expect([stages.pending, stages.embedding]).toEqual([drained.length, leased]);
        await queue.move("q", { ids: drained.map((item) => item.id), to: "pending" });
        await queue.close();

        const cache = await openEmbeddedDocumentCache({
          directory: path.join(directory, "cache"),
          bytesMax: 256 * 1024 * 1024,
          clock: systemClock,
          log,
        });
        const cached = [...new Set(of("cached").map(([, id = ""]) => id))];
        const { records } = await cache.get("s", cached, ["attributes", "vector"]);
        for (const record of records) {
          const body = Buffer.from(record?.attributes ?? []);
          expect([body.length, Buffer.compare(body, record?.vector ?? Buffer.alloc(0))]).toEqual([3_000, 0]);
          expect(Buffer.compare(body.subarray(0, 32), record?.mark ?? Buffer.alloc(0))).toBe(0);
        }
        await cache.close();
      }
    },
    ROUNDS * 20_000,
  );
});
