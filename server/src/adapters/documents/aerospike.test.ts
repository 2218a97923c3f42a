/** The Aerospike cache against the contract, in memory and on a real cluster where there is one, and under every failure. */

import { afterEach, describe, expect, it } from "vitest";
import { AerospikeDouble, AerospikeFailure } from "../../../test/aerospike-double.js";
import { movableClock } from "../../../test/movable-clock.js";
import { describeDocumentCache } from "../../ports/document-cache.contract.js";
import {
  type CacheEvent,
  CacheUnavailable,
  type CacheWrite,
  type DocumentCache,
} from "../../ports/document-cache.js";
import { PackageMissing } from "../optional-package.js";
import { type AerospikeDocumentCacheOptions, openAerospikeDocumentCache } from "./aerospike.js";
import { meaningOf } from "./aerospike-failure.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const quiet = { warn: () => undefined, info: () => undefined };

for (const expires of [true, false])
  describeDocumentCache(
    `Aerospike document cache in memory, ${expires ? "with" : "without"} expiry`,
    async () => {
      const clock = movableClock();
      const cluster = new AerospikeDouble(clock.now);
      cluster.expires = expires;
      const opened: DocumentCache[] = [];
      return {
        async open() {
          const cache = await openAerospikeDocumentCache({
            hosts: "a:3000",
            namespace: "layer",
            clock,
            log: quiet,
            load: async () => cluster.module(),
          });
          opened.push(cache);
          return cache;
        },
        pass: async (ms) => clock.move(ms),
        jump: (ms) => clock.move(ms),
        attributesFit: 1_000_000,
        attributesTooLarge: 1_048_576,
        async dispose() {
          for (const cache of opened) await cache.close();
        },
      };
    },
  );

const hosts = process.env.AEROSPIKE_HOSTS;
describe.skipIf(!hosts)(
  `with a real Aerospike${hosts ? "" : " (skipped: AEROSPIKE_HOSTS is not set)"}`,
  () => {
    describeDocumentCache("Aerospike document cache", async () => {
      const opened: DocumentCache[] = [];
      return {
        async open() {
          const cache = await openAerospikeDocumentCache({
            hosts: hosts ?? "",
            namespace: process.env.AEROSPIKE_NAMESPACE ?? "hevlayer",
            setPrefix: "test_",
            clock: { now: () => Date.now(), monotonic: () => performance.now() },
            log: quiet,
            releaseEventLoop: false,
            // What a record means is tried here, not how fast this machine is.
            budgetMs: 2_000,
          });
          opened.push(cache);
          return cache;
        },
        pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
        attributesFit: 1_000_000,
        attributesTooLarge: 1_048_576,
        async dispose() {
          for (const cache of opened) await cache.close();
        },
      };
    });
  },
);

describe("Aerospike document cache", () => {
  const opened: DocumentCache[] = [];
  afterEach(async () => {
    for (const cache of opened.splice(0)) await cache.close();
  });

  async function start(
    prepare: (cluster: AerospikeDouble) => void = () => undefined,
    fields: Partial<AerospikeDocumentCacheOptions> = {},
  ) {
    const clock = movableClock();
    const cluster = new AerospikeDouble(clock.now);
    prepare(cluster);
    const warnings: string[] = [];
    const events: CacheEvent[] = [];
    const cache = await openAerospikeDocumentCache({
      hosts: "a:3000",
      namespace: "layer",
      clock,
      log: {
        warn: (_fields: unknown, message?: string) => void warnings.push(message ?? ""),
        info: () => undefined,
      },
      load: async () => cluster.module(),
      pauseMs: 30,
      ...fields,
    });
    opened.push(cache);
    cache.onEvent((event) => events.push(event));
    return { cluster, cache, warnings, events, clock };
  }

  const write = (id: string, fields: Partial<CacheWrite> = {}): CacheWrite => ({
    id,
    condition: { when: "always" },
    mark: bytes("m"),
    epoch: "e",
    attributes: bytes("{}"),
    ...fields,
  });
  const isUp = (cache: DocumentCache) => expect.poll(() => cache.health().state).toBe("up");

  describe("error codes", () => {
    it.each([
      [-16, "lost"],
      [-11, "busy"],
      [-10, "lost"],
      [-9, "lost"],
      [-8, "lost"],
      [-7, "busy"],
      [-1, "lost"],
      [-2, "refused"],
      [2, "missing"],
      [3, "conflict"],
      [4, "refused"],
      [5, "conflict"],
      [7, "lost"],
      [8, "refused"],
      [9, "timeout"],
      [11, "lost"],
      [13, "too-large"],
      [14, "hot-key"],
      [22, "forbidden"],
      [81, "refused"],
      [201, "refused"],
    ])("%i means %s", (code, meaning) => {
      expect(meaningOf(new AerospikeFailure(code))).toBe(meaning);
    });

    it.each([-11, -7, -2, 4, 8, 201])("%i fails the call and leaves the breaker closed", async (code) => {
      const { cache, cluster, events } = await start();
      cluster.fail("put", code);
      await expect(cache.put("s", [write("a")])).rejects.toMatchObject({
        name: "CacheUnavailable",
        reason: code === -7 || code === -11 ? "busy" : "failed",
      });
      expect(await cache.put("s", [write("a")])).toEqual([{ status: "stored" }]);
      expect(events).toEqual([]);
    });

    it.each([-10, -9, -8, 9, 11])(
      "%i opens the breaker, and nothing is asked until a probe succeeds",
      async (code) => {
        const { cache, cluster, events } = await start();
        cluster.fail("batchRead", code);
        await expect(cache.get("s", ["a"], [])).rejects.toMatchObject({
          reason: code === 9 ? "timeout" : "failed",
        });
        cluster.fail("batchRead", 4);
        await expect(cache.get("s", ["a"], [])).rejects.toMatchObject({ reason: "down" });
        expect(cluster.failures.at(-1)?.times).toBe(1);
        expect(cache.health().state).toBe("down");
        await isUp(cache);
        expect(events).toEqual([
          { kind: "lost", reason: expect.stringContaining(`code ${code}`) },
          { kind: "restored", connection: 2, emptied: false },
        ]);
      },
    );

    it("13 makes a record uncacheable", async () => {
      const { cache, cluster } = await start();
      await cache.put("s", [write("a")]);
      cluster.fail("put", 13);
      expect(await cache.put("s", [write("a")])).toEqual([{ status: "uncacheable", reason: "too-large" }]);
      expect((await cache.get("s", ["a"], [])).records).toEqual([undefined]);
    });

    it("14 is tried again at once, but not for ever", async () => {
      const { cache, cluster } = await start();
      cluster.fail("put", 14, 3);
      expect(await cache.put("s", [write("a")])).toEqual([{ status: "stored" }]);
      cluster.fail("put", 14, 10);
      await expect(cache.put("s", [write("a")])).rejects.toMatchObject({ reason: "failed" });
    });

    it("14 is tried again for removals and epochs too", async () => {
      const { cache, cluster } = await start();
      await cache.put("s", [write("a")]);
      cluster.fail("remove", 14, 3);
      await cache.delete("s", ["a"]);
      cluster.fail("put", 14, 3);
      expect((await cache.get("s", ["a"], [])).epoch).toBeUndefined();
      expect(await cache.changeEpoch("s")).toBe((await cache.get("s", [], [])).epoch);
    });

    it("22 is warned of once, and expiry goes on without the server", async () => {
      const { cache, clock, warnings } = await start((cluster) => {
        cluster.expires = false;
      });
      await cache.put("s", [write("a", { ttlMs: 5_000 }), write("b", { ttlMs: 5_000 })]);
      expect((await cache.get("s", ["a"], [])).records[0]).toBeDefined();
      clock.move(6_000);
      expect((await cache.get("s", ["a", "b"], [])).records).toEqual([undefined, undefined]);
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toContain("nsup-period");
    });

    it("22 is no word on expiry when the same write is refused without a time to live too", async () => {
      const { cache, cluster, clock, warnings } = await start();
      cluster.fail("put", 22, 2);
      await expect(cache.put("s", [write("a", { ttlMs: 5_000 })])).rejects.toMatchObject({
        reason: "failed",
      });
      expect(await cache.put("s", [write("a", { ttlMs: 5_000 })])).toEqual([{ status: "stored" }]);
      expect(warnings).toEqual([]);
      clock.move(6_000);
      // The server's own expiry went on: to it the record is gone, and another can be created.
      const [outcome] = await cache.put("s", [write("a", { condition: { when: "absent" } })]);
      expect(outcome).toEqual({ status: "stored", version: "1" });
    });
  });

  it("fails calls that get no turn in time as busy, sends none of them, and takes the server for well", async () => {
    const { cache, cluster, events } = await start();
    cluster.delayMs = 60;
    const before = cluster.commands;
    const outcomes = await Promise.allSettled(
      Array.from({ length: 3_000 }, (_, index) => cache.get("s", [`d${index}`], [])),
    );
    const reasons = outcomes.map((each) => (each.status === "rejected" ? each.reason.reason : "answered"));
    const busy = reasons.filter((each) => each === "busy").length;
    expect(reasons.filter((each) => each === "answered").length).toBeGreaterThanOrEqual(100);
    expect(busy).toBeGreaterThan(400);
    expect(cache.health().state).toBe("up");
    await new Promise((resolve) => setTimeout(resolve, 200));
    // How many got a turn is up to the machine; those that did not were never sent.
    expect(cluster.commands - before).toBe(reasons.length - busy);
    expect(events).toEqual([]);
  });

  it("answers within its budget when the server does not answer at all", async () => {
    const { cache, cluster } = await start();
    cluster.hangs = true;
    const started = performance.now();
    await expect(cache.get("s", ["a"], [])).rejects.toMatchObject({ reason: "timeout" });
    expect(performance.now() - started).toBeLessThan(5_000);
    await expect(cache.get("s", ["a"], [])).rejects.toMatchObject({ reason: "down" });
  });

  it("gives a merge that keeps losing no more time than any call", async () => {
    const { cache, cluster } = await start();
    await cache.put("s", [write("a")]);
    cluster.delayMs = 70;
    const racing = setInterval(() => {
      for (const held of cluster.records.values()) held.gen += 1;
    }, 20);
    const started = performance.now();
    const merging = cache.mergeIfPresent("s", ["a"], () => ({ mark: bytes("merged"), epoch: "e" }));
    await expect(merging).rejects.toBeInstanceOf(CacheUnavailable);
    clearInterval(racing);
    // All the times a merge is tried would take longer.
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it("does not take a stall of its own process for one of the server", async () => {
    const { cache, cluster, events } = await start();
    cluster.hangs = true;
    const call = cache.get("s", ["a"], []);
    await new Promise((resolve) => setImmediate(resolve));
    const until = performance.now() + 400;
    while (performance.now() < until);
    await expect(call).rejects.toMatchObject({ reason: "timeout" });
    expect([cache.health().state, events]).toEqual(["up", []]);
  });

  it("gives a read of 10,000 records ten times the time of one of 1,000", async () => {
    const { cache, cluster } = await start();
    cluster.delayMs = 300;
    const ids = Array.from({ length: 10_000 }, (_, index) => `d${index}`);
    expect((await cache.get("s", ids, [])).records).toHaveLength(10_000);
    await expect(cache.get("s", ids.slice(0, 1_000), [])).rejects.toMatchObject({ reason: "timeout" });
  });

  it("opens its breaker by the time it was given, be it short", async () => {
    const { cache, cluster } = await start(undefined, { budgetMs: 60 });
    // Within the usual budget.
    cluster.delayMs = 180;
    await expect(cache.get("s", ["a"], [])).rejects.toMatchObject({ reason: "timeout" });
    expect(cache.health().state).toBe("down");
  });

  it("starts degraded without a server, and connects when there is one", async () => {
    const { cache, cluster, events } = await start((double) => {
      double.isUp = false;
    });
    expect(cache.health()).toMatchObject({ state: "down", connection: 0, reason: "code -10 (lost)" });
    await expect(cache.get("s", ["a"], [])).rejects.toMatchObject({ reason: "down" });
    cluster.isUp = true;
    await isUp(cache);
    expect(events).toEqual([{ kind: "restored", connection: 1, emptied: false }]);
    expect(await cache.put("s", [write("a")])).toEqual([{ status: "stored" }]);
  });

  it("says when the server came back empty", async () => {
    const { cache, cluster, events } = await start();
    cluster.isUp = false;
    await expect(cache.get("s", ["a"], [])).rejects.toMatchObject({ reason: "failed" });
    cluster.records.clear();
    cluster.isUp = true;
    await isUp(cache);
    expect(events.at(-1)).toEqual({ kind: "restored", connection: 2, emptied: true });
  });

  it("never has more than 100 commands in flight, and loses none of 5,000", async () => {
    const { cache, cluster } = await start();
    const outcomes = await cache.put(
      "s",
      Array.from({ length: 5_000 }, (_, index) => write(`d${index}`)),
    );
    expect(outcomes.filter((outcome) => outcome.status === "stored")).toHaveLength(5_000);
    expect(cluster.inFlightMax).toBeLessThanOrEqual(100);
  });

  it("counts generations past their end", async () => {
    const { cache, cluster } = await start();
    await cache.put("s", [write("a")]);
    for (const held of cluster.records.values()) held.gen = 65_535;
    const [outcome] = await cache.put("s", [
      write("a", { condition: { when: "version", version: "65535" } }),
    ]);
    expect(outcome).toEqual({ status: "stored", version: "1" });
    expect((await cache.get("s", ["a"], [])).records[0]?.version).toBe("1");
  });

  it("takes a record of an unknown format for absent", async () => {
    const { cache, cluster } = await start();
    await cache.put("s", [write("a")]);
    for (const held of cluster.records.values())
      if (Buffer.isBuffer(held.bins.mark)) held.bins.mark = Buffer.concat([Buffer.from([9]), held.bins.mark]);
    expect((await cache.get("s", ["a"], [])).records).toEqual([undefined]);
  });

  it("never says where the server is", async () => {
    const { cache, cluster } = await start();
    cluster.fail("put", 4);
    const error = await cache.put("s", [write("a")]).catch((failure: Error) => failure);
    expect((error as Error).message).toBe("document cache put: code 4 (refused)");
  });

  it("says which package to install when it is missing", async () => {
    const missing = start(undefined, { load: () => import("not-installed-here" as string) });
    await expect(missing).rejects.toThrow(PackageMissing);
    await expect(missing).rejects.toThrow(
      "AEROSPIKE_HOSTS is set but the package aerospike is not installed: npm install aerospike@6",
    );
  });
});
