/** What a document from the cache costs: beside one from upstream, a hundred at once, and a handler that does nothing. */

import type { Finding } from "../gateway/goals.js";
import { type LoadRequest, openLoad } from "../gateway/load.js";
import { type Measured, median, startServer } from "../gateway/processes.js";
import {
  cacheOf,
  DIMENSIONS,
  fetchMany,
  fetchOne,
  idOf,
  milliseconds,
  NAMESPACE,
  rowOf,
  writeRows,
} from "./documents.js";

const ROUNDS = 7;
const FETCHES = 2_000;
const DOCUMENTS = 5_000;
const BATCH = 100;
/** From the first fetch until the namespace is watched and every write to it accounted for, ms. */
const SETTLING_MS = 3_000;

/** Milliseconds of one request, the connection being there. */
async function latencies(url: string, requests: readonly LoadRequest[]): Promise<number[]> {
  const times: number[] = [];
  for (const request of requests) {
    const load = await openLoad(url, request, 1);
    const begunAt = performance.now();
    await load.run(1);
    times.push(performance.now() - begunAt);
    load.close();
  }
  return times;
}

/** CPU µs a request, all threads of the server. */
async function cpuEach(server: Measured, request: LoadRequest, count: number): Promise<number> {
  const load = await openLoad(server.url, request, 16);
  await load.run(count / 4);
  const before = await server.cpu();
  await load.run(count);
  const used = (await server.cpu()) - before;
  load.close();
  return used / count;
}

/** @param engineUrl where rows are put around the gateway, so that nothing of them is cached */
export async function benchFetches(gateway: Measured, engineUrl: string): Promise<Finding[]> {
  const vector = Array.from({ length: DIMENSIONS }, (_, n) => Math.fround(Math.sin(n)));
  await writeRows(engineUrl, NAMESPACE, DOCUMENTS, (n) => rowOf(n, vector));
  await cacheOf(gateway.url, idOf(0));
  await new Promise((resolve) => setTimeout(resolve, SETTLING_MS));
  const some = Array.from({ length: 500 }, (_, n) => idOf(n * 7));
  const misses = median(await latencies(gateway.url, some.map(fetchOne)));
  const hits = median(await latencies(gateway.url, some.map(fetchOne)));
  const { result, body } = await cacheOf(gateway.url, idOf(7));
  if (result !== "hit") throw new Error(`the second fetch of a document was a ${result}`);
  return [
    {
      name: "fetch, p50 of a hit to that of a miss",
      value: hits / misses,
      goal: { atMost: 0.5 },
      detail: `${milliseconds(hits)} to ${milliseconds(misses)}`,
    },
    await benchBatch(gateway, some.slice(0, BATCH)),
    await benchHitCpu(gateway, body),
  ];
}

async function benchBatch(gateway: Measured, ids: readonly string[]): Promise<Finding> {
  const single: number[] = [];
  const batch: number[] = [];
  const batches = Array.from({ length: 20 }, () => fetchMany(ids));
  for (let round = 0; round < ROUNDS; round += 1) {
    single.push(...(await latencies(gateway.url, ids.map(fetchOne))));
    batch.push(...(await latencies(gateway.url, batches)));
  }
  return {
    name: `batch of ${BATCH} to a single fetch, p50`,
    value: median(batch) / median(single),
    goal: { atMost: 5 },
    detail: `${milliseconds(median(batch))} to ${milliseconds(median(single))}`,
  };
}

async function benchHitCpu(gateway: Measured, body: string): Promise<Finding> {
  const constant = await startServer("../cache/constant-server.ts", { BENCH_ANSWER: body });
  try {
    const own: number[] = [];
    const bare: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      bare.push(await cpuEach(constant, fetchOne(idOf(7)), FETCHES));
      own.push(await cpuEach(gateway, fetchOne(idOf(7)), FETCHES));
    }
    return {
      name: "CPU of a hit to that of a handler with a constant",
      value: median(own) / median(bare),
      goal: { atMost: 1.5 },
      detail: `${median(own).toFixed(0)} µs to ${median(bare).toFixed(0)} µs`,
    };
  } finally {
    await constant.stop();
  }
}
