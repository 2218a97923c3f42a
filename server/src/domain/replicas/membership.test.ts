/** Replicas and their low stamps in virtual time: what others may conclude, and when a replica may stamp. */

import { describe, expect, it } from "vitest";
import { Node, SimulatedStore, Simulation } from "../../../test/simulation.js";
import { createMembership } from "./membership.js";

const TTL = 15_000;
const DEADLINE = 60_000;

const active = (low: number) => ({ low, clock: low, writes: new Map<string, number>() });

function stage() {
  const simulation = new Simulation(5);
  const store = new SimulatedStore(simulation, { latency: () => 20, lost: 0, conflict: 0 });
  /** A replica that beats every second with a low of its own making. */
  function join(id: string, low: () => number | undefined, clock: () => number = () => 0) {
    const raised: number[] = [];
    const node = new Node(simulation, id, { wallMs: 0, rate: 1 });
    const membership = createMembership(
      { blobs: store.from(node), clock: node.clock, raiseClock: (clock) => raised.push(clock) },
      { id, writeDeadlineMs: DEADLINE, ttlMs: TTL },
    );
    const state = () => ({ low: low(), clock: clock(), writes: new Map([[id, 7]]) });
    node.at(0, () => {
      void (async () => {
        for (;;) {
          await membership.beat(state()).catch(() => undefined);
          await node.sleep(1_000);
        }
      })();
    });
    return { node, membership, raised };
  }
  const after = (ms: number) => simulation.runUntil(simulation.now + ms);
  return { simulation, store, join, after };
}

describe("membership", () => {
  it("shows every replica the others' lows and what they wrote", async () => {
    const { join, after } = stage();
    const a = join("a", () => 100);
    join("b", () => 200);
    join("c", () => 150);
    await after(3_000);
    expect(a.membership.others()).toEqual([
      { id: "b-0", status: "alive", low: 200, clock: 0, writes: new Map([["b", 7]]) },
      { id: "c-0", status: "alive", low: 150, clock: 0, writes: new Map([["c", 7]]) },
    ]);
    expect(a.membership.othersLow()).toBe(150);
  });

  it("lets a replica that is idle hold nothing, and not stamp", async () => {
    const { join, after } = stage();
    const a = join("a", () => 100);
    const idle = join("b", () => undefined);
    await after(3_000);
    expect(a.membership.othersLow()).toBeUndefined();
    expect([a.membership.mayStamp(), idle.membership.mayStamp()]).toEqual([true, false]);
    const joining = idle.membership.beat(active(300));
    await after(100);
    await joining;
    expect(idle.membership.mayStamp()).toBe(true);
  });

  it("does not let a replica stamp before it has joined, nor once it cannot publish", async () => {
    const { store, join, after } = stage();
    const a = join("a", () => 100);
    expect(a.membership.mayStamp()).toBe(false);
    await after(3_000);
    expect(a.membership.mayStamp()).toBe(true);
    store.faults = { latency: () => 20, lost: 1, conflict: 0 };
    await after(TTL);
    expect(a.membership.mayStamp()).toBe(false);
    store.faults = { latency: () => 20, lost: 0, conflict: 0 };
    await after(5_000);
    expect(a.membership.mayStamp()).toBe(true);
  });

  it("lets a dead replica hold the watermark until its last write must have ended, then forgets it", async () => {
    const { store, join, after } = stage();
    const a = join("a", () => 500);
    const dying = join("b", () => 100);
    await after(3_000);
    dying.node.isDead = true;
    await after(TTL + 1_500);
    expect(a.membership.others()).toMatchObject([{ id: "b-0", status: "dead", low: 100 }]);
    await after(DEADLINE - 3_000);
    expect(a.membership.othersLow()).toBe(100);
    await after(4_000);
    expect(a.membership.othersLow()).toBeUndefined();
    await after(2_000);
    expect([...store.blobs.keys()]).toEqual(["replicas/a-0.json"]);
  });

  it("does not take others for dead while it cannot reach the store itself", async () => {
    const { store, join, after } = stage();
    const a = join("a", () => 500);
    join("b", () => 100);
    await after(3_000);
    store.faults = { latency: () => 20, lost: 1, conflict: 0 };
    await after(2 * (TTL + DEADLINE));
    expect(a.membership.othersLow()).toBe(100);
    store.faults = { latency: () => 20, lost: 0, conflict: 0 };
    await after(5_000);
    expect(a.membership.others()).toMatchObject([{ status: "alive", low: 100 }]);
  });

  it("gives a replica that slept and was forgotten another key, and never hides it again", async () => {
    const { store, join, after } = stage();
    const a = join("a", () => 500);
    const sleeper = join("b", () => 100);
    await after(3_000);
    sleeper.node.pause(3 * (TTL + DEADLINE), false);
    await after(2 * (TTL + DEADLINE));
    expect(a.membership.othersLow()).toBeUndefined();
    expect(sleeper.membership.mayStamp()).toBe(false);
    await after(TTL + DEADLINE + 5_000);
    expect(sleeper.membership.mayStamp()).toBe(true);
    expect(a.membership.others()).toMatchObject([{ id: "b-1", status: "alive", low: 100 }]);
    expect([...store.blobs.keys()].sort()).toEqual(["replicas/a-0.json", "replicas/b-1.json"]);
  });

  it("holds nothing once it has left in order", async () => {
    const { join, after } = stage();
    const a = join("a", () => 500);
    const leaving = join("b", () => 100);
    await after(3_000);
    const left = leaving.membership.leave(active(100));
    leaving.node.at(0, () => undefined);
    await after(100);
    await left;
    leaving.node.isDead = true;
    await after(2_000);
    expect(a.membership.othersLow()).toBeUndefined();
    expect(leaving.membership.mayStamp()).toBe(false);
  });

  it("joins above every clock that others have published, before it may stamp", async () => {
    const { join, after } = stage();
    join(
      "ahead",
      () => undefined,
      () => 9_000,
    );
    await after(2_000);
    const joining = join("late", () => 100);
    await after(90);
    expect([joining.raised, joining.membership.mayStamp()]).toEqual([[], false]);
    await after(200);
    expect([joining.raised, joining.membership.mayStamp()]).toEqual([[9_000], true]);
    await after(5_000);
    expect(joining.raised).toEqual([9_000]);
  });

  it("joins anew once it has been idle", async () => {
    const { join, after } = stage();
    let low: number | undefined = 100;
    const a = join("a", () => low);
    await after(2_000);
    low = undefined;
    await after(1_100);
    expect([a.raised, a.membership.mayStamp()]).toEqual([[0], false]);
    low = 200;
    await after(2_000);
    expect([a.raised, a.membership.mayStamp()]).toEqual([[0, 0], true]);
  });

  it("forgets a replica only once it has published a clock above that one's", async () => {
    const { store, join, after } = stage();
    let clock = 5_000;
    const a = join(
      "a",
      () => 500,
      () => clock,
    );
    const dying = join(
      "b",
      () => undefined,
      () => 9_000,
    );
    await after(3_000);
    dying.node.isDead = true;
    await after(2 * (TTL + DEADLINE));
    expect([...store.blobs.keys()].sort()).toEqual(["replicas/a-0.json", "replicas/b-0.json"]);
    expect(new Set(a.raised)).toEqual(new Set([9_000]));
    clock = 9_001;
    await after(2_000);
    expect([...store.blobs.keys()]).toEqual(["replicas/a-0.json"]);
  });

  it("reads what a version wrote that told no clock", async () => {
    const { store, join, after } = stage();
    const body = JSON.stringify({ format: 1, id: "old", beat: 3, low: 40, namespaces: ["n"] });
    store.blobs.set("replicas/old-0.json", { body: Buffer.from(body), etag: "x" });
    const a = join("a", () => 100);
    await after(2_000);
    expect(a.membership.others()).toEqual([
      { id: "old-0", status: "alive", low: 40, clock: 0, writes: new Map() },
    ]);
  });

  it("looks without publishing", async () => {
    const { simulation, store, join, after } = stage();
    join("a", () => 100);
    await after(1_000);
    const node = new Node(simulation, "watching", { wallMs: 0, rate: 1 });
    const watching = createMembership(
      { blobs: store.from(node), clock: node.clock, raiseClock: () => undefined },
      { id: "watching", writeDeadlineMs: DEADLINE, ttlMs: TTL },
    );
    const looking = watching.look();
    await after(200);
    await looking;
    expect(watching.othersLow()).toBe(100);
    expect([...store.blobs.keys()]).toEqual(["replicas/a-0.json"]);
  });
});
