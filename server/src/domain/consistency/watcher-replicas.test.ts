/** The watcher with a past and among others: records, other replicas, and writes around them. */

import { describe, expect, it } from "vitest";
import { createMemoryBlobs, handClocks } from "../../../test/memory-blobs.js";
import { answerJson, scriptedUpstream } from "../../../test/upstream-double.js";
import { at, MARGIN, START, watcherStage as stage, updating, upToDate } from "../../../test/watcher-stage.js";
import { AppError } from "../../errors.js";
import { createBackgroundReads } from "../jobs/background-reads.js";
import { createConsistency } from "./create-consistency.js";

describe("writes around the gateway", () => {
  it("are told once, within one poll", async () => {
    const { watcher, shows, run, heard } = stage({ blobs: createMemoryBlobs() });
    shows({ ...updating, last_write_at: at(START - 60_000) });
    watcher.register("n");
    await run(2_000);
    shows({ ...updating, last_write_at: at(START + 2_100) });
    await run(3_000);
    expect(heard).toEqual(["foreign n"]);
    expect(watcher.totals().foreignWrites).toBe(1);
  });

  it("are accounted for poll by poll, also where they are another's, and not before the first answer", async () => {
    const { watcher, shows, run, now } = stage({ blobs: createMemoryBlobs() });
    const events: string[] = [];
    watcher.on({ accounted: () => events.push("accounted"), foreignWrite: () => events.push("foreign") });
    now.answer = answerJson({}, 503);
    watcher.register("n");
    await run(500);
    expect(events).toEqual([]);
    shows({ ...updating, last_write_at: at(START - 60_000) });
    await run(2_500);
    expect(new Set(events)).toEqual(new Set(["accounted"]));
    events.length = 0;
    shows({ ...updating, last_write_at: at(START + 2_700) });
    await run(2_500);
    expect(events.slice(0, 2)).toEqual(["foreign", "accounted"]);
  });

  it("are not our own, however long those take and whatever becomes of them", async () => {
    const { watcher, holds, shows, run, heard } = stage({ blobs: createMemoryBlobs() });
    shows({ ...updating, last_write_at: at(START - 60_000) });
    watcher.register("n");
    await run(2_000);
    const hold = holds.begin("n");
    await run(5_000);
    shows({ ...updating, last_write_at: at(START + 6_900) });
    await run(1_000);
    hold.settle("unknown");
    await run(35_000);
    shows({ ...updating, last_write_at: at(START + 40_000) });
    await run(100_000);
    expect(heard).toEqual([]);
  });
});

describe("another replica's writes", () => {
  /** Two replicas over one store; each step is taken by both. */
  function pair() {
    const blobs = createMemoryBlobs();
    const clocks = handClocks(START);
    const metadata = { now: { ...upToDate, last_write_at: at(START - 60_000) } };
    const upstream = scriptedUpstream(() => answerJson(metadata.now));
    const make = (replicaId: string) =>
      createConsistency(
        { upstream, clock: clocks.clock, blobs, backgroundReads: createBackgroundReads(), random: () => 0 },
        { replicaId },
      );
    const [reader, writer] = [make("reader"), make("writer")];
    const heard: string[] = [];
    reader.watcher.on({ foreignWrite: (namespace) => heard.push(namespace) });
    async function run(ms: number): Promise<void> {
      for (let passed = 0; passed < ms; passed += 250) {
        clocks.pass(250);
        if (passed % 1_000 === 0)
          for (const { replica, watcher } of [reader, writer]) await replica.runOnce(watcher.size > 0);
        await reader.watcher.runOnce();
      }
    }
    return { ...clocks, reader, writer, upstream, metadata, heard, run };
  }

  it("make a poll due, and are taken for what they are", async () => {
    const { clock, reader, writer, upstream, metadata, heard, run } = pair();
    reader.watcher.register("n");
    await run(10_000);
    const before = upstream.requests.length;
    await writer.replica.readyToStamp();
    const hold = writer.holds.begin("n");
    metadata.now = { ...upToDate, last_write_at: at(clock.now()) };
    hold.settle("applied");
    await run(5_000);
    expect(upstream.requests.length).toBeGreaterThan(before);
    expect(reader.watcher.view("n").watermark).toBeGreaterThan(hold.stamp);
    expect(heard).toEqual([]);
  });

  it("have a poll follow a caller's request for metadata, since that hears nothing of them", async () => {
    const { clock, reader, run } = pair();
    reader.watcher.register("n");
    await run(20_000);
    const asked = clock.now();
    await reader.watcher.observe("n").saw(answerJson(upToDate));
    expect(reader.watcher.view("n").watermark).toBeLessThan(asked - 10_000);
    await run(1_000);
    expect(reader.watcher.view("n").watermark).toBeGreaterThanOrEqual(asked - MARGIN);
  });

  it("keep the watermark below them while they are in flight", async () => {
    const { reader, writer, run } = pair();
    reader.watcher.register("n");
    await run(2_000);
    await writer.replica.readyToStamp();
    const hold = writer.holds.begin("n");
    await run(20_000);
    await reader.watcher.poll("n");
    expect(reader.watcher.view("n").watermark).toBe(hold.stamp - 1);
  });

  it("are waited for before somebody else is suspected", async () => {
    const { clock, reader, writer, metadata, heard, run } = pair();
    reader.watcher.register("n");
    await writer.replica.readyToStamp();
    await run(2_000);
    writer.holds.begin("other").settle("applied");
    metadata.now = { ...upToDate, last_write_at: at(clock.now()) };
    await reader.watcher.poll("n");
    expect(heard).toEqual([]);
    await run(3_000);
    expect(heard).toEqual(["n"]);
  });
});

describe("a watermark that outlives its process", () => {
  const record = "watermarks/a%20b.json";

  it("is shown by the next one before its first poll has said anything, and never gone behind", async () => {
    const blobs = createMemoryBlobs();
    const first = stage({ blobs });
    first.watcher.register("a b");
    await first.watcher.runOnce();
    const second = stage({ blobs });
    second.set(-10_000);
    second.now.answer = new AppError("upstream_error", "no answer");
    second.watcher.register("a b");
    expect(second.watcher.view("a b").watermark).toBeUndefined();
    await second.watcher.runOnce();
    expect(second.watcher.view("a b").watermark).toBe(START - MARGIN);
    second.now.answer = answerJson(upToDate);
    await second.run(2_000);
    expect(second.watcher.view("a b")).toMatchObject({ status: "stable", watermark: START - MARGIN });
  });

  it("is not shown while its record cannot be read, lest it go back", async () => {
    const blobs = createMemoryBlobs();
    const { watcher, run, shows } = stage({ blobs });
    shows(updating);
    blobs.failure = "unavailable";
    watcher.register("a b");
    await run(2_000);
    expect(watcher.view("a b")).toMatchObject({ status: "updating", watermark: undefined });
    blobs.failure = undefined;
    shows(upToDate);
    await run(6_000);
    expect(watcher.view("a b").watermark).toBeGreaterThan(START);
  });

  it("is stored with what is first known, then when a stable poll has followed a write, every ten seconds", async () => {
    const blobs = createMemoryBlobs();
    const { watcher, holds, run, shows, clock } = stage({ blobs });
    shows({ ...updating, last_write_at: at(START - 60_000) });
    watcher.register("a b");
    await watcher.runOnce();
    expect(blobs.bodies.get(record)).toBe(
      `{"format":1,"watermark":null,"last_write_at_ms":${START - 60_000}}`,
    );
    const stored = (): number => JSON.parse(blobs.bodies.get(record) ?? "").watermark;
    shows({ ...upToDate, last_write_at: at(START - 60_000) });
    await run(20_000);
    expect(stored()).toBeNull();
    const write = (): void => {
      const hold = holds.begin("a b");
      hold.settle("applied");
      watcher.noteWritten("a b", hold.stamp);
    };
    write();
    await run(2_000);
    const first = stored();
    expect(first).toBeGreaterThan(START + 19_000);
    for (let second = 0; second < 8; second += 1) {
      write();
      await run(1_000);
    }
    expect(stored()).toBe(first);
    write();
    await run(4_000);
    expect(stored()).toBeGreaterThan(first + 8_000);
    expect(stored()).toBeLessThan(clock.now());
  });

  it("is stored at the end without waiting", async () => {
    const blobs = createMemoryBlobs();
    const { watcher, holds, run } = stage({ blobs });
    watcher.register("a b");
    await watcher.runOnce();
    const hold = holds.begin("a b");
    hold.settle("applied");
    watcher.noteWritten("a b", hold.stamp);
    await run(2_000);
    await watcher.flush();
    expect(JSON.parse(blobs.bodies.get(record) ?? "").watermark).toBe(watcher.view("a b").watermark);
  });

  it("tells the next process that somebody wrote meanwhile", async () => {
    const blobs = createMemoryBlobs();
    const first = stage({ blobs });
    first.shows({ ...upToDate, last_write_at: at(START - 60_000) });
    first.watcher.register("a b");
    await first.watcher.runOnce();
    const second = stage({ blobs });
    second.shows({ ...updating, last_write_at: at(START - 1_000) });
    second.watcher.register("a b");
    await second.run(2_000);
    expect(second.heard).toEqual(["foreign a b"]);
  });

  it("loses nothing to a store that fails", async () => {
    const blobs = createMemoryBlobs();
    const { watcher, run, polls } = stage({ blobs });
    watcher.register("a b");
    await watcher.runOnce();
    blobs.failure = "unavailable";
    watcher.noteWritten("a b", START + 10);
    await run(30_000);
    await watcher.flush();
    expect(polls()).toBeGreaterThan(2);
    expect(watcher.view("a b").status).toBe("stable");
  });
});
