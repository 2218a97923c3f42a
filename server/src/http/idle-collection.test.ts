import { describe, expect, it } from "vitest";
import { createIdleCollection } from "./idle-collection.js";

function collection() {
  let now = 0;
  const due: { at: number; run: () => void }[] = [];
  let collections = 0;
  let inFlight = 0;
  const created = createIdleCollection(
    {
      timers: {
        after(ms, run) {
          const entry = { at: now + ms, run };
          due.push(entry);
          return () => void due.splice(due.indexOf(entry), 1);
        },
      },
      collect: () => collections++,
      inFlight: () => inFlight,
    },
    { bytesMin: 100, quietMs: 1_000, lookMs: 10, looksMax: 5 },
  );
  return {
    ...created,
    collections: () => collections,
    busy: (count: number) => {
      inFlight = count;
    },
    waits: () => due.length,
    advance(ms: number) {
      const until = now + ms;
      for (;;) {
        const next = due.toSorted((a, b) => a.at - b.at)[0];
        if (next === undefined || next.at > until) break;
        now = next.at;
        due.splice(due.indexOf(next), 1);
        next.run();
      }
      now = until;
    },
  };
}

describe("memory is given back", () => {
  it("once, some time after enough bytes were released", () => {
    const memory = collection();
    memory.released(60);
    memory.advance(10_000);
    expect([memory.collections(), memory.waits()]).toEqual([0, 0]);
    memory.released(60);
    memory.advance(999);
    expect(memory.collections()).toBe(0);
    memory.advance(1);
    expect(memory.collections()).toBe(1);
    memory.advance(10_000);
    expect([memory.collections(), memory.waits()]).toEqual([1, 0]);
  });

  it("not while large bodies keep coming", () => {
    const memory = collection();
    for (let round = 0; round < 10; round++) {
      memory.released(200);
      memory.advance(900);
    }
    expect(memory.collections()).toBe(0);
    memory.advance(2_000);
    expect(memory.collections()).toBe(1);
  });

  it("while nobody waits for an answer, or at last although somebody does", () => {
    const memory = collection();
    memory.busy(1);
    memory.released(200);
    memory.advance(1_030);
    expect(memory.collections()).toBe(0);
    memory.busy(0);
    memory.advance(10);
    expect(memory.collections()).toBe(1);
    memory.busy(1);
    memory.released(200);
    memory.advance(1_049);
    expect(memory.collections()).toBe(1);
    memory.advance(1);
    expect(memory.collections()).toBe(2);
  });

  it("no more once it is stopped", () => {
    const memory = collection();
    memory.released(200);
    memory.stop();
    memory.released(200);
    memory.advance(10_000);
    expect([memory.collections(), memory.waits()]).toEqual([0, 0]);
  });
});
