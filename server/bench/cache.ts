/**
 * `npm run bench:cache`: what a document from the cache costs, and what filling the cache costs a write and a warm job.
 *
 * Fetches and warm jobs go through a gateway over its embedded engine; writes through gateways with and without a cache, over an
 * upstream that takes everything. What is compared is measured in turn, round by round, in one run: only the ratios mean
 * anything, since milliseconds belong to the machine.
 *
 * `--only fetches`, `writes`, `rate` or `memory` measures one subject (some three minutes for all).
 */

import { availableParallelism, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { freePort } from "../../scripts/free-port.js";
import { benchFetches } from "./cache/fetches.js";
import { benchWarmMemory, benchWarmRate } from "./cache/warming.js";
import { benchMirror } from "./cache/writes.js";
import { type Finding, table } from "./gateway/goals.js";
import { type Measured, startBuiltGateway, startServer } from "./gateway/processes.js";

/** A busy machine must not make a miss of what is measured as a hit. */
const CACHE_BUDGET_MS = "10000";

/** A gateway over an engine of its own, and a way around it. */
async function withEngine<T>(work: (gateway: Measured, engineUrl: string) => Promise<T>): Promise<T> {
  const port = await freePort();
  const gateway = await startBuiltGateway("", {
    TPUF_URL: "",
    LAYER_DATA_DIR: "own",
    LAYER_ENGINE_PORT: String(port),
    LAYER_CACHE_BUDGET_MS: CACHE_BUDGET_MS,
  });
  try {
    return await work(gateway, `http://127.0.0.1:${port}`);
  } finally {
    await gateway.stop();
  }
}

async function benchWrites(): Promise<Finding[]> {
  const stub = await startServer("../cache/stub-upstream.ts");
  const off = await startBuiltGateway(stub.url);
  const on = await startBuiltGateway(stub.url, {
    LAYER_DATA_DIR: "own",
    LAYER_CACHE_BUDGET_MS: CACHE_BUDGET_MS,
  });
  try {
    return await benchMirror(off, on);
  } finally {
    for (const server of [off, on, stub]) await server.stop();
  }
}

async function benchMemory(): Promise<Finding[]> {
  const upstream = await startServer("../cache/page-upstream.ts");
  try {
    return [await benchWarmMemory(() => startBuiltGateway(upstream.url, { LAYER_DATA_DIR: "own" }))];
  } finally {
    await upstream.stop();
  }
}

const subjects: Readonly<Record<string, () => Promise<Finding[]>>> = {
  fetches: () => withEngine(benchFetches),
  writes: benchWrites,
  rate: async () => [await withEngine(benchWarmRate)],
  memory: benchMemory,
};

const { values } = parseArgs({ options: { only: { type: "string" } } });
if (values.only !== undefined && !(values.only in subjects))
  throw new Error(`--only ${values.only}: must be one of ${Object.keys(subjects).join(", ")}`);
const load = loadavg()[0]?.toFixed(1);
process.stdout.write(`${availableParallelism()} cores, Node ${process.versions.node}, load ${load} before\n`);
const findings: Finding[] = [];
for (const [name, bench] of Object.entries(subjects))
  if (values.only === undefined || values.only === name) findings.push(...(await bench()));
process.stdout.write(table(findings));
