import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { watchStore } from "./store-watch.js";

describe("a watched store", () => {
  beforeEach(() => vi.useFakeTimers({ now: 0 }));
  afterEach(() => vi.useRealTimers());

  function watched(ping: (signal: AbortSignal) => Promise<void>) {
    const log = { warn: vi.fn(), info: vi.fn() };
    const watch = watchStore({
      name: "blob store",
      ping,
      intervalMs: 1_000,
      timeoutMs: 100,
      now: Date.now,
      log,
    });
    return { watch, log };
  }

  it("keeps the time of the first missing answer and the newest reason, and says each change once", async () => {
    let problem: string | undefined;
    const { watch, log } = watched(async () => {
      if (problem !== undefined) throw new Error(problem);
    });
    await vi.advanceTimersByTimeAsync(1_500);
    expect(watch.state()).toEqual({});
    problem = "refused";
    await vi.advanceTimersByTimeAsync(1_000);
    problem = "reset";
    await vi.advanceTimersByTimeAsync(1_000);
    expect(watch.state()).toEqual({ lost: { since: 2_000, detail: "reset" } });
    expect(log.warn).toHaveBeenCalledTimes(1);
    problem = undefined;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(watch.state()).toEqual({});
    expect(log.info).toHaveBeenCalledTimes(1);
    watch.stop();
  });

  it("takes a late answer for a missing one and never asks twice at once", async () => {
    let asked = 0;
    let answer = () => {};
    const { watch } = watched(() => {
      asked += 1;
      return new Promise((resolve) => {
        answer = resolve;
      });
    });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(asked).toBe(1);
    expect(watch.state().lost).toEqual({ since: 1_100, detail: "no answer within 100 ms" });
    answer();
    await vi.advanceTimersByTimeAsync(0);
    expect(watch.state().lost).toBeDefined();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(asked).toBe(2);
    answer();
    await vi.advanceTimersByTimeAsync(0);
    expect(watch.state()).toEqual({});
    watch.stop();
  });

  it("asks no more once it is stopped", async () => {
    let asked = 0;
    const { watch } = watched(async () => {
      asked += 1;
    });
    watch.stop();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(asked).toBe(0);
  });
});
