/** The embedded queue against the contract, and what only it has to do. */

import { mkdtempSync, rmSync, truncateSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { movableClock } from "../../../test/movable-clock.js";
import { describeQueueStore } from "../../ports/queue-store.contract.js";
import type { QueueStore } from "../../ports/queue-store.js";
import { openEnvironment } from "../lmdb/environment.js";
import { openEmbeddedQueueStore } from "./embedded.js";
import { EmbeddedItems } from "./embedded-items.js";

describeQueueStore("embedded queue store", async () => {
  const directory = mkdtempSync(path.join(os.tmpdir(), "queue-store-"));
  const clock = movableClock();
  const opened: QueueStore[] = [];
  return {
    async open() {
      const store = openEmbeddedQueueStore({ directory, clock });
      opened.push(store);
      return store;
    },
    leaseMs: 60_000,
    pass: async (ms) => clock.move(ms),
    jump: (ms) => clock.move(ms),
    async dispose() {
      for (const store of opened) await store.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
});

describe("embedded queue store", () => {
  const directories: string[] = [];
  const stores: QueueStore[] = [];
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
    for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
  });

  function temporary(): string {
    const directory = mkdtempSync(path.join(os.tmpdir(), "queue-store-"));
    directories.push(directory);
    return directory;
  }

  function start(directory: string, clock = movableClock()): QueueStore {
    const store = openEmbeddedQueueStore({ directory, clock });
    stores.push(store);
    return store;
  }

  const claim = { worker: "w1", stage: "pending", claimStage: "embedding", limit: 10_000, leaseMs: 60_000 };

  it("keeps items, leases and counts over a restart", async () => {
    const directory = temporary();
    const first = start(directory);
    await first.create("q", Buffer.from("settings"));
    await first.enqueue("q", ["a", "b", "c"], "pending");
    await first.claim("q", { ...claim, limit: 1 });
    await first.move("q", { ids: ["b"], to: "failed", reason: "broken" });
    const before = await first.get("q", ["a", "b", "c"]);
    await first.close();
    const second = start(directory);
    expect(await second.get("q", ["a", "b", "c"])).toEqual(before);
    expect(await second.counts("q")).toEqual({
      stages: { pending: 1, embedding: 1, failed: 1 },
      leased: 1,
      reasons: { failed: { broken: 1 } },
    });
  });

  it("ends 5,000 leases that expire together, and counts them right", async () => {
    const clock = movableClock();
    const store = start(temporary(), clock);
    await store.create("q", Buffer.from("settings"));
    const ids = Array.from({ length: 5_000 }, (_, index) => `d${index}`);
    await store.enqueue("q", ids, "pending");
    await store.claim("q", claim);
    clock.move(120_000);
    expect(await store.counts("q")).toEqual({ stages: { pending: 5_000 }, leased: 0, reasons: {} });
    expect((await store.claim("q", claim)).map((item) => item.id)).toEqual(ids);
  });

  it("removes from its files what a purged queue left, even when it was closed in between", async () => {
    const directory = temporary();
    const store = start(directory);
    await store.create("q", Buffer.from("settings"));
    for (let part = 0; part < 3; part += 1)
      await store.enqueue(
        "q",
        Array.from({ length: 3_000 }, (_, index) => `${part}-${index}`),
        "pending",
      );
    await store.purge("q");
    await store.close();
    start(directory);
    const environment = openEnvironment(directory);
    const items = new EmbeddedItems(environment);
    const left = (): number[] =>
      [items.items, items.order, items.leases, items.counts, items.dropped].map((database) => {
        environment.resetReadTxn();
        return database.getKeysCount({});
      });
    await expect.poll(left).toEqual([0, 0, 0, 0, 0]);
    await environment.close();
  });

  it("refuses to open damaged files rather than begin anew", async () => {
    const directory = temporary();
    const store = start(directory);
    await store.create("q", Buffer.from("settings"));
    await store.enqueue(
      "q",
      Array.from({ length: 2_000 }, (_, index) => `d${index}`),
      "pending",
    );
    await store.close();
    truncateSync(path.join(directory, "data.mdb"), 20_000);
    expect(() => start(directory)).toThrow(/restore it from a backup/);
  });
});
