/** What keeping the cache costs a write, over an upstream that takes everything. */

import type { Finding } from "../gateway/goals.js";
import { type LoadRequest, openLoad } from "../gateway/load.js";
import { KEY, type Measured } from "../gateway/processes.js";
import { DIMENSIONS, milliseconds, NAMESPACE, rowOf } from "./documents.js";

const ROWS = 1_000;
/** Until the code is compiled for good. */
const WARM_UP_WRITES = 20;
const WRITES = 30;
/** What the store does after it has answered counts, too, ms. */
const STORE_REST_MS = 60;

const encodings: Readonly<Record<string, (numbers: Float32Array) => unknown>> = {
  "numbers as text": (numbers) => [...numbers],
  base64: (numbers) => Buffer.from(numbers.buffer).toString("base64"),
};

function writeBodies(encode: (numbers: Float32Array) => unknown): Buffer[] {
  return Array.from({ length: 3 }, (_, body) => {
    const rows = Array.from({ length: ROWS }, (_, n) => {
      const numbers = Float32Array.from({ length: DIMENSIONS }, (_, at) =>
        Math.sin(body + n * DIMENSIONS + at),
      );
      return rowOf(n, encode(numbers));
    });
    return Buffer.from(JSON.stringify({ upsert_rows: rows, distance_metric: "cosine_distance" }));
  });
}

async function cpuOf(gateway: Measured, request: LoadRequest): Promise<number> {
  const load = await openLoad(gateway.url, request, 1);
  const before = await gateway.cpu();
  await load.run(1);
  await new Promise((resolve) => setTimeout(resolve, STORE_REST_MS));
  const used = (await gateway.cpu()) - before;
  load.close();
  return used;
}

/** Not the median: collections of garbage come every other write, and are part of what it costs. */
const mean = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0) / values.length;

/** @param off a gateway without a cache, @param on one with it */
export async function benchMirror(off: Measured, on: Measured): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [name, encode] of Object.entries(encodings)) {
    const bodies = writeBodies(encode);
    const plain: number[] = [];
    const mirrored: number[] = [];
    for (let round = -WARM_UP_WRITES; round < WRITES; round += 1) {
      const body = bodies[(round + WARM_UP_WRITES) % bodies.length] as Buffer;
      const request: LoadRequest = { method: "POST", path: `/v2/namespaces/${NAMESPACE}`, key: KEY, body };
      const [without, withCache] = [await cpuOf(off, request), await cpuOf(on, request)];
      if (round < 0) continue;
      plain.push(without);
      mirrored.push(withCache);
    }
    findings.push({
      name: `CPU of a write of ${ROWS} rows with vectors (${name}), mirrored to not`,
      value: mean(mirrored) / mean(plain),
      goal: { atMost: 1.4 },
      detail: `${milliseconds(mean(mirrored) / 1_000)} to ${milliseconds(mean(plain) / 1_000)}, ${(bodies[0]?.length ?? 0) >> 10} KiB`,
    });
  }
  return findings;
}
