/**
 * A process that writes to an embedded store until nothing more fits, makes room and writes again:
 * `full-disk-writer.ts <directory> blobs|queue|cache`. The limit is its parent's. Prints what became of it as one line of JSON.
 */

import { openEmbeddedBlobStore } from "../src/adapters/blobs/embedded.js";
import { openEmbeddedDocumentCache } from "../src/adapters/documents/embedded.js";
import { openEmbeddedQueueStore } from "../src/adapters/queues/embedded.js";
import { systemClock as clock } from "../src/clock.js";

const [directory = "", kind] = process.argv.slice(2);
const log = { warn() {}, error() {} };
const TRIES_AFTER = 3;
const WRITES_MAX = 1_000;
const BODY_BYTES = 60_000;
/** More than any file may hold. */
const OVERSIZED_BYTES = 16 * 1024 * 1024;

interface Store {
  write(number: number): Promise<unknown>;
  makeRoom(): Promise<unknown>;
  close(): Promise<void>;
}

async function open(): Promise<Store> {
  if (kind === "queue") {
    const queue = openEmbeddedQueueStore({ directory, clock });
    await queue.create("q", new Uint8Array(0));
    const ids = (number: number) =>
      Array.from({ length: 200 }, (_, at) => `${"x".repeat(200)}-${number}-${at}`);
    return {
      write: (number) => queue.enqueue("q", ids(number), "a"),
      makeRoom: () => queue.purge("q").then(() => queue.create("q", new Uint8Array(0))),
      close: () => queue.close(),
    };
  }
  if (kind === "cache") {
    const cache = await openEmbeddedDocumentCache({ directory, bytesMax: 1024 ** 3, clock, log });
    const epoch = await cache.ensureEpoch("s");
    return {
      write: (number) =>
        cache.put("s", [
          {
            id: String(number),
            condition: { when: "always" },
            mark: new Uint8Array(1),
            epoch,
            attributes: Buffer.alloc(BODY_BYTES, number),
          },
        ]),
      makeRoom: () => cache.changeEpoch("s"),
      close: () => cache.close(),
    };
  }
  const blobs = await openEmbeddedBlobStore({ directory, clock, log });
  return {
    write: (number) => blobs.putIfAbsent(`k/${number}`, Buffer.alloc(BODY_BYTES, number)),
    makeRoom: async () => {
      const large = blobs.putIfAbsent("large", Buffer.alloc(OVERSIZED_BYTES));
      await large.catch((error: unknown) => failures.push(described(error)));
      for (let number = 0; number < 20; number += 1) await blobs.delete(`k/${number}`);
    },
    close: () => blobs.close(),
  };
}

const failures: string[] = [];
function described(error: unknown): string {
  const { name, reason, message } = error as { name: string; reason: unknown; message: string };
  return `${name} ${String(reason)}: ${message}`;
}

const store = await open();
let written = 0;
for (let number = 0; number < WRITES_MAX && failures.length < TRIES_AFTER; number += 1) {
  try {
    await store.write(number);
    if (failures.length === 0) written = number + 1;
  } catch (error) {
    failures.push(described(error));
  }
}
await store.makeRoom();
// What the library leaves unheard would end the process in one of these turns.
await new Promise((resolve) => setTimeout(resolve, 50));
const again = kind === "cache" ? undefined : await store.write(WRITES_MAX).then(() => "stored");
await store.close();
console.log(JSON.stringify({ written, failures, again }));
