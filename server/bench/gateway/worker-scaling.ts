/** How many more queries two worker processes answer than one, where client and upstream share the cores with them. */

import type { Finding } from "./goals.js";
import { openLoad } from "./load.js";
import { type Measured, median } from "./processes.js";
import { nativeQuery } from "./requests.js";

const ROUNDS = 5;
/** Until the code of every worker is compiled for good. */
const WARM_UP_MS = 3_000;

export interface WorkerGateways {
  readonly one: Measured;
  readonly two: Measured;
}

/** @param seconds of load on each, all rounds together */
export async function benchWorkers(
  gateways: WorkerGateways,
  inFlight: readonly number[],
  seconds: number,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const gateway of [gateways.one, gateways.two]) await rateOf(gateway, 16, WARM_UP_MS);
  for (const count of inFlight) {
    const rates = { one: [] as number[], two: [] as number[] };
    for (let round = 0; round < ROUNDS; round++)
      for (const which of ["one", "two"] as const)
        rates[which].push(await rateOf(gateways[which], count, (seconds * 1_000) / ROUNDS));
    const [one, two] = [median(rates.one), median(rates.two)];
    findings.push({
      name: `queries a second of two workers to one, ${count} in flight`,
      value: two / one,
      // One request at a time is all that one process can use.
      ...(count === 1 ? {} : { goal: { atLeast: 1.3 } }),
      detail: `${two.toFixed(0)} to ${one.toFixed(0)}`,
    });
  }
  return findings;
}

async function rateOf(gateway: Measured, inFlight: number, ms: number): Promise<number> {
  const load = await openLoad(gateway.url, nativeQuery, inFlight);
  const begunAt = performance.now();
  const answered = await load.runFor(ms);
  const seconds = (performance.now() - begunAt) / 1_000;
  load.close();
  return answered / seconds;
}
