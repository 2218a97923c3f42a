/**
 * `npm run bench:storage`: what the embedded stores cost beside the library under them, in one run on one disk.
 *
 * Beside each call of a port stands the same work done with lmdb alone: the same records read, or the same keys and bytes
 * written in one transaction, with none of the checks. Rounds of both alternate, so that a busy machine slows both.
 */

import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { openEmbeddedDocumentCache } from "../src/adapters/documents/embedded.js";
import { byteKey } from "../src/adapters/lmdb/byte-keys.js";
import { openBytes, openEnvironment } from "../src/adapters/lmdb/environment.js";
import { openEmbeddedQueueStore } from "../src/adapters/queues/embedded.js";
import { systemClock } from "../src/clock.js";
import { createBareQueue } from "./bare-queue.js";

const DOCUMENTS = 20_000;
const DOCUMENT_BYTES = 3_000;
const ROUNDS = 7;
const QUEUE_SIZES = [10_000, 1_000_000];
/** The goals: the share of the bare library's speed, and the growth of a claim's cost with the queue. */
const SHARE_MIN = 0.7;
const GROWTH_MAX = 2;

const log = { warn: () => undefined, error: () => undefined };
const root = mkdtempSync(path.join(os.tmpdir(), "bench-storage-"));
const random = (count: number): number => Math.floor(Math.random() * count);
const median = (values: number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Microseconds of one call, the median over rounds that alternate between the two. */
async function beside(
  calls: number,
  ours: () => Promise<unknown>,
  bare: () => Promise<unknown>,
): Promise<[number, number]> {
  const times: [number[], number[]] = [[], []];
  for (let round = 0; round <= ROUNDS; round += 1)
    for (const [index, run] of [ours, bare].entries()) {
      const started = performance.now();
      for (let call = 0; call < calls; call += 1) await run();
      // The first round warms up.
      if (round > 0) times[index]?.push(((performance.now() - started) / calls) * 1_000);
    }
  return [median(times[0]), median(times[1])];
}

let missed = 0;
function report(what: string, [ours, bare]: [number, number]): void {
  const share = bare / ours;
  const isMet = share >= SHARE_MIN;
  if (!isMet) missed += 1;
  const row = [what.padEnd(34), `${ours.toFixed(1)} µs`.padStart(12), `${bare.toFixed(1)} µs`.padStart(12)];
  process.stdout.write(`${row.join(" ")}   ${share.toFixed(2)}×${isMet ? "" : `  below ${SHARE_MIN}×`}\n`);
}

async function benchDocuments(): Promise<void> {
  const cache = await openEmbeddedDocumentCache({
    directory: path.join(root, "cache"),
    bytesMax: 4 * 1024 ** 3,
    clock: systemClock,
    log,
  });
  const environment = openEnvironment(path.join(root, "bare-cache"));
  const bare = openBytes(environment, "records");
  const epochs = openBytes(environment, "epochs");
  const setKey = Buffer.from("s");
  const body = Buffer.alloc(DOCUMENT_BYTES, "x");
  const keyOf = (id: number): Buffer => byteKey("s", `document-${id}`);
  const write = (id: number) => ({
    id: `document-${id}`,
    condition: { when: "always" as const },
    mark: Buffer.from("m"),
    epoch: "e",
    attributes: body,
  });
  for (let at = 0; at < DOCUMENTS; at += 1_000) {
    const ids = Array.from({ length: 1_000 }, (_, index) => at + index);
    await cache.put("s", ids.map(write));
    await bare.transaction(() => ids.map((id) => bare.put(keyOf(id), body)));
  }
  await cache.ensureEpoch("s");
  await epochs.put(setKey, Buffer.from(randomUUID()));
  /** What a read of the port has to read: as of now, the records and the epoch they stand under. */
  const readBare = async (ids: readonly number[]): Promise<unknown> => {
    environment.resetReadTxn();
    const records = ids.map((id) => bare.get(keyOf(id)));
    return { epoch: epochs.get(setKey)?.toString(), records };
  };
  const hundred = (): number[] => Array.from({ length: 100 }, () => random(DOCUMENTS));
  const attributes = ["attributes"] as const;
  report(
    "get",
    await beside(
      5_000,
      () => cache.get("s", [`document-${random(DOCUMENTS)}`], attributes),
      () => readBare([random(DOCUMENTS)]),
    ),
  );
  report(
    "multi-get of 100",
    await beside(
      200,
      () =>
        cache.get(
          "s",
          hundred().map((id) => `document-${id}`),
          attributes,
        ),
      () => readBare(hundred()),
    ),
  );
  report(
    "put",
    await beside(
      300,
      () => cache.put("s", [write(random(DOCUMENTS))]),
      () => bare.put(keyOf(random(DOCUMENTS)), body),
    ),
  );
  await cache.close();
  await environment.close();
}

async function benchClaims(): Promise<void> {
  const costs: number[] = [];
  for (const size of QUEUE_SIZES) {
    const store = openEmbeddedQueueStore({ directory: path.join(root, `queue-${size}`), clock: systemClock });
    const bare = createBareQueue(path.join(root, `bare-queue-${size}`));
    await store.create("q", Buffer.from("settings"));
    for (let at = 0; at < size; at += 10_000) {
      const ids = Array.from({ length: Math.min(10_000, size - at) }, (_, index) => `document-${at + index}`);
      await store.enqueue("q", ids, "pending");
      await bare.enqueue(ids);
    }
    const claim = { worker: "w", stage: "pending", claimStage: "embedding", limit: 100, leaseMs: 3_600_000 };
    const result = await beside(
      10,
      () => store.claim("q", claim),
      () => bare.claim(100),
    );
    report(`claim of 100 from ${size.toLocaleString("en")}`, result);
    costs.push(result[0]);
    await store.close();
    await bare.close();
  }
  const growth = (costs[1] ?? 0) / (costs[0] ?? 1);
  if (growth > GROWTH_MAX) missed += 1;
  process.stdout.write(`\na claim from a million costs ${growth.toFixed(2)}× one from ten thousand\n`);
}

process.stdout.write(
  `${"".padEnd(34)} ${"ours".padStart(12)} ${"bare lmdb".padStart(12)}   speed beside it\n`,
);
try {
  await benchDocuments();
  await benchClaims();
} finally {
  rmSync(root, { recursive: true, force: true });
}
process.stdout.write(missed === 0 ? "every goal is met\n" : `${missed} goals are missed\n`);
process.exitCode = missed === 0 ? 0 : 1;
