/** CPU time a request of two servers that are loaded in turn, so that whatever else the machine does falls on both. */

import type { Finding } from "./goals.js";
import { type LoadRequest, openLoad } from "./load.js";
import { type Measured, median } from "./processes.js";

const ROUNDS = 5;
/** Until code is compiled for good. */
const WARM_UP_MS = 2_000;

export interface Comparison {
  readonly name: string;
  readonly request: LoadRequest;
  readonly ours: Measured;
  /** What ours is measured against. */
  readonly bare: Measured;
  readonly atMost?: number;
  readonly inFlight: readonly number[];
  /** Seconds of load on each, all rounds together. */
  readonly seconds: number;
}

export async function compareCost(comparison: Comparison): Promise<Finding[]> {
  const { name, request, ours, bare, atMost, seconds } = comparison;
  const findings: Finding[] = [];
  for (const server of [bare, ours]) await costOf(server, request, 16, WARM_UP_MS);
  for (const inFlight of comparison.inFlight) {
    const roundMs = (seconds * 1_000) / ROUNDS;
    const cost = { bare: [] as number[], ours: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      cost.bare.push(await costOf(bare, request, inFlight, roundMs));
      cost.ours.push(await costOf(ours, request, inFlight, roundMs));
    }
    findings.push({
      name: `${name}, ${inFlight} in flight`,
      value: median(cost.ours) / median(cost.bare),
      ...(atMost === undefined ? {} : { goal: { atMost } }),
      detail: `${median(cost.ours).toFixed(0)} µs to ${median(cost.bare).toFixed(0)} µs CPU`,
    });
  }
  return findings;
}

/** CPU µs a request, over all threads of the server. */
async function costOf(server: Measured, request: LoadRequest, inFlight: number, ms: number): Promise<number> {
  const load = await openLoad(server.url, request, inFlight);
  const before = await server.cpu();
  const answered = await load.runFor(ms);
  const used = (await server.cpu()) - before;
  load.close();
  return used / answered;
}
