import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createLoop } from "./loop.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const options = { intervalMs: 1_000, random: () => 0.5, onFailure: () => undefined };

describe("a loop", () => {
  it("does nothing until it is started, then a step an interval after the end of the last", async () => {
    let steps = 0;
    const loop = createLoop(async () => {
      steps += 1;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }, options);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(steps).toBe(0);
    loop.start();
    loop.start();
    await vi.advanceTimersByTimeAsync(1_000 + 3 * 1_500);
    expect(steps).toBe(4);
    await vi.advanceTimersByTimeAsync(500);
    await loop.stop();
  });

  it("lets a step wait on many things at once without a warning of a leak", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    const loop = createLoop(async (signal) => {
      for (let at = 0; at < 100; at++) signal.addEventListener("abort", () => undefined, { once: true });
    }, options);
    await loop.runOnce();
    expect(warned.mock.calls).toEqual([]);
    warned.mockRestore();
  });

  it("begins the next step while the last one runs, where steps overlap", async () => {
    let running = 0;
    const loop = createLoop(
      async () => {
        running += 1;
        await new Promise((resolve) => setTimeout(resolve, 2_500));
        running -= 1;
      },
      { ...options, overlaps: true },
    );
    loop.start();
    await vi.advanceTimersByTimeAsync(3_400);
    expect(running).toBe(3);
    const stopped = loop.stop();
    await vi.advanceTimersByTimeAsync(2_500);
    await stopped;
    expect(running).toBe(0);
  });

  it("spreads its steps by a tenth either way", async () => {
    for (const [random, dueMs] of [
      [0, 900],
      [1, 1_100],
    ] as const) {
      let steps = 0;
      const loop = createLoop(
        async () => {
          steps += 1;
        },
        { ...options, random: () => random },
      );
      loop.start();
      await vi.advanceTimersByTimeAsync(dueMs - 1);
      expect(steps).toBe(0);
      await vi.advanceTimersByTimeAsync(1);
      expect(steps).toBe(1);
      await loop.stop();
    }
  });

  it("goes on after a step that failed, and tells of it", async () => {
    const failures: unknown[] = [];
    const loop = createLoop(() => Promise.reject(new Error("no")), {
      ...options,
      onFailure: (error) => failures.push(error),
    });
    loop.start();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(failures).toEqual([new Error("no"), new Error("no")]);
    await loop.stop();
  });

  it("aborts the step under way when it is stopped, waits for it, and begins none after", async () => {
    const failures: unknown[] = [];
    let steps = 0;
    const loop = createLoop(
      (signal) => {
        steps += 1;
        return new Promise((_, reject) => {
          signal.addEventListener("abort", () => setTimeout(() => reject(signal.reason), 100));
        });
      },
      { ...options, onFailure: (error) => failures.push(error) },
    );
    loop.start();
    await vi.advanceTimersByTimeAsync(1_000);
    let hasStopped = false;
    const stopping = loop.stop().then(() => {
      hasStopped = true;
    });
    await vi.advanceTimersByTimeAsync(99);
    expect(hasStopped).toBe(false);
    await vi.advanceTimersByTimeAsync(5_000);
    await stopping;
    expect([steps, failures]).toEqual([1, []]);
  });
});
