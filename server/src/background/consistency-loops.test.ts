import { describe, expect, it } from "vitest";
import { createMemoryBlobs } from "../../test/memory-blobs.js";
import { answerJson, scriptedUpstream } from "../../test/upstream-double.js";
import { systemClock } from "../clock.js";
import { createConsistency } from "../domain/consistency/create-consistency.js";
import { createBackgroundReads } from "../domain/jobs/background-reads.js";
import { createConsistencyLoops } from "./consistency-loops.js";

const KEY = "replicas/r-0.json";

/** Real time, small intervals. */
function stage({ blobs = createMemoryBlobs(), marginMs = 20, shared = true } = {}) {
  const upstream = scriptedUpstream(() => answerJson({ index: { status: "up-to-date" } }));
  const consistency = createConsistency(
    {
      upstream,
      clock: systemClock,
      blobs: shared ? blobs : undefined,
      backgroundReads: createBackgroundReads(),
      random: () => 0,
    },
    { replicaId: "r", marginMs, pollIntervalMs: 20 },
  );
  const lines: string[] = [];
  const write = (...args: unknown[]): void => void lines.push(String(args.at(-1)));
  const loops = createConsistencyLoops(
    consistency,
    { info: write, warn: write, error: write },
    { pollIntervalMs: 20, beatIntervalMs: 10, stopTimeoutMs: 400, random: () => 0.5 },
  );
  const published = () => JSON.parse(blobs.bodies.get(KEY) ?? "null");
  return { ...consistency, blobs, loops, lines, upstream, published };
}

describe("the loops of stable reads", () => {
  it("poll what is watched and tell the others, until they are stopped", async () => {
    const { loops, watcher, replica, holds, published, upstream } = stage();
    loops.start();
    await replica.readyToStamp();
    holds.begin("n").settle("applied");
    watcher.register("n");
    await expect.poll(() => watcher.view("n").watermark).toBeGreaterThan(1_700_000_000_000);
    const { beat } = published();
    await expect.poll(() => published().beat).toBeGreaterThan(beat + 2);
    await loops.stop();
    expect(published().low).toBeNull();
    const polls = upstream.requests.length;
    const stopped = published().beat;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect([upstream.requests.length, published().beat]).toEqual([polls, stopped]);
  });

  it("store the watermarks that are not stored yet when they are stopped", async () => {
    const { loops, watcher, holds, replica, blobs } = stage();
    loops.start();
    watcher.register("n");
    const stored = () => JSON.parse(blobs.bodies.get("watermarks/n.json") ?? "{}").watermark;
    await expect.poll(stored).toBeGreaterThan(0);
    await replica.readyToStamp();
    const hold = holds.begin("n");
    hold.settle("applied");
    watcher.noteWritten("n", hold.stamp);
    await expect.poll(() => watcher.view("n").watermark).toBeGreaterThanOrEqual(hold.stamp);
    await loops.stop();
    expect(stored()).toBe(watcher.view("n").watermark);
  });

  it("wait a little for writes to be over before this replica leaves, and not for long", async () => {
    const soon = stage({ marginMs: 100 });
    await soon.replica.readyToStamp();
    soon.holds.begin("n").settle("applied");
    await soon.loops.stop();
    expect(soon.published().low).toBeNull();
    const late = stage();
    await late.replica.readyToStamp();
    const hold = late.holds.begin("n");
    hold.settle("unknown");
    const begun = performance.now();
    await late.loops.stop();
    expect(performance.now() - begun).toBeLessThan(2_000);
    expect(late.published().low).toBe(hold.stamp);
  });

  it("say once that the others cannot be told, and once that they can again", async () => {
    const { loops, replica, holds, blobs, lines } = stage();
    loops.start();
    await replica.readyToStamp();
    holds.begin("n");
    blobs.failure = "unavailable";
    await expect.poll(() => lines).toEqual(["the other replicas cannot be told of writes"]);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(lines.length).toBe(1);
    blobs.failure = undefined;
    await expect.poll(() => lines.at(-1)).toBe("the other replicas can be told of writes again");
    await loops.stop();
    expect(lines.length).toBe(2);
  });

  it("end although the store fails", async () => {
    const { loops, replica, holds, blobs, lines } = stage();
    await replica.readyToStamp();
    holds.begin("n");
    blobs.failure = "unavailable";
    await loops.stop();
    expect(lines).toEqual(["the other replicas could not be told that this one leaves"]);
  });

  it("tell nobody where there is nobody to tell", async () => {
    const { loops, watcher, blobs } = stage({ shared: false });
    loops.start();
    watcher.register("n");
    await expect.poll(() => watcher.view("n").status).toBe("stable");
    await loops.stop();
    expect(blobs.bodies.size).toBe(0);
  });
});
