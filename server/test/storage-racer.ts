/**
 * One of several processes that race on the same embedded stores, five ways at once. It says `ready`, waits for its standard
 * input to end, races, and prints what it won as one line of JSON. `storage-races.test.ts` runs it.
 *
 * Arguments: the directory, a name of its own.
 */

import { once } from "node:events";
import path from "node:path";
import { openEmbeddedBlobStore } from "../src/adapters/blobs/embedded.js";
import { openEmbeddedDocumentCache } from "../src/adapters/documents/embedded.js";
import { openEmbeddedQueueStore } from "../src/adapters/queues/embedded.js";
import { systemClock } from "../src/clock.js";

export const WAYS = 5;
/** Blobs and records that each racer tries to create. */
export const KEYS = 60;
/** Times each way of a racer adds one to the shared blob and the shared record. */
export const STEPS = 10;

export interface Won {
  /** Keys of blobs and ids of records this process created. */
  readonly blobs: number[];
  readonly records: number[];
  /** Ids it claimed, in order, for each way. */
  readonly claims: string[][];
  readonly epochs: string[];
}

if (process.argv[1] === import.meta.filename) await main();

async function main(): Promise<void> {
  const [directory = "", name = ""] = process.argv.slice(2);
  const log = { warn: () => undefined, error: () => undefined };
  const blobs = await openEmbeddedBlobStore({
    directory: path.join(directory, "blobs"),
    clock: systemClock,
    log,
  });
  const cache = await openEmbeddedDocumentCache({
    directory: path.join(directory, "cache"),
    bytesMax: 64 * 1024 * 1024,
    clock: systemClock,
    log,
  });
  const queue = openEmbeddedQueueStore({ directory: path.join(directory, "queue"), clock: systemClock });
  const won: Won = { blobs: [], records: [], claims: [], epochs: [] };

  async function create(): Promise<void> {
    for (let key = 0; key < KEYS; key += 1) {
      // Every other body is a file of its own.
      const body = Buffer.alloc(key % 2 ? 100 : 70_000, name);
      const outcome = await blobs.putIfAbsent(`race/${key}`, body);
      if (outcome.status === "stored") won.blobs.push(key);
      const mark = Buffer.from(name);
      const write = { id: `d${key}`, condition: { when: "absent" as const }, mark, epoch: "e" };
      const [stored] = await cache.put("race", [write]);
      if (stored?.status === "stored") won.records.push(key);
      won.epochs.push(await cache.ensureEpoch(`set ${key}`));
    }
  }

  async function add(): Promise<void> {
    for (let step = 0; step < STEPS; step += 1) {
      for (;;) {
        const before = await blobs.get("counter");
        const next = Buffer.from(String(Number(Buffer.from(before?.body ?? []).toString()) + 1));
        const outcome = await (before
          ? blobs.putIfMatch("counter", next, before.etag)
          : blobs.putIfAbsent("counter", next));
        if (outcome.status === "stored") break;
      }
      await cache.mergeIfPresent("race", ["counter"], (_id, current) => ({
        mark: Buffer.from(String(Number(Buffer.from(current.mark).toString()) + 1)),
        epoch: "e",
      }));
    }
  }

  async function claim(): Promise<void> {
    const mine: string[] = [];
    won.claims.push(mine);
    const request = { worker: name, stage: "pending", claimStage: "embedding", limit: 7, leaseMs: 60_000 };
    for (;;) {
      const items = await queue.claim("q", request);
      if (items.length === 0) return;
      mine.push(...items.map((item) => item.id));
    }
  }

  process.stdout.write("ready\n");
  process.stdin.resume();
  await once(process.stdin, "end");
  await Promise.all(Array.from({ length: WAYS }, () => [create(), add(), claim()]).flat());
  process.stdout.write(`${JSON.stringify(won)}\n`);
  for (const store of [blobs, cache, queue]) await store.close();
}
