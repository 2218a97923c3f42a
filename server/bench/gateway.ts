/**
 * `npm run bench:gateway`: what the gateway costs, beside a bare proxy of the same bytes, over a stub upstream.
 *
 * What is compared is loaded in turn, round by round, in one run; CPU time is the process' own count. Only the ratios mean
 * anything: microseconds belong to the machine.
 *
 * `--seconds N` is how long each is loaded for each comparison (default 5, some five minutes in all). Below 5, memory is looked
 * at after fewer writes and a shorter rest.
 */

import { availableParallelism, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { type Finding, table } from "./gateway/goals.js";
import { benchMemory, benchSections, benchStamping } from "./gateway/large-writes.js";
import { KEY, type Measured, startBuiltGateway, startServer } from "./gateway/processes.js";
import { compareCost } from "./gateway/request-cost.js";
import { listing, nativeQuery, oneRowWrite, vectorQuery } from "./gateway/requests.js";
import { benchWorkers } from "./gateway/worker-scaling.js";

const IN_FLIGHT = [1, 16, 64];
/** Writes of 8 MB, which upstream and the client have in memory as well. */
const LARGE_IN_FLIGHT = [1, 16];

const { values } = parseArgs({ options: { seconds: { type: "string", default: "5" } } });
const seconds = Number(values.seconds);
if (!(seconds > 0)) throw new Error(`--seconds ${values.seconds}: must be a number above 0`);
const memoryOptions = {
  writes: Math.round(Math.min(200, seconds * 40)),
  idleSeconds: Math.round(Math.min(60, Math.max(12, seconds * 12))),
};

const started: Measured[] = [];
async function begin(server: Promise<Measured>): Promise<Measured> {
  const running = await server;
  started.push(running);
  return running;
}

/** The bytes that the gateway answers a listing with, once it has it. */
async function cachedListing(gateway: Measured): Promise<string> {
  const answer = await fetch(`${gateway.url}${listing.path}`, {
    headers: { authorization: `Bearer ${KEY}` },
  });
  if (answer.status !== 200) throw new Error(`the listing was answered ${answer.status}`);
  return answer.text();
}

async function benchAll(): Promise<Finding[]> {
  const stub = await begin(startServer("./stub-upstream.ts"));
  const rested = await begin(startBuiltGateway(stub.url));
  const memory = await benchMemory(rested, memoryOptions);

  const bare = await begin(startServer("./bare-proxy.ts", { BENCH_UPSTREAM: stub.url }));
  const ours = await begin(startBuiltGateway(stub.url, { NAMESPACE_LIST_CACHE_TTL_MS: "3600000" }));
  const logging = await begin(startBuiltGateway(stub.url, { LAYER_LOG_LEVEL: "info" }));
  const constant = await begin(
    startServer("../cache/constant-server.ts", { BENCH_ANSWER: await cachedListing(ours) }),
  );
  const load = { inFlight: IN_FLIGHT, seconds };
  const findings: Finding[] = [];
  const costs = [
    { name: "native query to a bare proxy", request: nativeQuery, ours, bare, atMost: 1.5 },
    { name: "native query and its log line to a bare proxy", request: nativeQuery, ours: logging, bare },
    { name: "vector query to a bare proxy", request: vectorQuery, ours, bare, atMost: 2 },
    { name: "one-row write to a bare proxy", request: oneRowWrite, ours, bare, atMost: 2 },
    { name: "cached listing to a constant answer", request: listing, ours, bare: constant, atMost: 2 },
  ];
  for (const cost of costs) findings.push(...(await compareCost({ ...cost, ...load })));
  findings.push(...(await benchStamping(ours, LARGE_IN_FLIGHT)));
  const requests = {
    "native query": nativeQuery,
    "vector query": vectorQuery,
    "one-row write": oneRowWrite,
    "cached listing": listing,
  };
  findings.push(...(await benchSections(ours, requests)));
  const workers = (count: number) =>
    begin(startBuiltGateway(stub.url, { LAYER_WORKERS: String(count), LAYER_DATA_DIR: "own" }));
  const gateways = { one: await workers(1), two: await workers(2) };
  findings.push(...(await benchWorkers(gateways, IN_FLIGHT, seconds)));
  findings.push(await memory());
  return findings;
}

function load1(): string {
  return `load ${loadavg()[0]?.toFixed(1)}`;
}

process.stdout.write(`${availableParallelism()} cores, Node ${process.versions.node}, ${load1()} before\n`);
try {
  const findings = await benchAll();
  process.stdout.write(table(findings));
} finally {
  for (const server of started.reverse()) await server.stop();
}
