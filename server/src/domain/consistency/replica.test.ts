/** Replicas over one simulated store, in virtual time. */

import { describe, expect, it } from "vitest";
import { createMemoryBlobs, handClocks } from "../../../test/memory-blobs.js";
import { Node, SimulatedStore, Simulation } from "../../../test/simulation.js";
import { createReplica, createSoleReplica } from "./replica.js";
import { createWriteHolds } from "./write-holds.js";

const START = 1_700_000_000_000;
const never = () => new AbortController().signal;

/** Several replicas, each with its own clocks, stepping every second unless told not to. */
function stage() {
  const simulation = new Simulation(3);
  const store = new SimulatedStore(simulation, { latency: () => 20, lost: 0, conflict: 0 });
  function add(id: string, options: { wallMs?: number; steps?: boolean } = {}) {
    const node = new Node(simulation, id, { wallMs: options.wallMs ?? 0, rate: 1 });
    const holds = createWriteHolds(node.clock, { marginMs: 500, unknownMs: 60_000 });
    const replica = createReplica(
      { blobs: store.from(node), clock: node.clock, holds, timeout: never },
      { id, writeDeadlineMs: 60_000 },
    );
    const state = { isWatching: false };
    if (options.steps !== false)
      node.at(simulation.now, () => {
        void (async () => {
          for (;;) {
            await replica.runOnce(state.isWatching).catch(() => undefined);
            await node.sleep(1_000);
          }
        })();
      });
    return { node, holds, replica, state };
  }
  async function after(ms: number): Promise<void> {
    // What was just begun gets to its first call.
    await new Promise((resolve) => setImmediate(resolve));
    await simulation.runUntil(simulation.now + ms);
  }
  async function done<T>(promise: Promise<T>): Promise<T> {
    await after(500);
    return promise;
  }
  return { simulation, store, add, after, done };
}

describe("a replica", () => {
  it("joins when its first write comes, and tells the store nothing before", async () => {
    const { store, add, after, done } = stage();
    const { replica } = add("a");
    await after(5_000);
    expect([replica.mayStamp(), store.blobs.size]).toEqual([false, 0]);
    await done(replica.readyToStamp());
    expect([replica.mayStamp(), store.blobs.size]).toEqual([true, 1]);
  });

  it("joins once for all writes that come together", async () => {
    const { add, done } = stage();
    const { replica } = add("a", { steps: false });
    await done(Promise.all([replica.readyToStamp(), replica.readyToStamp(), replica.readyToStamp()]));
    expect(replica.mayStamp()).toBe(true);
  });

  it("stamps above a clock that another has published, however far that is ahead", async () => {
    const { add, done } = stage();
    const ahead = add("ahead", { wallMs: 3_600_000 });
    await done(ahead.replica.readyToStamp());
    const late = add("late");
    await done(late.replica.readyToStamp());
    expect(late.holds.begin("n").stamp).toBeGreaterThan(ahead.replica.limit());
    expect(late.holds.now()).toBeGreaterThan(START + 3_600_000);
  });

  it("stamps above the clock of one that died, once that is forgotten too", async () => {
    const { store, add, after, done } = stage();
    const ahead = add("ahead", { wallMs: 3_600_000 });
    await done(ahead.replica.freshen());
    const limit = ahead.replica.limit();
    ahead.node.isDead = true;
    const heir = add("heir");
    await done(heir.replica.readyToStamp());
    heir.holds.begin("n");
    await after(120_000);
    expect([...store.blobs.keys()]).toEqual(["replicas/heir-0.json"]);
    heir.node.isDead = true;
    const late = add("late");
    await done(late.replica.readyToStamp());
    expect(late.holds.begin("n").stamp).toBeGreaterThan(limit);
  });

  it("goes idle ten seconds after its last write, and joins again for the next", async () => {
    const { add, after, done } = stage();
    const { replica, holds } = add("a");
    const other = add("b");
    await done(replica.readyToStamp());
    holds.begin("n").settle("applied");
    await after(9_000);
    expect(replica.mayStamp()).toBe(true);
    await after(5_000);
    expect(replica.mayStamp()).toBe(false);
    await done(other.replica.freshen());
    expect(other.replica.limit()).toBeGreaterThan(START + 13_000);
    await done(replica.readyToStamp());
    expect(replica.mayStamp()).toBe(true);
  });

  it("does not go idle while a write may still land", async () => {
    const { add, after, done } = stage();
    const { replica, holds } = add("a");
    await done(replica.readyToStamp());
    holds.begin("n").settle("unknown");
    await after(60_000);
    expect(replica.mayStamp()).toBe(true);
    await after(15_000);
    expect(replica.mayStamp()).toBe(false);
  });

  it("refuses writes when it cannot reach the store, and says so at once for a while", async () => {
    const { clock, pass } = handClocks();
    const blobs = createMemoryBlobs();
    const holds = createWriteHolds(clock, { marginMs: 500, unknownMs: 60_000 });
    const replica = createReplica({ blobs, clock, holds }, { id: "a", writeDeadlineMs: 60_000 });
    blobs.failure = "unavailable";
    await expect(replica.readyToStamp()).rejects.toMatchObject({
      code: "service_unavailable",
      status: 503,
      details: { retryAfterSeconds: 1 },
    });
    const calls = blobs.calls.put;
    await expect(replica.readyToStamp()).rejects.toMatchObject({ code: "service_unavailable" });
    expect(blobs.calls.put).toBe(calls);
    expect(replica.state()).toMatchObject({ acceptsWrites: false, lost: { since: START } });
    pass(1_000);
    blobs.failure = undefined;
    await replica.readyToStamp();
    expect(replica.state()).toEqual({ kind: "shared", acceptsWrites: true, others: 0 });
  });

  it("stamps on for 13.5 s without the store, then refuses until it is back", async () => {
    const { clock, pass } = handClocks();
    const blobs = createMemoryBlobs();
    const holds = createWriteHolds(clock, { marginMs: 500, unknownMs: 60_000 });
    const replica = createReplica({ blobs, clock, holds }, { id: "a", writeDeadlineMs: 60_000 });
    await replica.readyToStamp();
    holds.begin("n");
    blobs.failure = "timeout";
    pass(1_000);
    await expect(replica.runOnce(false)).rejects.toMatchObject({ reason: "timeout" });
    expect(replica.state()).toMatchObject({ acceptsWrites: true, lost: { since: START + 1_000 } });
    pass(12_499);
    expect(replica.mayStamp()).toBe(true);
    pass(1);
    expect([replica.mayStamp(), replica.state().acceptsWrites]).toEqual([false, false]);
    blobs.failure = undefined;
    await replica.runOnce(false);
    expect(replica.mayStamp()).toBe(true);
  });

  it("does not stamp while a machine's clocks disagree about how long it slept", async () => {
    const { clock, set } = handClocks();
    const holds = createWriteHolds(clock, { marginMs: 500, unknownMs: 60_000 });
    const replica = createReplica(
      { blobs: createMemoryBlobs(), clock, holds },
      { id: "a", writeDeadlineMs: 60_000 },
    );
    await replica.readyToStamp();
    set(13_500);
    expect(replica.mayStamp()).toBe(false);
    await replica.readyToStamp();
    expect(replica.mayStamp()).toBe(true);
  });

  it("lets no write begin from the moment it decides to say that it is idle", async () => {
    const { clock, pass } = handClocks();
    const blobs = createMemoryBlobs();
    const holds = createWriteHolds(clock, { marginMs: 500, unknownMs: 60_000 });
    const replica = createReplica({ blobs, clock, holds }, { id: "a", writeDeadlineMs: 60_000 });
    await replica.readyToStamp();
    await replica.runOnce(false);
    pass(10_000);
    let publish = () => {};
    blobs.beforePut = () =>
      new Promise((resolve) => {
        publish = resolve;
      });
    const goingIdle = replica.runOnce(false);
    await Promise.resolve();
    await Promise.resolve();
    expect(replica.mayStamp()).toBe(false);
    blobs.beforePut = async () => undefined;
    publish();
    await goingIdle;
    expect(blobs.bodies.get("replicas/a-0.json")).toContain('"low":null');
  });
});

describe("what a poll may conclude", () => {
  it("is nothing before a first beat, and never more than what was published", async () => {
    const { add, after, done } = stage();
    const { replica } = add("a", { steps: false });
    expect(replica.limit()).toBe(Number.NEGATIVE_INFINITY);
    await done(replica.freshen());
    expect(replica.limit()).toBe(START);
    await after(60_000);
    expect(replica.limit()).toBe(START);
  });

  it("stays below what another has in flight, and below what it holds once dead", async () => {
    const { add, after, done } = stage();
    const reader = add("reader");
    const writer = add("writer");
    await done(writer.replica.readyToStamp());
    const { stamp } = writer.holds.begin("n");
    await after(5_000);
    await done(reader.replica.freshen());
    expect(reader.replica.limit()).toBe(stamp - 1);
    writer.node.isDead = true;
    for (let waited = 0; waited < 70_000; waited += 1_000) {
      await done(reader.replica.freshen());
      await after(500);
    }
    expect(reader.replica.limit()).toBe(stamp - 1);
    for (let waited = 0; waited < 15_000; waited += 1_000) {
      await done(reader.replica.freshen());
      await after(500);
    }
    expect(reader.replica.limit()).toBeGreaterThan(stamp + 60_000);
  });

  it("follows another's writes once they have been over for the margin", async () => {
    const { add, after, done } = stage();
    const reader = add("reader");
    const writer = add("writer");
    await done(writer.replica.readyToStamp());
    const hold = writer.holds.begin("n");
    await after(3_000);
    hold.settle("applied");
    await after(2_000);
    await done(reader.replica.freshen());
    expect(reader.replica.limit()).toBeGreaterThan(hold.stamp + 2_500);
  });

  it("does not fall behind when the store is lost: what was true stays true", async () => {
    const { store, add, after, done } = stage();
    const { replica } = add("a", { steps: false });
    await done(replica.freshen());
    const limit = replica.limit();
    await after(1_000);
    store.faults = { latency: () => 20, lost: 1, conflict: 0 };
    const freshening = replica.freshen();
    await after(5_000);
    await freshening;
    expect(replica.limit()).toBe(limit);
    expect(replica.state().lost?.detail).toBe("no answer");
  });
});

describe("what is heard", () => {
  it("are the others' writes, to a replica that only looks", async () => {
    const { store, add, after, done } = stage();
    const reader = add("reader");
    reader.state.isWatching = true;
    const writer = add("writer");
    await done(writer.replica.readyToStamp());
    writer.holds.begin("n").settle("applied");
    await after(3_000);
    expect(reader.replica.heard().writes.get("n")).toBeGreaterThanOrEqual(START);
    expect(reader.replica.heard().through).toBeGreaterThan(START + 1_000);
    expect([...store.blobs.keys()]).toEqual(["replicas/writer-0.json"]);
    expect(reader.replica.state().others).toBe(1);
  });

  it("goes up to any time when nobody else writes", async () => {
    const { add, after } = stage();
    const reader = add("reader");
    reader.state.isWatching = true;
    await after(1_500);
    expect(reader.replica.heard().through).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("leaving", () => {
  it("holds nothing when every write is over, and stamps no more", async () => {
    const { store, add, done } = stage();
    const { replica } = add("a", { steps: false });
    await done(replica.readyToStamp());
    await done(replica.leave());
    expect(replica.mayStamp()).toBe(false);
    await expect(replica.readyToStamp()).rejects.toMatchObject({ code: "service_unavailable" });
    const [body] = store.blobs.values();
    expect(JSON.parse(Buffer.from(body?.body ?? []).toString())).toMatchObject({ low: null });
  });

  it("keeps holding what may still land", async () => {
    const { store, add, done } = stage();
    const { replica, holds } = add("a", { steps: false });
    await done(replica.readyToStamp());
    const hold = holds.begin("n");
    hold.settle("unknown");
    await done(replica.leave());
    const [body] = store.blobs.values();
    expect(JSON.parse(Buffer.from(body?.body ?? []).toString())).toMatchObject({ low: hold.stamp });
  });

  it("tells the store nothing when nobody has been told of it", async () => {
    const { store, add, done } = stage();
    const { replica } = add("a", { steps: false });
    await done(replica.leave());
    expect(store.blobs.size).toBe(0);
  });
});

describe("the only replica", () => {
  it("may always stamp, and is held by nobody", async () => {
    const replica = createSoleReplica();
    await replica.readyToStamp();
    expect([replica.mayStamp(), replica.limit(), replica.state().kind]).toEqual([
      true,
      Number.POSITIVE_INFINITY,
      "sole",
    ]);
  });
});
