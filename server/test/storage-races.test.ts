/** The embedded stores are shared safely by processes: four of them race, each five ways, on the same keys, records and items. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openEmbeddedBlobStore } from "../src/adapters/blobs/embedded.js";
import { openEmbeddedDocumentCache } from "../src/adapters/documents/embedded.js";
import { openEmbeddedQueueStore } from "../src/adapters/queues/embedded.js";
import { systemClock } from "../src/clock.js";
import type { BlobStore } from "../src/ports/blob-store.js";
import type { DocumentCache } from "../src/ports/document-cache.js";
import type { QueueStore } from "../src/ports/queue-store.js";
import { KEYS, STEPS, WAYS, type Won } from "./storage-racer.js";

const PROCESSES = ["one", "two", "three", "four"];
const ITEMS = Array.from({ length: 1_500 }, (_, index) => `item-${String(index).padStart(5, "0")}`);
const racer = fileURLToPath(new URL("./storage-racer.ts", import.meta.url));

describe("four processes on one directory", () => {
  const directory = mkdtempSync(path.join(os.tmpdir(), "storage-races-"));
  let blobs: BlobStore;
  let cache: DocumentCache;
  let queue: QueueStore;
  let won: Won[];
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    const log = { warn: () => undefined, error: () => undefined };
    const at = (name: string) => ({ directory: path.join(directory, name), clock: systemClock, log });
    blobs = await openEmbeddedBlobStore(at("blobs"));
    cache = await openEmbeddedDocumentCache({ ...at("cache"), bytesMax: 64 * 1024 * 1024 });
    queue = openEmbeddedQueueStore(at("queue"));
    await queue.create("q", Buffer.from("settings"));
    await queue.enqueue("q", ITEMS, "pending");
    const counter = {
      id: "counter",
      condition: { when: "always" as const },
      mark: Buffer.from("0"),
      epoch: "e",
    };
    await cache.put("race", [counter]);
    won = await race();
  });
  afterAll(async () => {
    for (const child of children) child.kill("SIGKILL");
    for (const store of [blobs, cache, queue]) await store?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Starts them, lets them go together, and gathers what each won. */
  async function race(): Promise<Won[]> {
    const racers = PROCESSES.map((name) => {
      const child = spawn(process.execPath, ["--import", "tsx", racer, directory, name], {
        stdio: ["pipe", "pipe", "inherit"],
      });
      children.push(child);
      const lines: string[] = [];
      const reader = createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
      return { child, lines, ready: once(reader, "line"), exit: once(child, "exit") };
    });
    await Promise.all(racers.map(({ ready }) => ready));
    for (const { child } of racers) child.stdin.end();
    return Promise.all(
      racers.map(async ({ lines, exit }) => {
        expect((await exit)[0]).toBe(0);
        return JSON.parse(lines[1] ?? "") as Won;
      }),
    );
  }

  const numbers = Array.from({ length: KEYS }, (_, index) => index);
  const ascending = (values: number[]): number[] => values.toSorted((a, b) => a - b);

  it("create each blob once, and it holds what its creator wrote", async () => {
    expect(ascending(won.flatMap((each) => each.blobs))).toEqual(numbers);
    for (const [index, each] of won.entries())
      for (const key of each.blobs) {
        const expected = Buffer.alloc(key % 2 ? 100 : 70_000, PROCESSES[index] ?? "");
        expect(Buffer.compare((await blobs.get(`race/${key}`))?.body ?? Buffer.alloc(0), expected)).toBe(0);
      }
    // Without a share for more than one, nobody raced.
    expect(won.filter((each) => each.blobs.length > 0).length).toBeGreaterThan(1);
  });

  it("create each record once, and agree on every epoch", async () => {
    expect(ascending(won.flatMap((each) => each.records))).toEqual(numbers);
    const { records } = await cache.get(
      "race",
      numbers.map((key) => `d${key}`),
      [],
    );
    const creators = records.map((record) => Buffer.from(record?.mark ?? []).toString());
    for (const [index, each] of won.entries())
      for (const key of each.records) expect(creators[key]).toBe(PROCESSES[index]);
    expect(new Set(won.flatMap((each) => each.epochs)).size).toBe(KEYS);
  });

  it("lose no addition to a shared blob or record", async () => {
    const total = PROCESSES.length * WAYS * STEPS;
    expect(Buffer.from((await blobs.get("counter"))?.body ?? []).toString()).toBe(String(total));
    const [record] = (await cache.get("race", ["counter"], [])).records;
    expect(Buffer.from(record?.mark ?? []).toString()).toBe(String(total));
  });

  it("claim each item once, in order, and count them right", async () => {
    expect(won.flatMap((each) => each.claims.flat()).toSorted()).toEqual(ITEMS);
    for (const mine of won.flatMap((each) => each.claims)) expect(mine).toEqual(mine.toSorted());
    expect(won.filter((each) => each.claims.flat().length > 0).length).toBeGreaterThan(1);
    expect(await queue.counts("q")).toEqual({
      stages: { embedding: ITEMS.length },
      leased: ITEMS.length,
      reasons: {},
    });
  });
});
