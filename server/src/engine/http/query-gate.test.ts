import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { QueryGate, queryPermits } from "./query-gate.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Whether a promise has come to its end by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(
    () => {
      settled = true;
    },
    () => {
      settled = true;
    },
  );
  await vi.advanceTimersByTimeAsync(0);
  return settled;
}

const enterAll = (gate: QueryGate, name: string, count: number) =>
  Promise.all(Array.from({ length: count }, () => gate.enter(name, 1)));

describe("the queries of a namespace", () => {
  it("are 16 at once; the next is let in as soon as one has left", async () => {
    const gate = new QueryGate();
    const [first] = await enterAll(gate, "a", 16);
    const next = gate.enter("a", 1);
    expect(await isSettled(next)).toBe(false);
    first?.();
    expect(await isSettled(next)).toBe(true);
  });

  it("are told 429 after 800 ms of waiting, and come in later as if they had never been", async () => {
    const gate = new QueryGate();
    const leaves = await enterAll(gate, "a", 16);
    const refused = expect(gate.enter("a", 1)).rejects.toMatchObject({
      status: 429,
      headers: { "retry-after": "1" },
      message: "query concurrency limit of namespace 'a' is reached: 16 permits are in use",
    });
    await vi.advanceTimersByTimeAsync(800);
    await refused;
    leaves[0]?.();
    await gate.enter("a", 1);
  });

  it("do not count against another namespace", async () => {
    const gate = new QueryGate();
    await enterAll(gate, "a", 16);
    expect(await isSettled(gate.enter("b", 16))).toBe(true);
  });

  it("are let in in the order they came, so that a wide one is not passed by for ever", async () => {
    const gate = new QueryGate();
    const leaves = await enterAll(gate, "a", 16);
    const wide = gate.enter("a", 4);
    const narrow = gate.enter("a", 1);
    leaves[0]?.();
    expect([await isSettled(wide), await isSettled(narrow)]).toEqual([false, false]);
    for (const leave of leaves.slice(1, 4)) leave();
    expect([await isSettled(wide), await isSettled(narrow)]).toEqual([true, false]);
    leaves[4]?.();
    expect(await isSettled(narrow)).toBe(true);
  });

  it("may wait in bounded number; one too many is told at once", async () => {
    const gate = new QueryGate({ permits: 1, waitersMax: 2 });
    await gate.enter("a", 1);
    const waiting = [gate.enter("a", 1), gate.enter("a", 1)];
    for (const each of waiting) each.catch(() => {});
    await expect(gate.enter("a", 1)).rejects.toMatchObject({ status: 429 });
  });
});

describe("what a query counts", () => {
  it.each([
    [{ rank_by: ["v", "ANN", [1]] }, 1],
    [{ rank_by: ["v", "kNN", [1]] }, 2],
    [{ aggregate_by: { c: ["Count"] } }, 4],
    [{ queries: [{ rank_by: ["v", "kNN", [1]] }, { limit: 1 }, { aggregate_by: { c: ["Count"] } }] }, 7],
    [{ queries: [] }, 1],
    [{ queries: "x" }, 1],
    [{ queries: [null] }, 1],
    [[], 1],
    [null, 1],
  ])("%j: %i", (body, permits) => {
    expect(queryPermits(body)).toBe(permits);
  });

  it("is never more than there is: what the wire allows in one request gets in", async () => {
    await new QueryGate().enter("a", 64);
  });
});
