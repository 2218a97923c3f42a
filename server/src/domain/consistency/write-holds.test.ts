import { describe, expect, it } from "vitest";
import { handClocks } from "../../../test/memory-blobs.js";
import { createWriteHolds } from "./write-holds.js";

const START = 1_700_000_000_000;

function stage() {
  const { clock, pass, set } = handClocks(START);
  const holds = createWriteHolds(clock, { marginMs: 500, unknownMs: 60_000 });
  return { holds, pass, set };
}

describe("stamps", () => {
  it("are the wall clock's whole milliseconds, and never go back when it is set back", () => {
    const { holds, pass, set } = stage();
    pass(0.75);
    expect(holds.begin("n").stamp).toBe(START);
    set(-3_600_000);
    expect(holds.begin("n").stamp).toBe(START);
    set(3_600_005);
    expect(holds.begin("n").stamp).toBe(START + 5);
  });

  it("never fall below a time that was read from their clock", () => {
    const { holds, set } = stage();
    const low = holds.now();
    set(-10_000);
    expect(holds.begin("n").stamp).toBe(low);
  });

  it("are above what another replica's clock has reached", () => {
    const { holds } = stage();
    holds.raiseAbove(START + 7_000);
    expect(holds.begin("n").stamp).toBe(START + 7_001);
    holds.raiseAbove(START);
    expect(holds.now()).toBe(START + 7_001);
  });
});

describe("the oldest stamp that may still land", () => {
  it("is that of the first write in flight, of one namespace or of all", () => {
    const { holds, pass } = stage();
    expect(holds.oldest()).toBeUndefined();
    const first = holds.begin("a");
    pass(10);
    const second = holds.begin("b");
    pass(10);
    holds.begin("a");
    expect([holds.oldest(), holds.oldest("a"), holds.oldest("b"), holds.oldest("c")]).toEqual([
      START,
      START,
      START + 10,
      undefined,
    ]);
    first.settle("refused");
    expect([holds.oldest(), holds.oldest("a")]).toEqual([START + 10, START + 20]);
    second.settle("refused");
    expect([holds.oldest(), holds.oldest("b")]).toEqual([START + 20, undefined]);
  });

  it.each([
    ["applied", 500],
    ["unknown", 60_000],
  ] as const)("stays that of an %s write for %i ms more", (outcome, lingerMs) => {
    const { holds, pass } = stage();
    const hold = holds.begin("n");
    pass(5_000);
    hold.settle(outcome);
    pass(lingerMs - 1);
    expect([holds.oldest("n"), holds.isBusy()]).toEqual([START, true]);
    pass(1);
    expect([holds.oldest("n"), holds.oldest(), holds.isBusy()]).toEqual([undefined, undefined, false]);
  });

  it("is settled by the first word on a write", () => {
    const { holds, pass } = stage();
    const hold = holds.begin("n");
    hold.settle("unknown");
    hold.settle("refused");
    pass(59_999);
    expect(holds.oldest("n")).toBe(START);
  });

  it("does not wait for an earlier write that lingers longer", () => {
    const { holds, pass } = stage();
    holds.begin("n").settle("unknown");
    const later = holds.begin("m");
    later.settle("applied");
    pass(500);
    expect([holds.oldest("m"), holds.oldest("n")]).toEqual([undefined, START]);
  });

  it("is not held by a copy, which keeps its replica busy all the same", () => {
    const { holds } = stage();
    holds.begin("n", { stamps: false });
    expect([holds.oldest(), holds.oldest("n"), holds.isBusy(), holds.begun()]).toEqual([
      undefined,
      undefined,
      true,
      1,
    ]);
  });
});

describe("what was written", () => {
  it("may be as late as now while a write is not over, and as its end for two minutes after", () => {
    const { holds, pass } = stage();
    expect(holds.writtenThrough("n")).toBeUndefined();
    const hold = holds.begin("n");
    pass(7_000);
    expect(holds.writtenThrough("n")).toBe(START + 7_000);
    hold.settle("applied");
    pass(30_000);
    expect(holds.writtenThrough("n")).toBe(START + 7_000);
    pass(90_000);
    expect(holds.writtenThrough("n")).toBeUndefined();
  });

  it("counts what may have been applied at the very end of its time, and nothing that was refused", () => {
    const { holds, pass } = stage();
    holds.begin("unknown").settle("unknown");
    holds.begin("refused").settle("refused");
    pass(60_000);
    expect([holds.writtenThrough("unknown"), holds.writtenThrough("refused")]).toEqual([
      START + 60_000,
      undefined,
    ]);
  });

  it("is told of for half a minute, of the newest thousand namespaces", () => {
    const { holds, pass } = stage();
    for (let index = 0; index < 1_100; index += 1) {
      holds.begin(`n-${index}`).settle("applied");
      pass(1);
    }
    const recent = holds.recent();
    expect([recent.size, recent.has("n-99"), recent.get("n-1099")]).toEqual([1_000, false, START + 1_100]);
    pass(29_998);
    expect([...holds.recent()]).toEqual([["n-1099", START + 1_099]]);
    pass(1);
    expect(holds.recent().size).toBe(0);
  });

  it("forgets the oldest of more than ten thousand namespaces", () => {
    const { holds, pass } = stage();
    for (let index = 0; index <= 10_000; index += 1) holds.begin(`n-${index}`).settle("applied");
    pass(1_000);
    expect([holds.writtenThrough("n-0"), holds.writtenThrough("n-1")]).toEqual([undefined, START]);
  });
});
