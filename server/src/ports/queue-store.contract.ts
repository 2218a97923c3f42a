/** What every queue store must do, run against each adapter. Each test works on a queue of its own. */

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ClaimRequest, type QueueStore, QueueStoreError } from "./queue-store.js";

export interface QueueStoreHarness {
  /** A new handle on the same data, as another replica would open it. The harness closes it. */
  open(): Promise<QueueStore>;
  /** A lease short enough to wait for and long enough to work under, in ms of the store's clock. */
  readonly leaseMs: number;
  /** Lets time pass for the store: moves its clock, or waits. */
  pass(ms: number): Promise<void>;
  /** Sets the store's wall clock back or forth without time passing. Absent where the clock is not ours. */
  jump?(ms: number): void;
  dispose(): Promise<void>;
}

const settings = new TextEncoder().encode('{"target":"products"}');
const numbered = (count: number, stem = "doc"): string[] =>
  Array.from({ length: count }, (_, index) => `${stem}-${String(index).padStart(6, "0")}`);

export function describeQueueStore(title: string, start: () => Promise<QueueStoreHarness>): void {
  describe(title, () => {
    let harness: QueueStoreHarness;
    let store: QueueStore;
    let other: QueueStore;

    beforeAll(async () => {
      harness = await start();
      store = await harness.open();
      other = await harness.open();
    });
    afterAll(() => harness?.dispose());

    const queue = async (): Promise<string> => {
      const name = `q-${randomUUID()}`;
      await store.create(name, settings);
      return name;
    };
    const claim = (fields: Partial<ClaimRequest> = {}): ClaimRequest => ({
      worker: "w1",
      stage: "pending",
      claimStage: "embedding",
      limit: 100,
      leaseMs: 60_000,
      ...fields,
    });
    const claimIds = async (
      name: string,
      fields: Partial<ClaimRequest> = {},
      by = store,
    ): Promise<string[]> => (await by.claim(name, claim(fields))).map((item) => item.id);

    describe("queues", () => {
      it("are created once and keep their first settings", async () => {
        const name = `q-${randomUUID()}`;
        expect(await store.describe(name)).toBeUndefined();
        const outcomes = await Promise.all(
          Array.from({ length: 20 }, (_, index) =>
            (index % 2 ? store : other).create(name, new TextEncoder().encode(String(index))),
          ),
        );
        const winner = outcomes.indexOf("created");
        expect(outcomes.filter((outcome) => outcome === "created")).toHaveLength(1);
        expect(new TextDecoder().decode((await other.describe(name))?.settings)).toBe(String(winner));
      });

      it("are listed by name", async () => {
        const names = [await queue(), await queue(), await queue()];
        const listed = (await other.list()).map((definition) => definition.name);
        expect(listed.filter((name) => names.includes(name))).toEqual(names.toSorted());
        expect(listed).toEqual(listed.toSorted());
      });

      it("are dropped with everything in them, and begin empty when created again", async () => {
        const [name, neighbour] = [await queue(), await queue()];
        for (const each of [name, neighbour]) await store.enqueue(each, ["a", "b", "c"], "pending");
        await store.claim(name, claim({ limit: 1 }));
        expect(await other.purge(name)).toBe(true);
        expect(await other.purge(name)).toBe(false);
        expect(await store.create(name, settings)).toBe("created");
        expect(await store.counts(name)).toEqual({ stages: {}, leased: 0, reasons: {} });
        expect(await claimIds(name)).toEqual([]);
        expect((await store.counts(neighbour)).stages).toEqual({ pending: 3 });
      });

      it("must exist for every call on their items", async () => {
        const name = `q-${randomUUID()}`;
        const calls = [
          () => store.enqueue(name, ["a"], "pending"),
          () => store.claim(name, claim()),
          () => store.heartbeat(name, { worker: "w1", stage: "embedding", ids: ["a"] }),
          () => store.move(name, { ids: ["a"], to: "failed" }),
          () => store.get(name, ["a"]),
          () => store.counts(name),
        ];
        for (const call of calls)
          await expect(call()).rejects.toSatisfy(
            (error) => error instanceof QueueStoreError && error.reason === "unknown-queue",
          );
      });
    });

    describe("claims", () => {
      it("take the oldest items first, up to the limit, and no item twice", async () => {
        const name = await queue();
        await store.enqueue(name, ["z", "a"], "pending");
        await other.enqueue(name, ["m"], "pending");
        expect(await claimIds(name, { limit: 2 })).toEqual(["z", "a"]);
        expect(await claimIds(name, { limit: 2 }, other)).toEqual(["m"]);
        expect(await claimIds(name)).toEqual([]);
        expect(await store.counts(name)).toEqual({ stages: { embedding: 3 }, leased: 3, reasons: {} });
      });

      it("tell who holds an item and how often it was claimed", async () => {
        const name = await queue();
        const [revision] = await store.enqueue(name, ["a"], "pending");
        const held = { id: "a", stage: "embedding", revision, claims: 1, worker: "w1" };
        expect(await store.claim(name, claim())).toEqual([held]);
        expect(await other.get(name, ["a", "b"])).toEqual([held, undefined]);
      });

      it("share 2,500 items among 20 racing workers, each once and in order", async () => {
        const name = await queue();
        const ids = numbered(2_500);
        await store.enqueue(name, ids, "pending");
        const perWorker = await Promise.all(
          Array.from({ length: 20 }, async (_, index) => {
            const mine: string[] = [];
            for (;;) {
              const batch = await claimIds(
                name,
                { worker: `w${index}`, limit: 50 },
                index % 2 ? store : other,
              );
              if (batch.length === 0) return mine;
              expect(batch).toEqual(batch.toSorted());
              mine.push(...batch);
            }
          }),
        );
        expect(perWorker.flat().toSorted()).toEqual(ids);
        for (const mine of perWorker) expect(mine).toEqual(mine.toSorted());
      });

      it("take only ids with the prefix, oldest first, be they few or many", async () => {
        const name = await queue();
        await store.enqueue(name, numbered(3_000, "common"), "pending");
        await store.enqueue(name, ["rare/2", "rare/1", "rare", "Rare/3"], "pending");
        await store.enqueue(name, ["common-late"], "pending");
        expect(await claimIds(name, { idPrefix: "rare/" })).toEqual(["rare/2", "rare/1"]);
        expect(await claimIds(name, { idPrefix: "common-00", limit: 3 })).toEqual(numbered(3, "common"));
        expect(await claimIds(name, { idPrefix: "common-late" })).toEqual(["common-late"]);
        expect(await claimIds(name, { idPrefix: "nothing" })).toEqual([]);
        expect(await claimIds(name, { idPrefix: "", limit: 1 })).toEqual(["common-000003"]);
      });

      it("read a prefix as text, not as a pattern", async () => {
        const name = await queue();
        const ids = [
          "a%b",
          "axb",
          "a_b",
          "a\\b",
          "日本/1",
          "日",
          "é",
          "e\u0301",
          "\u{10ffff}1",
          "\u{10ffff}2",
        ];
        await store.enqueue(name, ids, "pending");
        for (const [idPrefix, found] of [
          ["a%", ["a%b"]],
          ["a_", ["a_b"]],
          ["a\\", ["a\\b"]],
          ["日本", ["日本/1"]],
          ["e", ["e\u0301"]],
          ["\u{10ffff}", ["\u{10ffff}1", "\u{10ffff}2"]],
        ] as const)
          expect(await claimIds(name, { idPrefix })).toEqual(found);
      });

      it("keep stages apart", async () => {
        const name = await queue();
        await store.enqueue(name, ["a"], "pending");
        await store.enqueue(name, ["b"], "pending-2");
        expect(await claimIds(name, { stage: "pending-2", claimStage: "second" })).toEqual(["b"]);
        expect((await store.counts(name)).stages).toEqual({ pending: 1, second: 1 });
      });
    });

    describe("enqueueing again", () => {
      it("moves an item to the end with a new revision and no lease, claims or reason", async () => {
        const name = await queue();
        const [first] = await store.enqueue(name, ["a", "b"], "pending");
        await store.claim(name, claim({ limit: 1 }));
        await store.move(name, { ids: ["a"], to: "failed", reason: "broken" });
        const [second] = await other.enqueue(name, ["a"], "pending");
        expect(second).not.toBe(first);
        expect(await store.get(name, ["a"])).toEqual([
          { id: "a", stage: "pending", revision: second, claims: 0 },
        ]);
        expect(await store.counts(name)).toEqual({ stages: { pending: 2 }, leased: 0, reasons: {} });
        expect(await claimIds(name)).toEqual(["b", "a"]);
      });

      it("ends the guard of work on the older content", async () => {
        const name = await queue();
        const [revision] = await store.enqueue(name, ["a"], "pending");
        await store.claim(name, claim());
        await other.enqueue(name, ["a"], "pending");
        const done = { ids: ["a"], to: "indexed", ...(revision === undefined ? {} : { revision }) };
        expect(await store.move(name, done)).toEqual([]);
        expect(await store.move(name, { ids: ["a"], to: "indexed", worker: "w1" })).toEqual([]);
        expect((await store.counts(name)).stages).toEqual({ pending: 1 });
      });
    });

    describe("leases", () => {
      it("return an item to its old place when they expire", async () => {
        const name = await queue();
        await store.enqueue(name, ["a", "b", "c"], "pending");
        await store.claim(name, claim({ limit: 1, leaseMs: harness.leaseMs }));
        await harness.pass(harness.leaseMs * 2);
        expect(await other.counts(name)).toEqual({ stages: { pending: 3 }, leased: 0, reasons: {} });
        const [again] = await other.claim(name, claim({ worker: "w2", limit: 1 }));
        expect(again).toMatchObject({ id: "a", worker: "w2", claims: 2 });
        expect(await claimIds(name)).toEqual(["b", "c"]);
      });

      it("protect nothing once expired, even before anyone else claims", async () => {
        const name = await queue();
        await store.enqueue(name, ["a"], "pending");
        await store.claim(name, claim({ leaseMs: harness.leaseMs }));
        await harness.pass(harness.leaseMs * 2);
        expect(await store.move(name, { ids: ["a"], to: "indexed", worker: "w1" })).toEqual([]);
        expect(await store.heartbeat(name, { worker: "w1", stage: "embedding", ids: ["a"] })).toBe(0);
        expect(await store.get(name, ["a"])).toMatchObject([{ stage: "pending" }]);
      });

      it("last as long again from each heartbeat of their holder", async () => {
        const name = await queue();
        await store.enqueue(name, ["a", "b"], "pending");
        await store.claim(name, claim({ leaseMs: harness.leaseMs }));
        for (let beat = 0; beat < 3; beat += 1) {
          await harness.pass(harness.leaseMs * 0.6);
          expect(await other.heartbeat(name, { worker: "w1", stage: "embedding", ids: ["a", "zz"] })).toBe(1);
        }
        expect((await store.get(name, ["a", "b"])).map((item) => item?.worker)).toEqual(["w1", undefined]);
      });

      it("are not renewed by others, nor in another stage", async () => {
        const name = await queue();
        await store.enqueue(name, ["a"], "pending");
        await store.claim(name, claim());
        expect(await store.heartbeat(name, { worker: "w2", stage: "embedding", ids: ["a"] })).toBe(0);
        expect(await store.heartbeat(name, { worker: "w1", stage: "pending", ids: ["a"] })).toBe(0);
      });

      it("give an item to one holder at a time when the clock jumps", async (context) => {
        if (harness.jump === undefined) return context.skip("the store's clock is not ours to set");
        const name = await queue();
        await store.enqueue(name, ["a"], "pending");
        await store.claim(name, claim({ worker: "w1" }));
        harness.jump(3_600_000);
        expect(await claimIds(name, { worker: "w2" }, other)).toEqual(["a"]);
        expect(await store.move(name, { ids: ["a"], to: "indexed", worker: "w1" })).toEqual([]);
        harness.jump(-7_200_000);
        expect(await claimIds(name, { worker: "w3" })).toEqual([]);
        expect(await other.heartbeat(name, { worker: "w2", stage: "embedding", ids: ["a"] })).toBe(1);
        expect(await other.move(name, { ids: ["a"], to: "indexed", worker: "w2" })).toEqual(["a"]);
        harness.jump(3_600_000);
        expect((await store.counts(name)).stages).toEqual({ indexed: 1 });
      });
    });

    describe("moves", () => {
      it("touch only items that match every guard, and report those", async () => {
        const name = await queue();
        const [, revision] = await store.enqueue(name, ["a", "b", "c"], "pending");
        await store.claim(name, claim({ worker: "w1", limit: 1 }));
        await store.claim(name, claim({ worker: "w2", limit: 1 }));
        const ids = ["a", "b", "c", "unknown"];
        expect(await store.move(name, { ids, to: "x", from: "nowhere" })).toEqual([]);
        expect(await store.move(name, { ids, to: "x", from: "pending" })).toEqual(["c"]);
        expect(await store.move(name, { ids, to: "indexed", from: "embedding", worker: "w1" })).toEqual([
          "a",
        ]);
        expect(
          await store.move(name, { ids: ["b"], to: "indexed", worker: "w2", revision: (revision ?? 0) + 1 }),
        ).toEqual([]);
        expect(
          await store.move(name, { ids: ["b"], to: "indexed", worker: "w2", revision: revision ?? 0 }),
        ).toEqual(["b"]);
        expect(await store.counts(name)).toEqual({ stages: { indexed: 2, x: 1 }, leased: 0, reasons: {} });
      });

      it("release an item to its old place", async () => {
        const name = await queue();
        await store.enqueue(name, ["a", "b"], "pending");
        await store.claim(name, claim({ limit: 1 }));
        expect(await store.move(name, { ids: ["a"], to: "pending", worker: "w1" })).toEqual(["a"]);
        expect(await claimIds(name, { worker: "w2" })).toEqual(["a", "b"]);
      });

      it("create unknown ids only when asked to", async () => {
        const name = await queue();
        expect(await store.move(name, { ids: ["a"], to: "indexed" })).toEqual([]);
        expect(await store.move(name, { ids: ["a", "b"], to: "indexed", createMissing: true })).toEqual([
          "a",
          "b",
        ]);
        expect((await other.counts(name)).stages).toEqual({ indexed: 2 });
      });

      it("count reasons by stage until the item moves on", async () => {
        const name = await queue();
        await store.enqueue(name, numbered(5), "pending");
        await store.move(name, { ids: numbered(3), to: "failed", reason: "chunks_unavailable" });
        await store.move(name, { ids: numbered(5).slice(3, 4), to: "failed", reason: "too large" });
        expect((await other.counts(name)).reasons).toEqual({
          failed: { chunks_unavailable: 3, "too large": 1 },
        });
        await store.move(name, { ids: numbered(4), to: "pending" });
        expect(await other.counts(name)).toEqual({ stages: { pending: 5 }, leased: 0, reasons: {} });
      });

      it("let exactly one of 20 racing guarded moves through", async () => {
        const name = await queue();
        await store.enqueue(name, ["a"], "pending");
        const outcomes = await Promise.all(
          Array.from({ length: 20 }, (_, index) =>
            (index % 2 ? store : other).move(name, { ids: ["a"], to: `s${index}`, from: "pending" }),
          ),
        );
        expect(outcomes.filter((moved) => moved.length === 1)).toHaveLength(1);
      });
    });

    describe("sizes and names", () => {
      it("handle 10,000 ids in one call", async () => {
        const name = await queue();
        const ids = numbered(10_000);
        const revisions = await store.enqueue(name, ids, "pending");
        expect([revisions.length, revisions.every(Number.isSafeInteger)]).toEqual([10_000, true]);
        expect(await claimIds(name, { limit: 10_000 })).toEqual(ids);
        expect(await store.heartbeat(name, { worker: "w1", stage: "embedding", ids })).toBe(10_000);
        expect(await store.move(name, { ids, to: "indexed", worker: "w1" })).toEqual(ids);
        expect((await store.get(name, ids)).every((item) => item?.stage === "indexed")).toBe(true);
      });

      it("keep ids apart that differ in slashes, unicode forms, case and length", async () => {
        const name = await queue();
        const ids = [
          "a/b",
          "a",
          "/",
          "%2F",
          "é",
          "e\u0301",
          "日本語",
          "😀",
          " ",
          "'; --",
          '"',
          "x".repeat(1024),
        ];
        await store.enqueue(name, ids, "pending");
        expect(await claimIds(name)).toEqual(ids);
      });

      it("refuse what no store takes, naming it", async () => {
        const name = await queue();
        await expect(store.enqueue(name, ["a", "a"], "pending")).rejects.toThrow(/repeat/);
        await expect(store.enqueue(name, ["a\0"], "pending")).rejects.toThrow(/item id/);
        await expect(store.enqueue(name, [""], "pending")).rejects.toThrow(/item id/);
        await expect(store.enqueue(name, ["a"], "No Stage")).rejects.toThrow(/stage "No Stage"/);
        await expect(store.claim(name, claim({ limit: 0 }))).rejects.toThrow(/limit 0/);
        await expect(store.claim(name, claim({ leaseMs: 0 }))).rejects.toThrow(/leaseMs 0/);
        await expect(store.move(name, { ids: ["a", "b"], to: "x", revision: 1 })).rejects.toThrow(/revision/);
        await expect(store.create("a/b", settings)).rejects.toThrow(/queue name "a\/b"/);
      });
    });

    describe("life", () => {
      it("answers a ping, and rejects calls after close, however often it is closed", async () => {
        const closing = await harness.open();
        await closing.ping();
        await closing.close();
        await closing.close();
        await expect(closing.counts("q")).rejects.toSatisfy(
          (error) => error instanceof QueueStoreError && error.reason === "closed",
        );
      });
    });
  });
}
