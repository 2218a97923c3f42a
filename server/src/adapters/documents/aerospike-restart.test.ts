/** What the Aerospike cache serves of a server that has forgotten some of what it held. */

import { afterEach, describe, expect, it } from "vitest";
import { AerospikeDouble } from "../../../test/aerospike-double.js";
import { movableClock } from "../../../test/movable-clock.js";
import type { CacheEvent, DocumentCache } from "../../ports/document-cache.js";
import { type AerospikeDocumentCacheOptions, openAerospikeDocumentCache } from "./aerospike.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const quiet = { warn: () => undefined, info: () => undefined };

describe("an Aerospike server that was started again", () => {
  const opened: DocumentCache[] = [];
  afterEach(async () => {
    for (const cache of opened.splice(0)) await cache.close();
  });

  function stage() {
    const clock = movableClock();
    const cluster = new AerospikeDouble(clock.now);
    cluster.settings["storage-engine"] = "device";
    async function open(fields: Partial<AerospikeDocumentCacheOptions> = {}) {
      const events: CacheEvent[] = [];
      const cache = await openAerospikeDocumentCache({
        hosts: "a:3000",
        namespace: "layer",
        clock,
        log: quiet,
        load: async () => cluster.module(),
        pauseMs: 30,
        watchMs: 30,
        ...fields,
      });
      opened.push(cache);
      cache.onEvent((event) => events.push(event));
      return { cache, events };
    }
    /** Writes a record twice, and gives the server back what it had in between, as one does that lost its last second. */
    async function crash(cache: DocumentCache): Promise<string> {
      const epoch = await cache.ensureEpoch("s");
      const write = { id: "a", condition: { when: "always" as const }, epoch };
      await cache.put("s", [{ ...write, mark: bytes("old") }]);
      const flushed = structuredClone([...cluster.records]);
      await cache.put("s", [{ ...write, mark: bytes("new") }]);
      clock.move(60_000);
      cluster.records.clear();
      for (const [address, record] of flushed) cluster.records.set(address, record);
      cluster.startedAt = clock.now();
      return epoch;
    }
    return { clock, cluster, open, crash };
  }

  async function isServed(cache: DocumentCache): Promise<boolean> {
    const { epoch, records } = await cache.get("s", ["a"], []);
    return records[0] !== undefined && records[0].epoch === epoch;
  }

  it("has nothing left to serve, for a replica that saw it go", async () => {
    const { cluster, open, crash } = stage();
    const { cache, events } = await open({ watchMs: 60_000 });
    await crash(cache);
    cluster.isUp = false;
    await expect(cache.get("s", ["a"], [])).rejects.toMatchObject({ reason: "failed" });
    cluster.isUp = true;
    await expect.poll(() => cache.health().state).toBe("up");
    expect(await isServed(cache)).toBe(false);
    expect(events.at(-1)).toEqual({ kind: "restored", connection: 2, emptied: true });
  });

  it("has nothing left to serve, for replicas that called nobody while it was gone", async () => {
    const { open, crash } = stage();
    const [idle, other] = [await open(), await open({ watchMs: 60_000 })];
    const epoch = await crash(idle.cache);
    await expect.poll(() => idle.events.length).toBe(1);
    expect(idle.events).toEqual([{ kind: "restored", connection: 2, emptied: true }]);
    for (const { cache } of [idle, other]) expect(await isServed(cache)).toBe(false);
    const next = await other.cache.ensureEpoch("s");
    expect(next).not.toBe(epoch);
    expect(await idle.cache.ensureEpoch("s")).toBe(next);
  });

  it("has nothing left to serve, for a gateway that was started again with it", async () => {
    const { open, crash } = stage();
    const first = await open({ watchMs: 60_000 });
    await crash(first.cache);
    await first.cache.close();
    const { cache } = await open();
    expect(await isServed(cache)).toBe(false);
  });

  it("is noted once, and clocks of replicas may differ by seconds", async () => {
    const { clock, open, crash } = stage();
    const { cache, events } = await open();
    await crash(cache);
    await expect.poll(() => events.length).toBe(1);
    const epoch = await cache.ensureEpoch("s");
    const skewed = { now: () => clock.now() + 5_000, monotonic: clock.monotonic };
    const other = await open({ clock: skewed });
    clock.move(100_000);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(await other.cache.ensureEpoch("s")).toBe(epoch);
    expect([events.length, other.events]).toEqual([1, []]);
  });

  it("keeps what is in memory elsewhere in the cluster", async () => {
    const { cluster, open, crash } = stage();
    cluster.settings["storage-engine"] = "memory";
    const { cache, events } = await open();
    const epoch = await crash(cache);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect([await cache.ensureEpoch("s"), events]).toEqual([epoch, []]);
  });

  it("makes a new instance for a cluster that was emptied unseen", async () => {
    const { cluster, open } = stage();
    const { cache } = await open({ watchMs: 60_000 });
    const epoch = await cache.ensureEpoch("s");
    cluster.records.clear();
    expect(await cache.get("s", ["a"], [])).toEqual({ epoch: undefined, records: [undefined] });
    const next = await cache.ensureEpoch("s");
    expect(next).not.toBe(epoch);
    expect((await cache.get("s", [], [])).epoch).toBe(next);
  });

  it("says that records were evicted", async () => {
    const { cluster, open } = stage();
    const { events } = await open();
    cluster.evicted = 7;
    await expect.poll(() => events).toEqual([{ kind: "dropped", cause: "evicted" }]);
  });
});
