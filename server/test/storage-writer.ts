/**
 * Writes to stores as fast as they acknowledge, printing a line for each acknowledgement, until it is killed.
 * `storage-kill.test.ts` runs it, kills it, and looks at what is left.
 *
 * Arguments: the number of the round, bytes of a large blob, then either the directory of the embedded stores, or the endpoint
 * and bucket of an S3-compatible server and the URL of a PostgreSQL.
 */

import { writeSync } from "node:fs";
import path from "node:path";
import { openEmbeddedBlobStore } from "../src/adapters/blobs/embedded.js";
import { openS3BlobStore } from "../src/adapters/blobs/s3.js";
import { openEmbeddedDocumentCache } from "../src/adapters/documents/embedded.js";
import { openEmbeddedQueueStore } from "../src/adapters/queues/embedded.js";
import { openPostgresQueueStore } from "../src/adapters/queues/postgres.js";
import { systemClock } from "../src/clock.js";
import { pattern } from "./storage-pattern.js";

const [round = "0", largeBytes = "100000", place = "", bucket, url] = process.argv.slice(2);
const log = { warn: () => undefined, error: () => undefined };
const embedded = (name: string) => ({ directory: path.join(place, name), clock: systemClock, log });
const blobs = await (bucket === undefined
  ? openEmbeddedBlobStore(embedded("blobs"))
  : openS3BlobStore({ endpoint: place, bucket }));
const queue = await (url === undefined
  ? openEmbeddedQueueStore(embedded("queue"))
  : openPostgresQueueStore({ url, log }));
const cache =
  bucket === undefined &&
  (await openEmbeddedDocumentCache({ ...embedded("cache"), bytesMax: 256 * 1024 * 1024 }));

/** Once each kind has been acknowledged, it kills itself with the acknowledgement that many later; 0 waits to be killed. */
const killsItselfAfter = Number(process.env.LAYER_TEST_KILL_AFTER ?? 0);
const kinds = new Set<string>();
let later = 0;

/** Synchronous, so that a line is out before the next step begins. */
function acknowledge(line: string): void {
  writeSync(1, `${line}\n`);
  kinds.add(line.slice(0, line.indexOf(" ")));
  if (killsItselfAfter === 0 || kinds.size < (cache ? 5 : 4)) return;
  later += 1;
  if (later >= killsItselfAfter) process.kill(process.pid, "SIGKILL");
}

async function writeBlobs(): Promise<void> {
  for (let number = 0; ; number += 1) {
    const key = `round-${round}/${number}`;
    // Both sides of the size at which bodies become files of the embedded store.
    const outcome = await blobs.putIfAbsent(key, pattern(key, number % 2 ? 200 : Number(largeBytes)));
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
  if (!cache) return;
  for (let number = 0; ; number += 1) {
    const id = `d${number % 50}`;
    const body = pattern(`${id}-${round}-${number}`, 3_000);
    const write = { id, condition: { when: "always" as const }, mark: body.subarray(0, 32), epoch: "e" };
    await cache.put("s", [{ ...write, attributes: body, vector: body }]);
    acknowledge(`cached ${id}`);
  }
}

await Promise.all([writeBlobs(), replaceBlob(), fillQueue(), fillCache()]);
