/** What every document cache must do, run against each adapter. Each test works on sets of its own. */

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CACHE_ID_BYTES_MAX, CacheUnavailable, type DocumentCache } from "./document-cache.js";
import { describeCacheRaces } from "./document-cache-races.contract.js";
import { bytes, one, present, set, text, write } from "./document-cache-samples.contract.js";

export interface DocumentCacheHarness {
  /** A new handle on the same data, as another replica would open it. The harness closes it. */
  open(): Promise<DocumentCache>;
  /** Lets time pass for the store: moves its clock, or waits. */
  pass(ms: number): Promise<void>;
  /** Sets the store's wall clock back or forth without time passing. Absent where the clock is not ours. */
  jump?(ms: number): void;
  /** Attributes of this size must be stored, and of that size refused. */
  readonly attributesFit: number;
  readonly attributesTooLarge: number;
  dispose(): Promise<void>;
}

export function describeDocumentCache(title: string, start: () => Promise<DocumentCacheHarness>): void {
  describe(title, () => {
    let harness: DocumentCacheHarness;
    let cache: DocumentCache;
    let other: DocumentCache;

    beforeAll(async () => {
      harness = await start();
      cache = await harness.open();
      other = await harness.open();
    });
    afterAll(() => harness?.dispose());

    describe("records", () => {
      it("gives nothing and no epoch for a set never written", async () => {
        expect(await cache.get(set(), ["a", "b"], ["attributes"])).toEqual({
          epoch: undefined,
          records: [undefined, undefined],
        });
      });

      it("keeps every byte of mark, attributes and vector", async () => {
        const name = set();
        const all = Uint8Array.from({ length: 256 }, (_, index) => index);
        await cache.put(name, [write("a", { mark: all, attributes: all, vector: all.toReversed() })]);
        const record = await one(other, name, "a");
        expect(Buffer.from(record?.mark ?? [])).toEqual(Buffer.from(all));
        expect(Buffer.from(record?.attributes ?? [])).toEqual(Buffer.from(all));
        expect(Buffer.from(record?.vector ?? [])).toEqual(Buffer.from(all.toReversed()));
      });

      it("loads only the parts asked for, and always the mark", async () => {
        const name = set();
        await cache.put(name, [write("a", { vector: bytes("v") })]);
        const [none, attributes, vector] = await Promise.all([
          one(cache, name, "a", []),
          one(cache, name, "a", ["attributes"]),
          one(cache, name, "a", ["vector"]),
        ]);
        expect([text(none?.mark), none?.attributes, none?.vector]).toEqual(["m", undefined, undefined]);
        expect([text(attributes?.attributes), attributes?.vector]).toEqual(['{"id":"a"}', undefined]);
        expect([vector?.attributes, text(vector?.vector)]).toEqual([undefined, "v"]);
      });

      it("replaces a record whole: a part left out is gone", async () => {
        const name = set();
        await cache.put(name, [write("a", { vector: bytes("v") })]);
        await cache.put(name, [write("a", { attributes: bytes("{}") })]);
        const record = await one(cache, name, "a");
        expect([text(record?.attributes), record?.vector]).toEqual(["{}", undefined]);
      });

      it("lets the later of two writes to one id in a call win", async () => {
        const name = set();
        await cache.put(name, [write("a", { mark: bytes("1") }), write("a", { mark: bytes("2") })]);
        expect(text((await one(cache, name, "a"))?.mark)).toBe("2");
      });

      it("answers repeated ids each time", async () => {
        const name = set();
        await cache.put(name, [write("a")]);
        const { records } = await cache.get(name, ["a", "b", "a"], ["attributes"]);
        expect(records.map((record) => text(record?.attributes))).toEqual([
          '{"id":"a"}',
          undefined,
          '{"id":"a"}',
        ]);
      });

      it("removes records, and does not mind absent ones", async () => {
        const name = set();
        await cache.put(name, [write("a"), write("b")]);
        await cache.delete(name, ["a", "never"]);
        const { records } = await other.get(name, ["a", "b"], []);
        expect(records.map((record) => record !== undefined)).toEqual([false, true]);
      });

      it("handles 10,000 ids in one call, in order and with holes", async () => {
        const name = set();
        const ids = Array.from({ length: 10_000 }, (_, index) => `document-${index}`);
        const outcomes = await cache.put(
          name,
          ids.filter((_, index) => index % 3 !== 0).map((id) => write(id)),
        );
        expect(outcomes.every((outcome) => outcome.status === "stored")).toBe(true);
        const { records } = await cache.get(name, ids, ["attributes"]);
        expect(records.findIndex((record, index) => (record === undefined) !== (index % 3 === 0))).toBe(-1);
        expect(
          records.findIndex(
            (record, index) => record && text(record.attributes) !== `{"id":"document-${index}"}`,
          ),
        ).toBe(-1);
      });
    });

    describe("names", () => {
      it("keeps apart sets that share their first 63 bytes, or differ in case, spelling or slashes", async () => {
        const stem = `s${randomUUID()}`.padEnd(120, "x");
        const names = [
          stem,
          `${stem}a`,
          `${stem}b`,
          stem.slice(0, 63),
          stem.slice(0, 64),
          `${stem}/a`,
          `${stem}A`,
        ];
        const small = randomUUID();
        names.push(`${small}/é`, `${small}/e\u0301`, `${small}/ns:1`, `${small}`, `${small} `, `~${small}`);
        await Promise.all(
          names.map((name) => cache.put(name, [write("id", { mark: bytes(name.slice(-80)) })])),
        );
        await Promise.all(names.map((name) => cache.changeEpoch(name)));
        const reads = await Promise.all(names.map((name) => other.get(name, ["id"], [])));
        expect(reads.map((read) => text(read.records[0]?.mark))).toEqual(
          names.map((name) => name.slice(-80)),
        );
        expect(new Set(reads.map((read) => read.epoch)).size).toBe(names.length);
      });

      it("keeps apart ids that differ in slashes, unicode forms, case and length", async () => {
        const name = set();
        const ids = [
          "a/b",
          "a",
          "a/",
          "/",
          "%2F",
          "é",
          "e\u0301",
          "E\u0301",
          "日本語",
          "😀",
          " ",
          "1",
          "01",
          "x".repeat(CACHE_ID_BYTES_MAX),
        ];
        await cache.put(
          name,
          ids.map((id) => write(id, { mark: bytes(id.slice(0, 100)) })),
        );
        const { records } = await other.get(name, ids, []);
        expect(records.map((record) => text(record?.mark))).toEqual(ids.map((id) => id.slice(0, 100)));
      });

      it("treats an id that cannot be a key as uncacheable, never as an error", async () => {
        const name = set();
        const ids = ["", "x".repeat(CACHE_ID_BYTES_MAX + 1), "\ud800", "a\0b", "ok"];
        const outcomes = await cache.put(
          name,
          ids.map((id) => write(id)),
        );
        expect(outcomes.slice(0, 4)).toEqual(Array(4).fill({ status: "uncacheable", reason: "bad-id" }));
        expect(outcomes[4]?.status).toBe("stored");
        const { records } = await cache.get(name, ids, []);
        expect(records.map((record) => record !== undefined)).toEqual([false, false, false, false, true]);
        await cache.delete(name, ids);
        expect(await cache.mergeIfPresent(name, ids, () => ({ mark: bytes("m"), epoch: "e" }))).toEqual(
          Array(5).fill({ status: "absent" }),
        );
      });

      it("refuses a set name that no store takes", async () => {
        for (const name of ["", "x".repeat(257)])
          await expect(cache.get(name, ["a"], [])).rejects.toThrow(RangeError);
      });
    });

    describe("size", () => {
      it("stores a record just under the limit and returns it whole", async () => {
        const name = set();
        const body = Buffer.alloc(harness.attributesFit, 7);
        expect(await cache.put(name, [write("big", { attributes: body })])).toEqual([{ status: "stored" }]);
        expect(Buffer.compare((await one(other, name, "big"))?.attributes ?? Buffer.alloc(0), body)).toBe(0);
      });

      it("calls a record over the limit uncacheable and drops what it would have replaced", async () => {
        const name = set();
        const body = Buffer.alloc(harness.attributesTooLarge, 7);
        await cache.put(name, [write("big")]);
        expect(await cache.put(name, [write("big", { attributes: body }), write("small")])).toEqual([
          { status: "uncacheable", reason: "too-large" },
          { status: "stored" },
        ]);
        expect(await one(other, name, "big")).toBeUndefined();
      });

      it("leaves the present record alone when the condition of an oversized write fails", async () => {
        const name = set();
        const body = Buffer.alloc(harness.attributesTooLarge, 7);
        await cache.put(name, [write("big")]);
        const stale = (await present(cache, name, "big")).version;
        await cache.put(name, [write("big", { mark: bytes("newer") })]);
        const outcomes = [
          ...(await cache.put(name, [
            write("big", { attributes: body, condition: { when: "version", version: stale } }),
          ])),
          ...(await cache.put(name, [write("big", { attributes: body, condition: { when: "absent" } })])),
        ];
        expect(outcomes.map((outcome) => outcome.status)).toEqual(["conflict", "conflict"]);
        expect(text((await one(cache, name, "big"))?.mark)).toBe("newer");
      });
    });

    describeCacheRaces(() => ({ cache, other }));

    describe("epochs", () => {
      it("gives 20 racing callers the same first epoch", async () => {
        const name = set();
        const epochs = await Promise.all(
          Array.from({ length: 20 }, (_, index) => (index % 2 ? cache : other).ensureEpoch(name)),
        );
        expect(new Set(epochs).size).toBe(1);
        expect((await other.get(name, [], [])).epoch).toBe(epochs[0]);
      });

      it("tells records of an earlier epoch apart, and leaves other sets alone", async () => {
        const [name, bystander] = [set(), set()];
        const [before, theirs] = [await cache.ensureEpoch(name), await cache.ensureEpoch(bystander)];
        await cache.put(name, [write("a", { epoch: before })]);
        const after = await other.changeEpoch(name);
        const read = await cache.get(name, ["a"], []);
        expect(after).not.toBe(before);
        expect(read.epoch).toBe(after);
        expect(read.records[0]?.epoch).toBe(before);
        expect(await cache.ensureEpoch(name)).toBe(after);
        expect((await cache.get(bystander, [], [])).epoch).toBe(theirs);
      });
    });

    describe("scans", () => {
      it("walks 2,500 records in pages, each exactly once, going on with another handle", async () => {
        const name = set();
        const epoch = await cache.ensureEpoch(name);
        const ids = Array.from({ length: 2_500 }, (_, index) => `${index % 2 ? "é" : "a"}/${index}`);
        await cache.put(
          name,
          ids.map((id) => write(id, { epoch, vector: bytes("v") })),
        );
        await cache.put(name, [write("of another epoch", { epoch: "older" })]);
        await cache.put(`${name}x`, [write("of another set", { epoch })]);
        const seen: string[] = [];
        let cursor: string | undefined;
        let pages = 0;
        do {
          const page = await (pages % 2 ? other : cache).scan(name, {
            ...(cursor === undefined ? {} : { cursor }),
            limit: 400,
            parts: ["attributes"],
          });
          if (pages === 2) await cache.put(name, [write(seen[0] ?? "", { epoch, mark: bytes("rewritten") })]);
          seen.push(...page.records.map((entry) => entry.id));
          expect(
            page.records.find(
              ({ id, record }) => text(record.attributes) !== `{"id":"${id}"}` || record.vector,
            ),
          ).toBeUndefined();
          cursor = page.cursor;
          pages += 1;
        } while (cursor !== undefined && pages < 100);
        expect(seen.toSorted()).toEqual(ids.toSorted());
      });

      it("ends at once on a set without an epoch", async () => {
        const name = set();
        await cache.put(name, [write("a")]);
        const page = await cache.scan(name, { limit: 10, parts: [] });
        expect([page.records, page.cursor]).toEqual([[], undefined]);
      });
    });

    describe("time to live", () => {
      it("hides a record once its time is over, for reads, conditions, merges and scans", async () => {
        const name = set();
        const epoch = await cache.ensureEpoch(name);
        await cache.put(name, [
          ...["brief", "merged", "conditional"].map((id) => write(id, { epoch, ttlMs: 1_000 })),
          write("lasting", { epoch }),
        ]);
        expect((await cache.get(name, ["brief"], [])).records[0]).toBeDefined();
        const { version } = await present(cache, name, "conditional");
        await harness.pass(3_000);
        const { records } = await other.get(name, ["brief", "lasting"], []);
        expect(records.map((record) => record !== undefined)).toEqual([false, true]);
        expect((await cache.scan(name, { limit: 10, parts: [] })).records.map((entry) => entry.id)).toEqual([
          "lasting",
        ]);
        expect(await cache.mergeIfPresent(name, ["merged"], () => ({ mark: bytes("m"), epoch }))).toEqual([
          { status: "absent" },
        ]);
        expect(
          await cache.put(name, [write("conditional", { condition: { when: "version", version } })]),
        ).toEqual([{ status: "conflict" }]);
        expect((await cache.put(name, [write("brief", { condition: { when: "absent" } })]))[0]?.status).toBe(
          "stored",
        );
      });

      it("forgets the old time to live when a write names none", async () => {
        const name = set();
        await cache.put(name, [write("a", { ttlMs: 1_000 })]);
        await cache.put(name, [write("a")]);
        await harness.pass(3_000);
        expect(await one(cache, name, "a")).toBeDefined();
      });

      it("never brings a replaced record back when the clock jumps", async (context) => {
        if (harness.jump === undefined) return context.skip("the store's clock is not ours to set");
        const name = set();
        await cache.put(name, [write("a", { ttlMs: 60_000, mark: bytes("old") })]);
        harness.jump(3_600_000);
        expect(await one(cache, name, "a")).toBeUndefined();
        await cache.put(name, [
          write("a", { condition: { when: "absent" }, mark: bytes("new"), ttlMs: 60_000 }),
        ]);
        harness.jump(-7_200_000);
        expect(text((await one(cache, name, "a"))?.mark)).toBe("new");
        harness.jump(3_600_000);
      });
    });

    describe("life", () => {
      it("reports itself up", () => {
        expect(cache.health()).toMatchObject({ state: "up", connection: 1 });
      });

      it("rejects calls after close, however often it is closed", async () => {
        const closing = await harness.open();
        await closing.close();
        await closing.close();
        await expect(closing.get(set(), ["a"], [])).rejects.toSatisfy(
          (error) => error instanceof CacheUnavailable && error.reason === "closed",
        );
        await expect(closing.changeEpoch(set())).rejects.toThrow(CacheUnavailable);
      });
    });
  });
}
