import { describe, expect, it } from "vitest";
import { manualClock } from "../../test/upstream-double.js";
import { BoundedCache } from "./bounded-cache.js";

describe("BoundedCache", () => {
  it("serves a value until its time is up", () => {
    const clock = manualClock();
    const cache = new BoundedCache<number>(clock, { ttlMs: 100, entriesMax: 10 });
    cache.set("a", 1);
    clock.advance(99);
    expect(cache.get("a")).toBe(1);
    clock.advance(1);
    expect(cache.get("a")).toBeUndefined();
  });

  it("drops the least recently used when it is full", () => {
    const cache = new BoundedCache<number>(manualClock(), { ttlMs: 100, entriesMax: 2 });
    cache.set("a", 1);
    cache.set("b", 2);
    cache.get("a");
    cache.set("c", 3);
    expect([cache.get("a"), cache.get("b"), cache.get("c")]).toEqual([1, undefined, 3]);
  });

  it("counts a replaced value once", () => {
    const cache = new BoundedCache<number>(manualClock(), { ttlMs: 100, entriesMax: 2 });
    cache.set("a", 1);
    cache.set("b", 2);
    cache.set("a", 3);
    expect([cache.get("a"), cache.get("b")]).toEqual([3, 2]);
  });

  it("keeps nothing with a time of 0, and forgets on demand", () => {
    const off = new BoundedCache<number>(manualClock(), { ttlMs: 0, entriesMax: 2 });
    off.set("a", 1);
    expect(off.get("a")).toBeUndefined();
    const cache = new BoundedCache<number>(manualClock(), { ttlMs: 100, entriesMax: 3 });
    cache.set("a", 1);
    cache.set("b", 2);
    cache.delete("a");
    expect([cache.get("a"), cache.get("b")]).toEqual([undefined, 2]);
    cache.clear();
    expect(cache.get("b")).toBeUndefined();
  });
});
