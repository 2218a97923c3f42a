/** What large writes cost: CPU beside parsing the same body, the time during which nothing else runs, and memory afterwards. */

import type { Finding } from "./goals.js";
import { type LoadRequest, openLoad } from "./load.js";
import { type Measured, median, type Section } from "./processes.js";
import { largeWrite, writeOfBytes } from "./requests.js";

const ROWS = 1_000;
const WARM_UP = 10;
const TRIES = 15;
const LARGEST_BYTES = 15e6;
const mib = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(0)} MiB`;

/** Stamping a thousand rows of 768 numbers, beside parsing and serialising the body once in this process. */
export async function benchStamping(gateway: Measured, inFlight: readonly number[]): Promise<Finding[]> {
  const request = largeWrite(ROWS);
  const parsing: number[] = [];
  for (let round = 0; round < TRIES; round++) {
    const before = process.cpuUsage();
    const again = Buffer.from(JSON.stringify(JSON.parse(request.body.toString())));
    const { user, system } = process.cpuUsage(before);
    if (again.length !== request.body.length) throw new Error("the body was not written as it was read");
    parsing.push(user + system);
  }
  const findings: Finding[] = [];
  for (const count of inFlight) {
    const load = await openLoad(gateway.url, request, count);
    await load.run(Math.max(WARM_UP, count));
    const writes = Math.max(TRIES, count * 2);
    const before = await gateway.cpu();
    await load.run(writes);
    const each = ((await gateway.cpu()) - before) / writes;
    load.close();
    findings.push({
      name: `stamped write of ${ROWS} × 768 to parsing and serialising it, ${count} in flight`,
      value: each / median(parsing),
      goal: { atMost: 0.25 },
      detail: `${milliseconds(each / 1_000)} to ${milliseconds(median(parsing) / 1_000)} CPU, ${mib(request.body.length)}`,
    });
  }
  return findings;
}

/** The longest section on the event loop of single requests, one after the other. */
export async function benchSections(
  gateway: Measured,
  requests: Readonly<Record<string, LoadRequest>>,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [name, request] of Object.entries(requests)) {
    const sections = await sectionsOf(gateway, request);
    findings.push({ ...sectionFinding(sections), name: `longest section of a ${name}` });
  }
  const largest = writeOfBytes(LARGEST_BYTES);
  const sections = await sectionsOf(gateway, largest);
  return [
    ...findings,
    {
      ...sectionFinding(sections),
      name: `longest section of a write of ${(largest.body.length / 1e6).toFixed(0)} MB`,
      goal: { atMost: 20 },
    },
  ];
}

async function sectionsOf(gateway: Measured, request: LoadRequest): Promise<Section[]> {
  const load = await openLoad(gateway.url, request, 1);
  await load.run(WARM_UP);
  const sections: Section[] = [];
  for (let round = 0; round < TRIES; round++) sections.push(await gateway.longestSection(() => load.run(1)));
  load.close();
  return sections;
}

function sectionFinding(sections: readonly Section[]): Omit<Finding, "name"> {
  const cpu = sections.map((section) => section.cpu);
  return {
    value: Math.max(...cpu),
    unit: "ms",
    detail: `CPU, the worst of ${TRIES}; median ${milliseconds(median(cpu))}`,
  };
}

export interface MemoryOptions {
  readonly writes: number;
  readonly idleSeconds: number;
}

/** Loads the gateway, then lets it rest. @returns asks for the finding, which is there when it has been idle for as long */
export async function benchMemory(
  gateway: Measured,
  { writes, idleSeconds }: MemoryOptions,
): Promise<() => Promise<Finding>> {
  const idle = (await gateway.memory()).rss;
  const load = await openLoad(gateway.url, writeOfBytes(LARGEST_BYTES), 4);
  await load.run(writes);
  const busy = (await gateway.memory()).rss;
  load.close();
  const rest = new Promise((resolve) => setTimeout(resolve, idleSeconds * 1_000));
  const rested = rest.then(() => gateway.memory());
  return async () => {
    const { rss } = await rested;
    return {
      name: `memory ${idleSeconds} s after ${writes} writes of 15 MB to that before`,
      value: rss / idle,
      goal: { atMost: 1.5 },
      detail: `${mib(rss)} to ${mib(idle)} resident, ${mib(busy)} under load`,
    };
  };
}

function milliseconds(value: number): string {
  return `${value.toFixed(2)} ms`;
}
