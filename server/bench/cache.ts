/**
 * `npm run bench:cache`: what a document from the cache costs, and what keeping the cache costs a write.
 *
 * Fetches go through a gateway over its embedded engine; writes through gateways with and without a cache, over an upstream
 * that takes everything. What is compared is measured in turn, round by round, in one run: only the ratios mean anything, since
 * milliseconds belong to the machine.
 */

import { cpus } from "node:os";
import { type LoadRequest, openLoad } from "./gateway/load.js";
import { KEY, type Measured, median, startBuiltGateway, startServer } from "./gateway/processes.js";

const ROUNDS = 7;
const FETCHES = 2_000;
const DOCUMENTS = 5_000;
const BATCH = 100;
const ROWS = 1_000;
/** Until the code is compiled for good. */
const WARM_UP_WRITES = 20;
const WRITES = 30;
const DIMENSIONS = 768;
const NAMESPACE = "bench";

interface Goal {
  readonly name: string;
  readonly ratio: number;
  readonly atMost: number;
  readonly detail: string;
}

const goals: Goal[] = [];

function judge(name: string, ratio: number, atMost: number, detail: string): void {
  goals.push({ name, ratio, atMost, detail });
}

const fetchOne = (id: string): LoadRequest => ({
  method: "GET",
  path: `/v2/namespaces/${NAMESPACE}/documents/${id}`,
  key: KEY,
});

const fetchMany = (ids: readonly string[]): LoadRequest => ({
  method: "POST",
  path: `/v2/namespaces/${NAMESPACE}/documents`,
  key: KEY,
  body: Buffer.from(JSON.stringify({ ids })),
});

const idOf = (n: number): string => `document-${n}`;

function rowOf(n: number, vector: unknown): object {
  return {
    id: idOf(n),
    vector,
    title: `Trail shoe ${n}`,
    body: "A light shoe for long days on rough ground. ".repeat(5),
    price: n % 200,
    tags: ["outdoor", "running"],
  };
}

async function post(url: string, body: unknown): Promise<void> {
  const answer = await fetch(`${url}/v2/namespaces/${NAMESPACE}`, {
    method: "POST",
    headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (answer.status !== 200) throw new Error(`a write was answered ${answer.status}: ${await answer.text()}`);
}

async function cacheOf(url: string, id: string): Promise<{ result: string | null; body: string }> {
  const answer = await fetch(`${url}/v2/namespaces/${NAMESPACE}/documents/${id}`, {
    headers: { authorization: `Bearer ${KEY}` },
  });
  return { result: answer.headers.get("x-layer-cache"), body: await answer.text() };
}

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

async function benchFetch(): Promise<void> {
  // Rows are put into the engine around the gateway, so that nothing of them is cached.
  const gateway = await startBuiltGateway("", {
    TPUF_URL: "",
    LAYER_DATA_DIR: "own",
    LAYER_ENGINE_PORT: String(ENGINE_PORT),
  });
  try {
    const vectors = Array.from({ length: DIMENSIONS }, (_, n) => Math.fround(Math.sin(n)));
    for (let from = 0; from < DOCUMENTS; from += ROWS) {
      const rows = Array.from({ length: ROWS }, (_, n) => rowOf(from + n, vectors));
      await post(`http://127.0.0.1:${ENGINE_PORT}`, {
        upsert_rows: rows,
        distance_metric: "cosine_distance",
      });
    }
    // Watched and accounted for, before anything is measured.
    await cacheOf(gateway.url, idOf(0));
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    const some = Array.from({ length: 500 }, (_, n) => idOf(n * 7));
    const misses = median(await latencies(gateway.url, some.map(fetchOne)));
    const hits = median(await latencies(gateway.url, some.map(fetchOne)));
    const { result, body } = await cacheOf(gateway.url, idOf(7));
    if (result !== "hit") throw new Error(`the second fetch of a document was a ${result}`);
    judge("fetch, p50 of a hit to that of a miss", hits / misses, 0.5, `${ms(hits)} to ${ms(misses)}`);

    const batch = some.slice(0, BATCH);
    const single: number[] = [];
    const hundred: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      single.push(...(await latencies(gateway.url, batch.map(fetchOne))));
      hundred.push(
        ...(await latencies(
          gateway.url,
          Array.from({ length: 20 }, () => fetchMany(batch)),
        )),
      );
    }
    judge(
      `batch of ${BATCH} to a single fetch, p50`,
      median(hundred) / median(single),
      5,
      `${ms(median(hundred))} to ${ms(median(single))}`,
    );
    await benchHitCpu(gateway, body);
  } finally {
    await gateway.stop();
  }
}

async function benchHitCpu(gateway: Measured, body: string): Promise<void> {
  const constant = await startServer("../cache/constant-server.ts", { BENCH_ANSWER: body });
  try {
    const own: number[] = [];
    const bare: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      bare.push(await cpuEach(constant, fetchOne(idOf(7)), FETCHES));
      own.push(await cpuEach(gateway, fetchOne(idOf(7)), FETCHES));
    }
    judge(
      "CPU of a hit to that of a handler with a constant",
      median(own) / median(bare),
      1.5,
      `${median(own).toFixed(0)} µs to ${median(bare).toFixed(0)} µs`,
    );
  } finally {
    await constant.stop();
  }
}

/** Bodies of a thousand rows; `fresh` ones never repeat an id. */
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

async function benchMirror(): Promise<void> {
  const stub = await startServer("../cache/stub-upstream.ts");
  const [off, on] = [
    await startBuiltGateway(stub.url),
    await startBuiltGateway(stub.url, { LAYER_DATA_DIR: "own", LAYER_CACHE_BUDGET_MS: "10000" }),
  ];
  try {
    const encodings = {
      "numbers as text": (numbers: Float32Array) => [...numbers],
      base64: (numbers: Float32Array) => Buffer.from(numbers.buffer).toString("base64"),
    };
    for (const [name, encode] of Object.entries(encodings)) {
      const bodies = writeBodies(encode);
      const times = { off: [] as number[], on: [] as number[] };
      for (let round = -WARM_UP_WRITES; round < WRITES; round += 1) {
        const body = bodies[(round + WARM_UP_WRITES) % bodies.length] as Buffer;
        const request: LoadRequest = { method: "POST", path: `/v2/namespaces/${NAMESPACE}`, key: KEY, body };
        for (const [which, gateway] of [
          ["off", off],
          ["on", on],
        ] as const) {
          const load = await openLoad(gateway.url, request, 1);
          const before = await gateway.cpu();
          await load.run(1);
          // What the store does after it has answered counts, too.
          await new Promise((resolve) => setTimeout(resolve, 60));
          if (round >= 0) times[which].push((await gateway.cpu()) - before);
          load.close();
        }
      }
      judge(
        `CPU of a write of ${ROWS} rows with vectors (${name}), mirrored to not`,
        mean(times.on) / mean(times.off),
        1.4,
        `${ms(mean(times.on) / 1_000)} to ${ms(mean(times.off) / 1_000)}, ${(bodies[0]?.length ?? 0) >> 10} KiB`,
      );
    }
  } finally {
    for (const server of [off, on, stub]) await server.stop();
  }
}

/** Not the median: collections of garbage come every other write, and are part of what it costs. */
const mean = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0) / values.length;
const ms = (milliseconds: number): string => `${milliseconds.toFixed(2)} ms`;
const ENGINE_PORT = Number(process.env.BENCH_ENGINE_PORT ?? 18_081);

process.stdout.write(`${cpus().length} cores, Node ${process.versions.node}\n`);
await benchFetch();
await benchMirror();
for (const { name, ratio, atMost, detail } of goals) {
  const verdict = ratio <= atMost ? "ok  " : "MISS";
  process.stdout.write(`${verdict} ${ratio.toFixed(2)}  (at most ${atMost})  ${name}: ${detail}\n`);
}
