import { describe, expect, it } from "vitest";
import { mapConcurrently } from "./concurrently.js";

const tick = () => new Promise((resolve) => setImmediate(resolve));

describe("mapConcurrently", () => {
  it("keeps the order of the items, whichever ends first", async () => {
    const results = await mapConcurrently([3, 1, 2], 3, async (ticks, index) => {
      for (let at = 0; at < ticks; at++) await tick();
      return `${index}:${ticks}`;
    });
    expect(results).toEqual(["0:3", "1:1", "2:2"]);
  });

  it("never runs more calls than allowed", async () => {
    let running = 0;
    let most = 0;
    await mapConcurrently(Array.from({ length: 20 }), 4, async () => {
      most = Math.max(most, ++running);
      await tick();
      running--;
    });
    expect(most).toBe(4);
  });

  it("rejects with the first failure and starts nothing after it", async () => {
    const started: number[] = [];
    const run = mapConcurrently([0, 1, 2, 3, 4, 5], 2, async (item) => {
      started.push(item);
      await tick();
      if (item === 1) throw new Error("item 1");
    });
    await expect(run).rejects.toThrow("item 1");
    for (let at = 0; at < 5; at++) await tick();
    expect(started).not.toContain(5);
  });

  it("maps nothing to nothing", async () => {
    expect(await mapConcurrently([], 4, async () => 1)).toEqual([]);
  });
});
