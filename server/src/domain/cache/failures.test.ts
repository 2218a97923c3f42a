/** A cache that fails: never in an answer, never for long, and never at the price of an old row. */

import { afterEach, describe, expect, it } from "vitest";
import {
  type CacheStage,
  cacheStage,
  failures,
  NAMESPACE,
  restarted,
  type StageReplica,
} from "../../../test/cache-stage.js";
import { Gate } from "../../../test/hand-time.js";
import type { CacheCall, MemoryCache } from "../../../test/memory-cache.js";
import { BlobStoreError } from "../../ports/blob-store.js";
import { pause } from "../../timers.js";

const upsert = (...rows: Record<string, unknown>[]) => ({ upsert_rows: rows });
const invalidations: readonly CacheCall[] = ["put", "mergeIfPresent", "changeEpoch"];

afterEach(() => expect(failures.splice(0)).toEqual([]));

/** Every call that changes something fails; reads pass. */
function loseWrites(cache: MemoryCache): void {
  cache.trouble = (call) => (invalidations.includes(call) ? "fails" : undefined);
}

function mend(cache: MemoryCache): void {
  cache.trouble = () => undefined;
}

/** Runs a call while time passes, and tells how long it took. */
async function timed<T>(stage: CacheStage, call: Promise<T>): Promise<{ value: T; ms: number }> {
  const begunAt = stage.time.clock.monotonic();
  let result: { value: T; ms: number } | undefined;
  void call.then((value) => {
    result = { value, ms: stage.time.clock.monotonic() - begunAt };
  });
  for (let step = 0; result === undefined && step < 1_000; step += 1) await stage.time.pass(10);
  if (result === undefined) throw new Error("the call did not end within ten seconds");
  return result;
}

describe("a fetch", () => {
  it.each(["fails", "hangs"] as const)(
    "is a miss on error, and fills nothing in, when the cache %s",
    async (what) => {
      const stage = cacheStage();
      await stage.write(upsert({ id: "a", v: 1 }));
      stage.cache.trouble = () => what;
      const { value, ms } = await timed(stage, stage.fetch("a"));
      expect(value).toMatchObject({ cache: "miss-on-error", attributes: { v: 1 } });
      expect(ms).toBeLessThanOrEqual(210);
      expect(stage.cache.calls.slice(-1)).toEqual(["get"]);
    },
  );

  it("is a miss on error when only the lease or the filling fails", async () => {
    const { fetch, upstream, cache } = cacheStage();
    upstream.rows(NAMESPACE).set("a", { id: "a", v: 1 });
    cache.trouble = (call) => (call === "put" ? "fails" : undefined);
    expect(await fetch("a")).toMatchObject({ cache: "miss-on-error", attributes: { v: 1 } });
    cache.trouble = (call) => (call === "mergeIfPresent" ? "fails" : undefined);
    expect(await fetch("a")).toMatchObject({ cache: "miss-on-error", attributes: { v: 1 } });
  });

  it("waits once for a cache that hangs, then goes without for two seconds, then tries one call", async () => {
    const stage = cacheStage();
    await stage.write(upsert({ id: "a", v: 1 }));
    stage.cache.trouble = () => "hangs";
    await timed(stage, stage.fetch("a"));
    const calls = stage.cache.calls.length;
    for (let n = 0; n < 20; n += 1) {
      const { value, ms } = await timed(stage, stage.fetch("a"));
      expect([value.cache, ms]).toEqual(["miss-on-error", expect.any(Number)]);
      expect(ms).toBeLessThanOrEqual(10);
    }
    expect(stage.cache.calls.length).toBe(calls);
    await stage.time.pass(2_000);
    const probes = [stage.fetch("a"), stage.fetch("a"), stage.fetch("a")];
    await stage.time.pass(210);
    expect((await Promise.all(probes)).map(({ cache }) => cache)).toEqual(Array(3).fill("miss-on-error"));
    expect(stage.cache.calls.length).toBe(calls + 1);
    mend(stage.cache);
    await stage.time.pass(2_000);
    expect(await stage.fetch("a")).toMatchObject({ cache: "hit" });
  });

  it("never shows a record of an epoch that is over, nor of an emptied cache", async () => {
    const { write, fetch, contents, upstream } = cacheStage();
    await write(upsert({ id: "a", v: 1 }));
    upstream.rows(NAMESPACE).set("a", { id: "a", v: 2 });
    contents.epochs.set(NAMESPACE, "another");
    expect(await fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 2 } });
    contents.empty();
    upstream.rows(NAMESPACE).set("a", { id: "a", v: 3 });
    expect(await fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 3 } });
    expect(await fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 3 } });
  });

  it("fills nothing in when the cache was emptied while it asked upstream", async () => {
    const stage = cacheStage();
    stage.upstream.rows(NAMESPACE).set("a", { id: "a", v: 1 });
    stage.upstream.returns = (request) => {
      if (request.path.endsWith("/query")) stage.contents.empty();
    };
    expect(await stage.fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 1 } });
    expect(stage.contents.records.size).toBe(0);
  });
});

describe("a write", () => {
  it.each(["fails", "hangs", "late"] as const)("is answered in time when the cache %s", async (what) => {
    const stage = cacheStage();
    await stage.write(upsert({ id: "a", v: 1 }));
    stage.cache.trouble = () => what;
    const first = await timed(stage, stage.write(upsert({ id: "a", v: 2 })));
    expect([first.value.status, first.ms <= 420]).toEqual([200, true]);
    const second = await timed(stage, stage.write(upsert({ id: "a", v: 3 })));
    expect([second.value.status, second.ms <= 20]).toEqual([200, true]);
  });

  it("that could not be marked leaves its rows to upstream before it is acknowledged, and no others", async () => {
    const stage = cacheStage();
    await stage.write(upsert({ id: "a", v: 1 }, { id: "b", v: 1 }));
    let lost = 0;
    stage.cache.trouble = (call) =>
      call === "put" || call === "mergeIfPresent" ? (lost++ === 0 ? "fails" : undefined) : undefined;
    await stage.write(upsert({ id: "a", v: 2 }));
    expect(await stage.fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 2 } });
    expect(await stage.fetch("b")).toMatchObject({ cache: "hit", attributes: { v: 1 } });
    expect(await stage.fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 2 } });
  });

  it("that was marked too late leaves its rows to upstream, also where another has met it unseen", async () => {
    const stage = cacheStage();
    await stage.write(upsert({ id: "a", v: 1 }, { id: "b", v: 1 }));
    // Each call comes in time, all of them together do not.
    let isSlow = true;
    stage.cache.before = async () => {
      if (isSlow) await pause(stage.time.timers, 120);
    };
    const answering = new Gate();
    answering.shut();
    stage.upstream.returns = (request) =>
      Buffer.from(request.body ?? []).includes('"v":2') ? answering.pass() : undefined;
    const late = stage.write(upsert({ id: "a", v: 2 }));
    await stage.time.pass(205);
    isSlow = false;
    expect(stage.upstream.rows(NAMESPACE).get("a")).toMatchObject({ v: 2 });
    await stage.write(upsert({ id: "a", v: 3 }));
    expect(await stage.fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 3 } });
    await stage.time.pass(100);
    answering.open();
    await timed(stage, late);
    expect(await stage.fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 3 } });
    expect(await stage.fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 3 } });
    expect(await stage.fetch("b")).toMatchObject({ cache: "hit", attributes: { v: 1 } });
  });

  it("that could not be told to the cache at all keeps it from serving until it was cleaned", async () => {
    const stage = cacheStage();
    await stage.write(upsert({ id: "a", v: 1 }));
    loseWrites(stage.cache);
    await stage.write(upsert({ id: "a", v: 2 }));
    expect(await stage.fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 2 } });
    mend(stage.cache);
    expect(await stage.fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 2 } });
    await stage.run(1_000);
    expect(await stage.fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 2 } });
    expect(await stage.fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 2 } });
  });

  it("whose records stay pending because the cache went away afterwards is not shown old", async () => {
    const stage = cacheStage();
    await stage.write(upsert({ id: "a", v: 1 }));
    stage.upstream.returns = (request) => {
      if (request.effect === "write") stage.cache.trouble = () => "fails";
    };
    await stage.write(upsert({ id: "a", v: 2 }));
    mend(stage.cache);
    expect(await stage.fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 2 } });
  });

  it("of too many rows to follow makes the namespace forgotten", async () => {
    const { write, fetch } = cacheStage();
    await write(upsert({ id: "a", v: 1 }));
    await write(upsert(...Array.from({ length: 20_001 }, (_, n) => ({ id: n === 0 ? "a" : `r${n}`, v: 2 }))));
    expect(await fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 2 } });
  });

  it("of a row no cache can hold leaves none, and answers all the same", async () => {
    const { write, fetch } = cacheStage();
    await write(upsert({ id: "a", v: 1 }));
    const large = "x".repeat(1_100_000);
    await write(upsert({ id: "a", v: 2, large }));
    expect(await fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 2, large } });
    expect(await fetch("a")).toMatchObject({ cache: "miss" });
    const id = "x".repeat(1_100);
    await write(upsert({ id, v: 2 }));
    expect(await fetch(id)).toMatchObject({ cache: "miss", attributes: { v: 2 } });
  });
});

describe("two replicas over one cache", () => {
  async function pair() {
    const stage = cacheStage({ replicas: 2 });
    const [writer, reader] = stage.replicas as [StageReplica, StageReplica];
    await stage.run(1_000);
    await writer.write(upsert({ id: "a", v: 1 }));
    await stage.run(2_000);
    await reader.fetch("a");
    await stage.run(2_000);
    expect(await reader.fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 1 } });
    return { stage, writer, reader };
  }

  /** Lets time pass, loops running, until a call has ended. */
  async function ended<T>(stage: CacheStage, call: Promise<T>): Promise<T> {
    let result: { value: T } | undefined;
    void call.then((value) => {
      result = { value };
    });
    for (let step = 0; result === undefined && step < 100; step += 1) await stage.run(250);
    if (result === undefined) throw new Error("the call did not end");
    return result.value;
  }

  it("serve nothing of a namespace whose last write one of them could not tell the cache", async () => {
    const { stage, writer, reader } = await pair();
    loseWrites(writer.cache);
    await ended(stage, writer.write(upsert({ id: "a", v: 2 })));
    expect(await reader.fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 2 } });
    await stage.run(20_000);
    await ended(stage, writer.write(upsert({ id: "a", v: 3 })));
    expect(await reader.fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 3 } });
    mend(writer.cache);
    await stage.run(3_000);
    await reader.fetch("a");
    expect(await reader.fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 3 } });
  });

  it("wait for each other once, and not again while the flag stands", async () => {
    const { stage, writer } = await pair();
    loseWrites(writer.cache);
    const first = await timed(stage, writer.write(upsert({ id: "a", v: 2 })));
    const second = await timed(stage, writer.write(upsert({ id: "a", v: 3 })));
    await stage.run(6_000);
    const third = await timed(stage, writer.write(upsert({ id: "a", v: 4 })));
    expect([first.ms > 2_000, first.ms < 3_000, second.ms < 50, third.ms < 50]).toEqual([
      true,
      true,
      true,
      true,
    ]);
  });

  it("wait until the flag is stored, though the store refuses it at first", async () => {
    const { stage, writer, reader } = await pair();
    const { clock } = stage.time;
    loseWrites(writer.cache);
    const begunAt = clock.monotonic();
    stage.blobs.beforePut = async (key) => {
      if (key.startsWith("dirty/") && clock.monotonic() < begunAt + 7_000)
        throw new BlobStoreError("unavailable", "the store fails on demand");
    };
    await ended(stage, writer.write(upsert({ id: "a", v: 2 })));
    const ms = clock.monotonic() - begunAt;
    expect([ms > 9_000, ms < 11_000]).toEqual([true, true]);
    expect(await reader.fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 2 } });
  });

  it("take over the flag of one that died, and forget what it could not say", async () => {
    const { stage, writer, reader } = await pair();
    loseWrites(writer.cache);
    await ended(stage, writer.write(upsert({ id: "a", v: 2 })));
    writer.step = async () => undefined;
    await stage.run(20_000);
    expect(await reader.fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 2 } });
    await stage.run(15_000);
    await reader.fetch("a");
    expect(await reader.fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 2 } });
  });

  it("serve nothing while they cannot look at the flags", async () => {
    const { stage, reader } = await pair();
    stage.blobs.failure = "unavailable";
    await stage.run(4_000);
    expect(await reader.fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 1 } });
    stage.blobs.failure = undefined;
    await stage.run(1_000);
    expect(await reader.fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 1 } });
  });

  it("serve nothing after the cache came back, until they have looked", async () => {
    const { stage, reader } = await pair();
    reader.cache.emit({ kind: "lost", reason: "away" });
    await stage.time.pass(10);
    reader.cache.emit({ kind: "restored", connection: 2, emptied: false });
    expect(await reader.fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 1 } });
    await stage.run(1_000);
    expect(await reader.fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 1 } });
  });
});

describe("a cache that comes back", () => {
  it("has each namespace warmed once for each time, from the first miss on", async () => {
    const { cache, domain, fetch, upstream, time } = cacheStage();
    const { warmJobs } = domain.jobs;
    /** How many jobs there are after a fetch of a row that nobody has cached. */
    const jobsAfter = async (id: string) => {
      upstream.rows(NAMESPACE).set(id, { id, v: 1 });
      await fetch(id);
      await time.rest();
      return (await warmJobs.list(NAMESPACE)).length;
    };
    expect(await jobsAfter("a")).toBe(0);
    cache.emit({ kind: "lost", reason: "away" });
    loseWrites(cache);
    expect(await jobsAfter("b")).toBe(0);
    mend(cache);
    cache.emit({ kind: "restored", connection: 2, emptied: false });
    expect(await jobsAfter("b")).toBe(1);
    await expect.poll(async () => (await warmJobs.list(NAMESPACE))[0]?.status).toBe("completed");
    expect(await jobsAfter("c")).toBe(1);
    cache.emit({ kind: "restored", connection: 3, emptied: false });
    expect(await jobsAfter("d")).toBe(2);
  });
});

describe("a write around the gateway", () => {
  it("is seen within one poll", async () => {
    const stage = cacheStage();
    await stage.write(upsert({ id: "a", v: 1 }));
    await stage.run(3_000);
    expect(await stage.fetch("a")).toMatchObject({ cache: "hit" });
    stage.upstream.writeAround(NAMESPACE, upsert({ id: "a", v: 2 }));
    await stage.run(61_000);
    expect(await stage.fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 2 } });
  });

  it("while no gateway ran is seen before anything is served", async () => {
    const stage = cacheStage({ hasBlobs: true });
    await stage.run(1_000);
    await stage.write(upsert({ id: "a", v: 1 }));
    await stage.run(5_000);
    expect(await stage.fetch("a")).toMatchObject({ cache: "hit" });
    const { contents, upstream, time, blobs } = stage;
    await time.pass(10_000);
    upstream.writeAround(NAMESPACE, upsert({ id: "a", v: 2 }));
    await time.pass(10_000);
    const again = restarted({ time, upstream, contents, blobs, id: "later" });
    expect(await again.fetch("a")).toMatchObject({ cache: "miss", attributes: { v: 2 } });
    for (let step = 0; step < 400; step += 1) {
      await time.pass(250);
      await again.step();
      expect(await again.fetch("a")).toMatchObject({ attributes: { v: 2 } });
    }
    expect(await again.fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 2 } });
  });

  it("does not empty the cache of a gateway that starts again", async () => {
    const stage = cacheStage({ hasBlobs: true });
    await stage.run(1_000);
    await stage.write(upsert({ id: "a", v: 1 }));
    await stage.run(65_000);
    const { contents, upstream, time, blobs } = stage;
    const again = restarted({ time, upstream, contents, blobs, id: "later" });
    expect(await again.fetch("a")).toMatchObject({ cache: "miss" });
    for (let step = 0; step < 12; step += 1) {
      await time.pass(250);
      await again.step();
    }
    expect(await again.fetch("a")).toMatchObject({ cache: "hit", attributes: { v: 1 } });
  });
});
