/**
 * Writes to the embedded stores as fast as they acknowledge, printing a line for each acknowledgement, until it is killed.
 * `storage-kill.test.ts` runs it, kills it, and looks at what is left.
 *
 * Arguments: the directory, the number of the round.
 */

import { writeSync } from "node:fs";
import path from "node:path";
import { openEmbeddedBlobStore } from "../src/adapters/blobs/embedded.js";
import { openEmbeddedDocumentCache } from "../src/adapters/documents/embedded.js";
import { openEmbeddedQueueStore } from "../src/adapters/queues/embedded.js";
import { systemClock } from "../src/clock.js";
import { pattern } from "./storage-pattern.js";

const [directory = "", round = "0"] = process.argv.slice(2);
const log = { warn: () => undefined, error: () => undefined };
const blobs = await openEmbeddedBlobStore({
  directory: path.join(directory, "blobs"),
  clock: systemClock,
  log,
});
const queue = openEmbeddedQueueStore({ directory: path.join(directory, "queue"), clock: systemClock });
const cache = await openEmbeddedDocumentCache({
  directory: path.join(directory, "cache"),
  bytesMax: 256 * 1024 * 1024,
  clock: systemClock,
  log,
});

/** Synchronous, so that a line is out before the next step begins. */
const acknowledge = (line: string): void => void writeSync(1, `${line}\n`);

async function writeBlobs(): Promise<void> {
  for (let number = 0; ; number += 1) {
    const key = `round-${round}/${number}`;
    // Both sides of the size at which bodies become files.
    const outcome = await blobs.putIfAbsent(key, pattern(key, number % 2 ? 200 : 100_000));
    if (outcome.status === "stored") acknowledge(`blob ${key}`);
  }
}

async function replaceBlob(): Promise<void> {
  const key = "replaced";
  for (;;) {
    const before = await blobs.get(key);
    const number = before === undefined ? 0 : Buffer.from(before.body).readUInt32BE() + 1;
    const body = pattern(`${key}-${number}`, 90_000);
    body.writeUInt32BE(number);
    const outcome = await (before === undefined
      ? blobs.putIfAbsent(key, body)
      : blobs.putIfMatch(key, body, before.etag));
    if (outcome.status === "stored") acknowledge(`replaced ${number}`);
  }
}

async function fillQueue(): Promise<void> {
  await queue.create("q", Buffer.from("settings"));
  for (let number = 0; ; number += 1) {
    const ids = Array.from({ length: 5 }, (_, index) => `${round}-${number}-${index}`);
    await queue.enqueue("q", ids, "pending");
    for (const id of ids) acknowledge(`enqueued ${id}`);
    const claim = {
      worker: `w${round}`,
      stage: "pending",
      claimStage: "embedding",
      limit: 2,
      leaseMs: 86_400_000,
    };
    for (const item of await queue.claim("q", claim)) acknowledge(`claimed ${item.id} w${round}`);
  }
}

async function fillCache(): Promise<void> {
  for (let number = 0; ; number += 1) {
    const id = `d${number % 50}`;
    const body = pattern(`${id}-${round}-${number}`, 3_000);
    const write = { id, condition: { when: "always" as const }, mark: body.subarray(0, 32), epoch: "e" };
    await cache.put("s", [{ ...write, attributes: body, vector: body }]);
    acknowledge(`cached ${id}`);
  }
}

await Promise.all([writeBlobs(), replaceBlob(), fillQueue(), fillCache()]);
