/**
 * Leases, fenced blobs and partitions between three replicas in virtual time: paused owners that wake and act, clocks that
 * differ, a store that answers late, not at all, or with 409. The store sees every write as it is applied and judges it.
 */

import { describe, expect, it } from "vitest";
import { Node, SimulatedStore, Simulation } from "../../../test/simulation.js";
import { createFencedBlob, type FencedBlob, parseFenced } from "./fenced-blob.js";
import { createLeases, LeaseLost, leaseKey } from "./leases.js";
import { createPartitionOwner, PARTITIONS, partitionOf } from "./partitions.js";

const TTL = 15_000;
const SEEDS = process.env.LAYER_TEST_LONG === "1" ? 200 : 25;
const text = (bytes: Uint8Array | undefined) =>
  bytes === undefined ? undefined : new TextDecoder().decode(bytes);
const bytes = (value: string) => new TextEncoder().encode(value);
const steady = { latency: () => 20, lost: 0, conflict: 0 };

/** One replica: it steps its partitions and, as their owner, adds to a blob of each. */
function replica(
  simulation: Simulation,
  store: SimulatedStore,
  name: string,
  options: {
    skew?: { wallMs: number; rate: number };
    /** Acts under leases whose time is over, as if it had been paused between looking at its clock and acting. */
    isReckless?: boolean;
    /** Told when a new owner has read what it will build on. */
    onOpened?: (key: string, generation: number) => void;
  } = {},
) {
  const { skew = { wallMs: 0, rate: 1 }, isReckless = false, onOpened = () => undefined } = options;
  const node = new Node(simulation, name, skew);
  const blobs = store.from(node);
  const leases = createLeases({ blobs, clock: node.clock }, { owner: name, ttlMs: TTL });
  const owner = createPartitionOwner({ blobs, leases, random: simulation.random }, { partitions: 4 });
  const refused: LeaseLost[] = [];
  let replicas = 3;
  let writes = 0;

  function share(count: number): void {
    replicas = count;
  }

  async function step(): Promise<void> {
    for (;;) {
      await owner.runOnce(replicas).catch(() => undefined);
      await node.sleep(TTL / 3);
    }
  }

  /** Works for a lease until it is lost. */
  async function work(blob: FencedBlob, opened: () => void): Promise<void> {
    let content = text(await blob.open()) ?? "";
    opened();
    for (;;) {
      await node.sleep(simulation.between(100, 1_500));
      content = `${content}${name[0]}`.slice(-50);
      await blob.write(bytes(content));
    }
  }

  async function watch(): Promise<void> {
    const working = new Set<string>();
    for (;;) {
      for (const lease of owner.held()) {
        const id = `${lease.partition} ${lease.generation}`;
        if (working.has(id)) continue;
        working.add(id);
        const ids = (): string => {
          writes += 1;
          return `${name} ${writes}`;
        };
        const key = `work/${lease.partition}`;
        void (async () => {
          for (;;) {
            try {
              const judgement = isReckless ? { isHeld: () => true } : leases;
              const blob = createFencedBlob({ blobs, leases: judgement, ids }, key, lease);
              await work(blob, () => onOpened(key, lease.generation));
            } catch (error) {
              if (error instanceof LeaseLost) return void refused.push(error);
            }
          }
        })();
      }
      await node.sleep(500);
    }
  }
  node.at(0, () => void step());
  node.at(0, () => void watch());
  return { name, node, owner, leases, blobs, refused, share };
}

/** Judges writes as they are applied. */
function judge(store: SimulatedStore) {
  const faults: string[] = [];
  const newest = new Map<string, number>();
  const opened = new Map<string, number>();
  const owners = new Map<string, string>();
  let effects = 0;
  store.onWrite = (key, body) => {
    const isLease = key.startsWith("leases/");
    const { generation, owner } = isLease
      ? (JSON.parse(text(body) ?? "") as { generation: number; owner: string })
      : parseFenced(key, body);
    if (!isLease) effects += 1;
    if (generation < (newest.get(key) ?? 0))
      faults.push(`${key}: generation ${generation} after ${newest.get(key)}`);
    if (generation < (opened.get(key) ?? 0))
      faults.push(`${key}: generation ${generation} after generation ${opened.get(key)} had read it`);
    newest.set(key, Math.max(generation, newest.get(key) ?? 0));
    const id = `${key} ${generation}`;
    if ((owners.get(id) ?? owner) !== owner)
      faults.push(`${id} has two owners: ${owners.get(id)} and ${owner}`);
    owners.set(id, owner);
  };
  const onOpened = (key: string, generation: number): void => {
    opened.set(key, Math.max(generation, opened.get(key) ?? 0));
  };
  return { faults, newest, onOpened, effects: () => effects };
}

/** Runs the simulation until a call has settled. */
async function settle<T>(simulation: Simulation, call: Promise<T>): Promise<T> {
  let done = false;
  call.then(
    () => (done = true),
    () => (done = true),
  );
  while (!done) await simulation.runUntil(simulation.now + 10);
  return call;
}

describe("three replicas", () => {
  it(`let no effect of a superseded owner land, over ${SEEDS} histories of faults`, async () => {
    let refusals = 0;
    let effects = 0;
    let generations = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const simulation = new Simulation(seed);
      const store = new SimulatedStore(simulation, {
        // Now and then a request is on its way for longer than a lease lasts.
        latency: () =>
          simulation.random() < 0.01 ? simulation.between(TTL, 3 * TTL) : simulation.between(5, 400),
        lost: 0.03,
        conflict: 0.02,
      });
      const verdict = judge(store);
      const replicas = [
        { wallMs: 0, rate: 1 },
        { wallMs: 90_000, rate: 1.01 },
        { wallMs: -3_600_000, rate: 0.99 },
      ].map((skew, index) =>
        replica(simulation, store, "abc"[index] ?? "", {
          skew,
          isReckless: seed % 2 === 0,
          onOpened: verdict.onOpened,
        }),
      );
      for (let time = 5_000; time < 240_000; time += simulation.between(8_000, 40_000)) {
        const sleeper = replicas[Math.floor(simulation.random() * 3)];
        simulation.at(time, () =>
          sleeper?.node.pause(simulation.between(1_000, 3 * TTL), simulation.random() < 0.5),
        );
      }
      await simulation.runUntil(300_000);
      expect(verdict.faults, `seed ${seed}`).toEqual([]);
      effects += verdict.effects();
      generations += Math.max(...verdict.newest.values());
      refusals += replicas.reduce((total, { refused }) => total + refused.length, 0);
    }
    // Without work done, owners changed, and owners that woke and tried, the above would prove nothing.
    expect(effects / SEEDS).toBeGreaterThan(200);
    expect(generations / SEEDS).toBeGreaterThan(2.5);
    expect(refusals).toBeGreaterThan(SEEDS);
  });

  it("share the partitions, and take a dead one's over within twice the time to live", async () => {
    for (let seed = 1; seed <= 5; seed += 1) {
      const simulation = new Simulation(seed);
      const store = new SimulatedStore(simulation, { ...steady, latency: () => simulation.between(5, 200) });
      const replicas = ["a", "b", "c"].map((name) => replica(simulation, store, name));
      await simulation.runUntil(60_000 + seed * 1_111);
      const counts = replicas.map(({ owner }) => owner.held().length);
      expect(counts.reduce((total, count) => total + count)).toBe(4);
      expect(Math.max(...counts)).toBeLessThanOrEqual(2);
      const victim = replicas.find(({ owner }) => owner.held().length > 0);
      const orphaned = victim?.owner.held().map((lease) => lease.partition) ?? [];
      if (victim) victim.node.isDead = true;
      const survivors = replicas.filter((each) => each !== victim);
      for (const { share } of survivors) share(2);
      await simulation.runUntil(simulation.now + 2 * TTL);
      const taken = survivors.flatMap(({ owner }) => owner.held().map((lease) => lease.partition));
      expect(orphaned.filter((partition) => !taken.includes(partition))).toEqual([]);
    }
  });

  it("hand partitions on at once when one leaves in order", async () => {
    const simulation = new Simulation(1);
    const store = new SimulatedStore(simulation, steady);
    const leaving = replica(simulation, store, "a");
    leaving.share(1);
    await simulation.runUntil(20_000);
    expect(leaving.owner.held()).toHaveLength(4);
    const staying = replica(simulation, store, "b");
    staying.share(1);
    await simulation.runUntil(25_000);
    expect(staying.owner.held()).toHaveLength(0);
    leaving.node.isDead = false;
    void leaving.owner.releaseAll();
    leaving.share(1_000);
    await simulation.runUntil(simulation.now + TTL / 2);
    expect(staying.owner.held().length).toBeGreaterThanOrEqual(3);
  });
});

describe("a lease", () => {
  function pair() {
    const simulation = new Simulation(7);
    const store = new SimulatedStore(simulation, steady);
    const make = (name: string) => {
      const node = new Node(simulation, name, { wallMs: 0, rate: 1 });
      const blobs = store.from(node);
      return { node, blobs, leases: createLeases({ blobs, clock: node.clock }, { owner: name, ttlMs: TTL }) };
    };
    const settled = <T>(call: Promise<T>): Promise<T> => settle(simulation, call);
    return { simulation, store, a: make("a"), b: make("b"), settled };
  }

  it("is not taken from an owner that renews, however long others wait", async () => {
    const { simulation, a, b, settled } = pair();
    const first = await settled(a.leases.acquire(0));
    if (first.status !== "acquired") throw new Error("not acquired");
    for (let round = 0; round < 10; round += 1) {
      await simulation.runUntil(simulation.now + TTL / 2);
      await settled(a.leases.renew(first.lease));
      expect(await settled(b.leases.acquire(0))).toEqual({ status: "held", holder: "a", generation: 1 });
    }
  });

  it("is lost by name to the one that took it over, and its owner knew before", async () => {
    const { simulation, a, b, settled } = pair();
    const first = await settled(a.leases.acquire(3));
    if (first.status !== "acquired") throw new Error("not acquired");
    await settled(b.leases.acquire(3));
    await simulation.runUntil(simulation.now + TTL * 0.95);
    expect(await settled(b.leases.acquire(3))).toMatchObject({ status: "held", holder: "a" });
    await simulation.runUntil(simulation.now + TTL * 0.05);
    expect(a.leases.isHeld(first.lease)).toBe(false);
    const second = await settled(b.leases.acquire(3));
    expect(second).toMatchObject({ status: "acquired", lease: { owner: "b", generation: 2 } });
    await expect(settled(a.leases.renew(first.lease))).rejects.toMatchObject({
      name: "LeaseLost",
      holder: "b",
      message: "lease of partition 3 at generation 1 is lost: another replica took it over, held by b",
    });
  });

  it("survives a renewal whose answer was lost", async () => {
    const { simulation, store, a, settled } = pair();
    const first = await settled(a.leases.acquire(0));
    if (first.status !== "acquired") throw new Error("not acquired");
    store.faults = { ...steady, lost: 1 };
    for (let round = 0; round < 3; round += 1)
      await expect(settled(a.leases.renew(first.lease))).rejects.toThrow("no answer");
    store.faults = steady;
    await settled(a.leases.renew(first.lease));
    await simulation.runUntil(simulation.now + TTL / 2);
    expect(a.leases.isHeld(first.lease)).toBe(true);
  });

  it("is free at once when released, and its generation goes on", async () => {
    const { a, b, settled } = pair();
    const first = await settled(a.leases.acquire(0));
    if (first.status !== "acquired") throw new Error("not acquired");
    await settled(a.leases.release(first.lease));
    expect(a.leases.isHeld(first.lease)).toBe(false);
    expect(await settled(b.leases.acquire(0))).toMatchObject({
      status: "acquired",
      lease: { generation: 2 },
    });
    await expect(settled(a.leases.renew(first.lease))).rejects.toThrow(LeaseLost);
  });

  it("is not believed in after the wall clock jumped, though the monotonic one stood still", async () => {
    const { simulation, a, settled } = pair();
    const first = await settled(a.leases.acquire(0));
    if (first.status !== "acquired") throw new Error("not acquired");
    a.node.pause(2 * TTL, true);
    await simulation.runUntil(simulation.now + 2 * TTL + 1);
    expect(a.leases.isHeld(first.lease)).toBe(false);
  });

  it("has a blob of its own for every partition", () => {
    const keys = Array.from({ length: PARTITIONS }, (_, partition) => leaseKey(partition));
    expect(new Set(keys).size).toBe(32);
    expect(keys[3]).toBe("leases/03.json");
  });
});

describe("a fenced blob", () => {
  it("gives a new owner what the old one wrote last, and refuses the old one from then on", async () => {
    const simulation = new Simulation(3);
    const store = new SimulatedStore(simulation, { ...steady, latency: () => 0 });
    const node = new Node(simulation, "n", { wallMs: 0, rate: 1 });
    let made = 0;
    const ids = (): string => {
      made += 1;
      return String(made);
    };
    const deps = { blobs: store.from(node), leases: { isHeld: () => true }, ids };
    const old = createFencedBlob(deps, "work/0", { partition: 0, owner: "a", generation: 1 });
    const young = createFencedBlob(deps, "work/0", { partition: 0, owner: "b", generation: 2 });
    const seen: unknown[] = [];
    void (async () => {
      seen.push(await old.open());
      await old.write(bytes("1"));
      seen.push(text(await young.open()));
      seen.push(await old.write(bytes("2")).catch((error: Error) => error.message));
      await young.write(bytes("3"));
      seen.push(await old.open().catch((error: Error) => error.name));
      seen.push(text(parseFenced("work/0", store.blobs.get("work/0")?.body ?? bytes("")).content));
    })();
    await simulation.runUntil(1_000);
    expect(seen).toEqual([
      undefined,
      "1",
      "lease of partition 0 at generation 1 is lost: work/0 was written at generation 2, held by b",
      "LeaseLost",
      "3",
    ]);
  });
});

describe("a lease that cannot be read", () => {
  it.each(["", "not JSON", "null", '{"format":9}'])(
    "as %j is named, and keeps nobody from the other partitions",
    async (damaged) => {
      const simulation = new Simulation(11);
      const store = new SimulatedStore(simulation, { ...steady, latency: () => 1 });
      const node = new Node(simulation, "a", { wallMs: 0, rate: 1 });
      const blobs = store.from(node);
      const leases = createLeases({ blobs, clock: node.clock }, { owner: "a", ttlMs: TTL });
      const owner = createPartitionOwner({ blobs, leases, random: () => 0.3 }, { partitions: 4 });
      store.blobs.set(leaseKey(2), { body: bytes(damaged), etag: "damaged" });
      await expect(settle(simulation, owner.runOnce(1))).rejects.toMatchObject({
        name: "LeaseUnreadable",
        message: expect.stringContaining("leases/02.json"),
      });
      expect(owner.held().map((lease) => lease.partition)).toEqual([1, 3, 0]);
    },
  );
});

describe("partitions of namespaces", () => {
  it("are the same everywhere and spread evenly", () => {
    expect(["products", "é", ""].map((name) => partitionOf(name))).toEqual([13, 4, 5]);
    const counts = new Array<number>(PARTITIONS).fill(0);
    for (let index = 0; index < 32_000; index += 1) {
      const partition = partitionOf(`namespace-${index}`);
      counts[partition] = (counts[partition] ?? 0) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(800);
    expect(Math.max(...counts)).toBeLessThan(1_200);
  });
});
