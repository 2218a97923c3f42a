/**
 * `npm run bench:storage`: what the embedded stores cost beside the library under them, in one run on one disk.
 *
 * Beside each call of a port stands the same work done with lmdb alone: the same records read, or the same keys and bytes
 * written in one transaction, with none of the checks. Short rounds of both alternate and are compared one by one, so that a busy
 * machine slows both.
 */

import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { openEmbeddedDocumentCache } from "../src/adapters/documents/embedded.js";
import { byteKey } from "../src/adapters/lmdb/byte-keys.js";
import { openEmbeddedQueueStore } from "../src/adapters/queues/embedded.js";
import { systemClock } from "../src/clock.js";
import { openBareLmdb } from "./bare-lmdb.js";
import { createBareQueue } from "./bare-queue.js";

const DOCUMENTS = 20_000;
const DOCUMENT_BYTES = 3_000;
const ROUNDS = 31;
/** Claims of one round, and rounds: the smaller queue must not run out. */
const CLAIMS = 3;
const CLAIM_ROUNDS = 31;
const QUEUE_SIZES = [10_000, 1_000_000];
/** The goals: the share of the bare library's speed, and the growth of a claim's cost with the queue. */
const SHARE_MIN = 0.7;
const GROWTH_MAX = 2;

const log = { warn: () => undefined, error: () => undefined };
const root = mkdtempSync(path.join(os.tmpdir(), "bench-storage-"));
const random = (count: number): number => Math.floor(Math.random() * count);
const median = (values: number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

type Run = () => Promise<unknown>;

/**
 * Microseconds of one call of each run, by round. Rounds go through all runs, each time beginning with another, so that what
 * slows the machine for a while slows them alike.
 */
async function interleaved(calls: number, rounds: number, runs: readonly Run[]): Promise<number[][]> {
  const times: number[][] = runs.map(() => []);
  for (let round = 0; round <= rounds; round += 1)
    for (let step = 0; step < runs.length; step += 1) {
      const index = (round + step) % runs.length;
      const started = performance.now();
      for (let call = 0; call < calls; call += 1) await runs[index]?.();
      // The first round warms up.
      if (round > 0) times[index]?.push(((performance.now() - started) / calls) * 1_000);
    }
  return times;
}

/** The median over rounds of how many times as long `a` took as `b` in the same round. */
function ratio(a: readonly number[] = [], b: readonly number[] = []): number {
  return median(a.map((time, round) => time / (b[round] ?? Number.NaN)));
}

let missed = 0;
function report(what: string, ours: number[] = [], bare: number[] = []): void {
  const share = ratio(bare, ours);
  const isMet = share >= SHARE_MIN;
  if (!isMet) missed += 1;
  const micros = (times: number[]): string => `${median(times).toFixed(1)} µs`.padStart(12);
  const verdict = isMet ? "" : `  below ${SHARE_MIN}×`;
  process.stdout.write(
    `${what.padEnd(34)} ${micros(ours)} ${micros(bare)}   ${share.toFixed(2)}×${verdict}\n`,
  );
}

async function benchDocuments(): Promise<void> {
  const cache = await openEmbeddedDocumentCache({
    directory: path.join(root, "cache"),
    bytesMax: 4 * 1024 ** 3,
    clock: systemClock,
    log,
  });
  const { environment, database } = openBareLmdb(path.join(root, "bare-cache"));
  const bare = database("records");
  const epochs = database("epochs");
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
  const beside = async (what: string, calls: number, ours: Run, bare: Run): Promise<void> =>
    report(what, ...(await interleaved(calls, ROUNDS, [ours, bare])));
  await beside(
    "get",
    2_000,
    () => cache.get("s", [`document-${random(DOCUMENTS)}`], attributes),
    () => readBare([random(DOCUMENTS)]),
  );
  await beside(
    "multi-get of 100",
    70,
    () =>
      cache.get(
        "s",
        hundred().map((id) => `document-${id}`),
        attributes,
      ),
    () => readBare(hundred()),
  );
  await beside(
    "put",
    100,
    () => cache.put("s", [write(random(DOCUMENTS))]),
    () => bare.put(keyOf(random(DOCUMENTS)), body),
  );
  await cache.close();
  await environment.close();
}

async function benchClaims(): Promise<void> {
  const queues = [];
  for (const size of QUEUE_SIZES) {
    const store = openEmbeddedQueueStore({ directory: path.join(root, `queue-${size}`), clock: systemClock });
    const bare = createBareQueue(path.join(root, `bare-queue-${size}`));
    await store.create("q", Buffer.from("settings"));
    for (let at = 0; at < size; at += 10_000) {
      const ids = Array.from({ length: Math.min(10_000, size - at) }, (_, index) => `document-${at + index}`);
      await store.enqueue("q", ids, "pending");
      await bare.enqueue(ids);
    }
    queues.push({ size, store, bare });
  }
  const claim = { worker: "w", stage: "pending", claimStage: "embedding", limit: 100, leaseMs: 3_600_000 };
  const runs = queues.flatMap(({ store, bare }) => [() => store.claim("q", claim), () => bare.claim(100)]);
  const times = await interleaved(CLAIMS, CLAIM_ROUNDS, runs);
  for (const [index, { size }] of queues.entries())
    report(`claim of 100 from ${size.toLocaleString("en")}`, times[2 * index], times[2 * index + 1]);
  const growth = ratio(times[2], times[0]);
  if (growth > GROWTH_MAX) missed += 1;
  process.stdout.write(`\na claim from a million costs ${growth.toFixed(2)}× one from ten thousand\n`);
  for (const { store, bare } of queues) {
    await store.close();
    await bare.close();
  }
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
