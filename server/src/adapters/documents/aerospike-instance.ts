/**
 * The *instance* of an Aerospike cluster: a random name in a record of its own, which is part of every epoch the cache shows.
 * Another name forgets everything at once, for every replica.
 *
 * A cluster that was emptied has no instance and gets a new one. So does one of whose servers one was started again, where
 * they keep files: such a server comes back with what it had a second or two before it died. What was replaced or removed
 * since stands there as before, under epochs that have not changed either, and must not be served.
 *
 * That a server was started again shows in its uptime: it has become less, or its start is later than the one noted in the
 * record, by which replicas tell each other and their successors.
 */

import { randomUUID } from "node:crypto";
import type { Clock } from "../../clock.js";
import type { AerospikeClient, AerospikeKey, AerospikeModule } from "./aerospike-client.js";
import { meaningOf } from "./aerospike-failure.js";

/** Starts that differ by less are the same one, as clocks of two replicas see it, in ms. */
const START_TOLERANCE_MS = 10_000;
/** Times the record is written when others write it too. */
const TRIES = 5;
/** Servers whose starts are noted, those started last. */
const STARTS_MAX = 256;

/** What the servers say of themselves. */
export interface ClusterReport {
  /** Whole seconds, by name of server. */
  readonly uptimes: ReadonlyMap<string, number>;
  /** Records evicted from the namespace, by all of them. */
  readonly evicted: number;
  /** Whether the namespace is kept in files or devices. */
  readonly isDurable: boolean;
}

interface Noted {
  readonly instance: string;
  /** Epoch-ms, by name of server. */
  readonly starts: Readonly<Record<string, number>>;
  readonly generation: number;
}

export class AerospikeInstance {
  readonly key: AerospikeKey;
  readonly #aerospike: AerospikeModule;
  readonly #clock: Clock;
  #uptimes: ReadonlyMap<string, number> = new Map();
  #name: string | undefined;

  /** @param key of its record */
  constructor(aerospike: AerospikeModule, key: AerospikeKey, clock: Clock) {
    this.#aerospike = aerospike;
    this.key = key;
    this.#clock = clock;
  }

  /** As last read; undefined before the first time. */
  get name(): string | undefined {
    return this.#name;
  }

  /**
   * Reads the instance, or gives the cluster a new one where that is due.
   * @returns whether it is another than last time
   * @throws errors of the client
   */
  async settle(client: AerospikeClient, report: ClusterReport, policy: object): Promise<boolean> {
    const now = this.#clock.now();
    const starts = Object.fromEntries(
      [...report.uptimes].map(([server, uptime]) => [server, now - uptime * 1_000]),
    );
    let isRestarted = report.isDurable && this.#hasLessUptime(report.uptimes);
    let before: string | undefined;
    for (let attempt = 1; ; attempt += 1) {
      const noted = await this.#read(client, policy);
      // Whoever was faster may have done all there was to do.
      if (attempt > 1 && noted?.instance !== before) isRestarted = false;
      isRestarted ||= report.isDurable && noted !== undefined && hasLaterStart(noted.starts, starts);
      before = noted?.instance;
      const known = noted?.starts ?? {};
      const isComplete = Object.keys(starts).every((server) => server in known);
      if (noted !== undefined && !isRestarted && isComplete) return this.#accept(noted.instance, report);
      const instance = noted === undefined || isRestarted ? randomUUID().slice(0, 13) : noted.instance;
      const next = isRestarted ? { ...known, ...starts } : { ...starts, ...known };
      if (await this.#write(client, instance, next, noted?.generation, policy))
        return this.#accept(instance, report);
      if (attempt >= TRIES) throw new Error("the instance of the cluster keeps changing");
    }
  }

  #accept(name: string, { uptimes }: ClusterReport): boolean {
    this.#uptimes = uptimes;
    const isOther = this.#name !== undefined && this.#name !== name;
    this.#name = name;
    return isOther;
  }

  #hasLessUptime(uptimes: ReadonlyMap<string, number>): boolean {
    return [...uptimes].some(([server, uptime]) => uptime < (this.#uptimes.get(server) ?? 0));
  }

  async #read(client: AerospikeClient, policy: object): Promise<Noted | undefined> {
    try {
      const { bins, gen } = await client.get(this.key, policy);
      return { instance: String(bins.instance), starts: parseStarts(bins.starts), generation: gen };
    } catch (error) {
      if (meaningOf(error) === "missing") return undefined;
      throw error;
    }
  }

  /** False when somebody else wrote it since. */
  async #write(
    client: AerospikeClient,
    instance: string,
    starts: Readonly<Record<string, number>>,
    generation: number | undefined,
    policy: object,
  ): Promise<boolean> {
    const { gen, exists } = this.#aerospike.policy;
    const condition =
      generation === undefined ? { exists: exists.CREATE } : { exists: exists.REPLACE, gen: gen.EQ };
    const latest = Object.entries(starts)
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, STARTS_MAX);
    const bins = { instance, starts: JSON.stringify(Object.fromEntries(latest)) };
    const meta = {
      ttl: this.#aerospike.ttl.NEVER_EXPIRE,
      ...(generation === undefined ? {} : { gen: generation }),
    };
    try {
      await client.put(this.key, bins, meta, { ...policy, ...condition });
      return true;
    } catch (error) {
      const meaning = meaningOf(error);
      if (meaning === "conflict" || meaning === "missing") return false;
      throw error;
    }
  }
}

/** Asks every server of the cluster. @throws errors of the client */
export async function readReport(
  client: AerospikeClient,
  namespace: string,
  policy: object,
): Promise<ClusterReport> {
  const [statistics, namespaces] = await Promise.all([
    client.infoAll("statistics", policy),
    client.infoAll(`namespace/${namespace}`, policy),
  ]);
  const uptimes = new Map<string, number>();
  for (const { host, info = "" } of statistics) {
    const uptime = pairOf(info, "uptime");
    if (host.node_id !== undefined && uptime !== undefined) uptimes.set(host.node_id, Number(uptime));
  }
  return {
    uptimes,
    evicted: namespaces.reduce((sum, { info = "" }) => sum + Number(pairOf(info, "evicted_objects") ?? 0), 0),
    isDurable: namespaces.some(
      ({ info = "" }) =>
        /^(device|pmem)$/.test(pairOf(info, "storage-engine") ?? "") ||
        /storage-engine\.(file|device)\[/.test(info),
    ),
  };
}

/** One of the `name=value` pairs of an answer, which begins with the request and a tab. */
function pairOf(info: string, name: string): string | undefined {
  return new RegExp(`(?:^|[;\\t])${name}=([^;\\n]*)`).exec(info)?.[1];
}

function hasLaterStart(
  noted: Readonly<Record<string, number>>,
  seen: Readonly<Record<string, number>>,
): boolean {
  return Object.entries(seen).some(
    ([server, start]) => start > (noted[server] ?? Number.POSITIVE_INFINITY) + START_TOLERANCE_MS,
  );
}

function parseStarts(text: unknown): Readonly<Record<string, number>> {
  try {
    return typeof text === "string" ? (JSON.parse(text) as Record<string, number>) : {};
  } catch {
    return {};
  }
}
