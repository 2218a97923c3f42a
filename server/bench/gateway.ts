/**
 * `npm run bench:gateway`: what one query costs the gateway's CPU, beside a bare proxy of the same bytes.
 *
 * Both stand in front of the same stub upstream and are loaded in turn, round by round, in one run; CPU time is the
 * kernel's count for their process. Only the ratio means anything: milliseconds belong to the machine.
 */
import { type ChildProcess, fork } from "node:child_process";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { Pool } from "undici";
import { startGateway } from "../../scripts/running-gateway.js";

const KEY = "tpuf_bench";
const ROUNDS = 5;
const REQUESTS_A_ROUND = 3000;
const WARM_UP = 3000;
const IN_FLIGHT = [1, 16, 64];
const CLOCK_TICKS_PER_SECOND = 100;
const body = JSON.stringify({
  rank_by: ["vector", "ANN", Array.from({ length: 64 }, (_, i) => Math.round(Math.sin(i) * 1e6) / 1e6)],
  top_k: 10,
  filters: [
    "And",
    [
      ["price", "Lt", 100],
      ["brand", "Eq", "Acme"],
    ],
  ],
  include_attributes: ["title"],
});

/** CPU time of a process in µs, user and system together. */
function cpuMicros(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return ((Number(fields[11]) + Number(fields[12])) * 1e6) / CLOCK_TICKS_PER_SECOND;
}

/** Forks one of the bench's own servers and waits for its address. */
async function serve(
  file: string,
  env: Record<string, string> = {},
): Promise<{ child: ChildProcess; url: string }> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), { env: { ...process.env, ...env } });
  const address = await new Promise<AddressInfo>((resolve) =>
    child.once("message", (message) => resolve(message as AddressInfo)),
  );
  return { child, url: `http://127.0.0.1:${address.port}` };
}

/** Sends `count` queries with `inFlight` at once. */
async function load(pool: Pool, count: number, inFlight: number): Promise<void> {
  let sent = 0;
  const worker = async () => {
    while (sent < count) {
      sent += 1;
      const answer = await pool.request({
        method: "POST",
        path: "/v2/namespaces/bench/query",
        headers: { "content-type": "application/json", authorization: `Bearer ${KEY}` },
        body,
      });
      await answer.body.dump();
      if (answer.statusCode !== 200) throw new Error(`a query was answered ${answer.statusCode}`);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
}

const median = (values: number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

if (process.platform !== "linux") throw new Error("this benchmark reads CPU time from /proc and needs Linux");
const stub = await serve("./stub-upstream.ts");
const bare = await serve("./bare-proxy.ts", { BENCH_UPSTREAM: stub.url });
const gateway = await startGateway({
  env: { TPUF_URL: stub.url, TURBOPUFFER_API_KEY: KEY, LAYER_LOG_LEVEL: "warn" },
});
const targets = [
  { name: "bare proxy", pid: bare.child.pid ?? 0, pool: new Pool(bare.url, { connections: 64 }) },
  { name: "gateway", pid: gateway.process.pid ?? 0, pool: new Pool(gateway.url, { connections: 64 }) },
];

process.stdout.write(
  `native query, ${body.length} bytes, ${cpus().length} cores, Node ${process.versions.node}\n`,
);
for (const target of targets) await load(target.pool, WARM_UP, 16);
for (const inFlight of IN_FLIGHT) {
  const micros = new Map<string, number[]>(targets.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const { name, pid, pool } of targets) {
      const before = cpuMicros(pid);
      await load(pool, REQUESTS_A_ROUND, inFlight);
      micros.get(name)?.push((cpuMicros(pid) - before) / REQUESTS_A_ROUND);
    }
  }
  const [bareCost = Number.NaN, gatewayCost = Number.NaN] = targets.map(({ name }) =>
    median(micros.get(name) ?? []),
  );
  process.stdout.write(
    `${String(inFlight).padStart(3)} in flight: bare proxy ${bareCost.toFixed(0)} µs CPU a request, gateway ${gatewayCost.toFixed(0)} µs, ratio ${(gatewayCost / bareCost).toFixed(2)}\n`,
  );
}
for (const { pool } of targets) await pool.destroy();
await gateway.stop();
bare.child.disconnect();
stub.child.disconnect();
