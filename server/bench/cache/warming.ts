/** What a warm job takes: time beside reading the same pages and doing nothing with them, and memory whatever its size. */

import type { Finding } from "../gateway/goals.js";
import { openLoad } from "../gateway/load.js";
import { KEY, type Measured, median } from "../gateway/processes.js";
import { ask, fetchMany, rowOf, writeRows } from "./documents.js";

const PAGE = 1_000;
const ROUNDS = 5;
const ROWS = 10_000;
const DIMENSIONS = 256;
/** Written around the gateway later than this, rows would pass for a change under way, and the job would begin anew, ms. */
const SETTLING_MS = 10_000;
const POLL_MS = 20;
const JOB_TIMEOUT_MS = 300_000;
/** Ids of one batch fetch: the most there may be. */
const BATCH = 10_000;
const SAMPLE_MS = 50;

interface WarmJob {
  readonly id: string;
  readonly status: string;
  readonly documents_scanned: number;
  readonly created_at: string;
  readonly completed_at: string | null;
  readonly error: string | null;
}

/** Warms a namespace. @returns how long the job took, ms */
async function warm(gateway: Measured, namespace: string, rows: number): Promise<number> {
  const path = `/v2/namespaces/${namespace}`;
  const { id } = await ask<WarmJob>(gateway.url, "POST", `${path}/warm?page_size=${PAGE}`);
  for (const deadline = performance.now() + JOB_TIMEOUT_MS; performance.now() < deadline; ) {
    const job = await ask<WarmJob>(gateway.url, "GET", `${path}/warm-jobs/${id}`);
    if (job.completed_at !== null) {
      if (job.status !== "completed" || job.documents_scanned !== rows)
        throw new Error(`warming ${namespace}: ${job.status} after ${job.documents_scanned}: ${job.error}`);
      return Date.parse(job.completed_at) - Date.parse(job.created_at);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`warming ${namespace} did not end within ${JOB_TIMEOUT_MS} ms`);
}

/** Asks for every page of a namespace as a warm job does, and only takes the bytes. @returns ms */
async function page(url: string, namespace: string, rows: number): Promise<number> {
  const begunAt = performance.now();
  for (let from = 0; from <= rows; from += PAGE) {
    const filters = from === 0 ? {} : { filters: ["id", "Gt", from - 1] };
    const query = {
      ...filters,
      rank_by: ["id", "asc"],
      top_k: PAGE,
      include_attributes: true,
      consistency: { level: "strong" },
    };
    const answer = await fetch(`${url}/v2/namespaces/${namespace}/query`, {
      method: "POST",
      headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
      body: JSON.stringify(query),
    });
    if (answer.status !== 200) throw new Error(`a page was answered ${answer.status}`);
    await answer.arrayBuffer();
  }
  return performance.now() - begunAt;
}

/** @param engineUrl upstream of the gateway */
export async function benchWarmRate(gateway: Measured, engineUrl: string): Promise<Finding> {
  const vector = Array.from({ length: DIMENSIONS }, (_, n) => Math.fround(Math.sin(n)));
  const namespaces = Array.from({ length: ROUNDS }, (_, round) => `warm-${round}`);
  for (const namespace of namespaces) await writeRows(engineUrl, namespace, ROWS, (n) => rowOf(n, vector, n));
  await new Promise((resolve) => setTimeout(resolve, SETTLING_MS));
  const jobs: number[] = [];
  const bare: number[] = [];
  for (const [round, namespace] of namespaces.entries()) {
    // Either may find the engine colder than the other.
    if (round % 2 === 0) bare.push(await page(engineUrl, namespace, ROWS));
    jobs.push(await warm(gateway, namespace, ROWS));
    if (round % 2 === 1) bare.push(await page(engineUrl, namespace, ROWS));
  }
  const rate = (ms: number): number => ROWS / (ms / 1_000);
  return {
    name: "rows a second of a warm job to those of bare paging of the same pages",
    value: median(bare) / median(jobs),
    goal: { atLeast: 0.8 },
    detail: `${rate(median(jobs)).toFixed(0)} to ${rate(median(bare)).toFixed(0)}, pages of ${PAGE} × ${DIMENSIONS}`,
  };
}

/** The most memory of its own that a gateway had while `work` ran, bytes. */
async function peakDuring(gateway: Measured, work: () => Promise<void>): Promise<number> {
  let peak = 0;
  let isDone = false;
  const sampling = (async () => {
    while (!isDone) {
      peak = Math.max(peak, await gateway.ownMemory());
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
    }
  })();
  try {
    await work();
  } finally {
    isDone = true;
    await sampling;
  }
  return peak;
}

/** Warms namespaces one after the other, each with fetches of ten thousand documents at once meanwhile. */
async function warmAndFetch(gateway: Measured, namespaces: number, rows: number): Promise<void> {
  for (let n = 0; n < namespaces; n += 1) {
    const namespace = `rows-${rows}-${n}`;
    let isWarming = true;
    const warming = warm(gateway, namespace, rows).finally(() => {
      isWarming = false;
    });
    const ids = Array.from({ length: BATCH }, (_, at) => Math.floor((at * rows) / BATCH));
    const load = await openLoad(gateway.url, fetchMany(ids, namespace), 1);
    try {
      do await load.run(1);
      while (isWarming);
      await warming;
    } finally {
      load.close();
    }
  }
}

/**
 * The same work twice, each by a fresh gateway: many small jobs, and one as large as all of them.
 * @param start a gateway over `page-upstream.ts`
 */
export async function benchWarmMemory(
  start: () => Promise<Measured>,
  { small = 10_000, large = 500_000 } = {},
): Promise<Finding> {
  const peaks: number[] = [];
  for (const [namespaces, rows] of [
    [large / small, small],
    [1, large],
  ] as const) {
    const gateway = await start();
    try {
      peaks.push(await peakDuring(gateway, () => warmAndFetch(gateway, namespaces, rows)));
    } finally {
      await gateway.stop();
    }
  }
  const [before = Number.NaN, after = Number.NaN] = peaks;
  const mib = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(0)} MiB`;
  return {
    name: `peak memory of warming ${large} rows and batch fetches, to that of ${large / small} times ${small}`,
    value: after / before,
    goal: { atMost: 1.25 },
    detail: `${mib(after)} to ${mib(before)}, without the cache's mapped file`,
  };
}
