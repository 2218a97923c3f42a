/** What every blob store must do, run against each adapter. Each test works under a prefix of its own. */

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BlobStore, BlobStoreError } from "./blob-store.js";

export interface BlobStoreHarness {
  /** A new handle on the same data, as another replica would open it. The harness closes it. */
  open(): Promise<BlobStore>;
  dispose(): Promise<void>;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const prefix = (): string => `test/${randomUUID()}`;

async function stored(put: Promise<Awaited<ReturnType<BlobStore["putIfAbsent"]>>>): Promise<string> {
  const outcome = await put;
  if (outcome.status !== "stored") throw new Error(`expected the write to be stored, got ${outcome.status}`);
  return outcome.etag;
}

async function read(store: BlobStore, key: string): Promise<string | undefined> {
  const blob = await store.get(key);
  return blob && new TextDecoder().decode(blob.body);
}

async function listAll(store: BlobStore, under: string, limit: number): Promise<string[]> {
  const keys: string[] = [];
  for (let more = true; more; ) {
    const after = keys.at(-1);
    const page = await store.list({ prefix: under, limit, ...(after === undefined ? {} : { after }) });
    expect(page.entries.length).toBeLessThanOrEqual(limit);
    keys.push(...page.entries.map((entry) => entry.key));
    more = page.more;
    if (more) expect(page.entries.length).toBe(limit);
  }
  return keys;
}

export function describeBlobStore(title: string, start: () => Promise<BlobStoreHarness>): void {
  describe(title, () => {
    let harness: BlobStoreHarness;
    let store: BlobStore;
    let other: BlobStore;

    beforeAll(async () => {
      harness = await start();
      store = await harness.open();
      other = await harness.open();
    });
    afterAll(() => harness?.dispose());

    describe("bodies", () => {
      it("gives undefined for a key never written", async () => {
        expect(await store.get(`${prefix()}/a`)).toBeUndefined();
      });

      it.each([0, 1, 65_535, 65_536, 65_537, 1_048_575, 1_048_576, 1_048_577, 8_388_608])(
        "returns a body of %i bytes whole, with the etag of its write",
        async (size) => {
          const key = `${prefix()}/a`;
          const body = Uint8Array.from({ length: size }, (_, index) => index % 251);
          const etag = await stored(store.putIfAbsent(key, body));
          const blob = await other.get(key);
          expect(blob?.etag).toBe(etag);
          expect(Buffer.compare(blob?.body ?? Buffer.from("none"), body)).toBe(0);
          const [entry] = (await other.list({ prefix: key, limit: 1 })).entries;
          expect(entry).toEqual({ key, etag, sizeBytes: size });
        },
      );

      it("does not change with the buffer it was given", async () => {
        const key = `${prefix()}/a`;
        const body = Buffer.alloc(200_000, "a");
        const put = store.putIfAbsent(key, body);
        await put;
        body.fill("b");
        expect((await read(store, key))?.slice(0, 3)).toBe("aaa");
      });

      it("never shows a torn or missing body while it is replaced", async () => {
        const key = `${prefix()}/a`;
        const body = (round: number): Uint8Array => Buffer.alloc(70_000 + round * 1_000, round);
        let etag = await stored(store.putIfAbsent(key, body(0)));
        let writing = true;
        const torn: string[] = [];
        const reading = (async () => {
          while (writing) {
            const blob = await other.get(key);
            const round = blob?.body[0] ?? -1;
            if (!blob || Buffer.compare(blob.body, body(round)) !== 0) torn.push(`round ${round}`);
            await new Promise((resolve) => setImmediate(resolve));
          }
        })();
        for (let round = 1; round <= 20; round += 1)
          etag = await stored(store.putIfMatch(key, body(round), etag));
        writing = false;
        await reading;
        expect(torn).toEqual([]);
      });
    });

    describe("conditions", () => {
      it("keeps the first body of a key created twice", async () => {
        const key = `${prefix()}/a`;
        await stored(store.putIfAbsent(key, bytes("first")));
        expect(await other.putIfAbsent(key, bytes("second"))).toEqual({ status: "conflict" });
        expect(await read(store, key)).toBe("first");
      });

      it("replaces only the body that has the etag", async () => {
        const key = `${prefix()}/a`;
        const first = await stored(store.putIfAbsent(key, bytes("1")));
        const second = await stored(other.putIfMatch(key, bytes("2"), first));
        expect(await store.putIfMatch(key, bytes("3"), first)).toEqual({ status: "conflict" });
        expect(await read(store, key)).toBe("2");
        await stored(store.putIfMatch(key, bytes("3"), second));
        expect(await read(other, key)).toBe("3");
      });

      it("does not create a key by replacing it", async () => {
        const key = `${prefix()}/a`;
        const etag = await stored(store.putIfAbsent(key, bytes("1")));
        await store.delete(key);
        expect(await store.putIfMatch(key, bytes("2"), etag)).toEqual({ status: "conflict" });
        expect(await store.get(key)).toBeUndefined();
      });

      it.each([10, 100_000])("lets exactly one of 20 racing creators of %i bytes win", async (size) => {
        const key = `${prefix()}/a`;
        const outcomes = await Promise.all(
          Array.from({ length: 20 }, (_, index) =>
            (index % 2 ? store : other).putIfAbsent(key, Buffer.alloc(size, index)),
          ),
        );
        const winners = outcomes.flatMap((outcome, index) => (outcome.status === "stored" ? [index] : []));
        expect(winners).toHaveLength(1);
        expect((await other.get(key))?.body[0]).toBe(winners[0]);
      });

      it.each([10, 100_000])("lets exactly one of 20 racing replacers of %i bytes win", async (size) => {
        const key = `${prefix()}/a`;
        const etag = await stored(store.putIfAbsent(key, Buffer.alloc(size, 99)));
        const outcomes = await Promise.all(
          Array.from({ length: 20 }, (_, index) =>
            (index % 2 ? store : other).putIfMatch(key, Buffer.alloc(size, index), etag),
          ),
        );
        const winners = outcomes.flatMap((outcome, index) => (outcome.status === "stored" ? [index] : []));
        expect(winners).toHaveLength(1);
        expect((await store.get(key))?.body[0]).toBe(winners[0]);
      });

      it("removes keys, and does not mind absent ones", async () => {
        const key = `${prefix()}/a`;
        await stored(store.putIfAbsent(key, Buffer.alloc(100_000)));
        await other.delete(key);
        await other.delete(key);
        expect(await store.get(key)).toBeUndefined();
        await stored(store.putIfAbsent(key, bytes("again")));
        expect(await read(other, key)).toBe("again");
      });
    });

    describe("keys", () => {
      const odd = [
        "a b",
        "a+b",
        "a%2Fb",
        "a?b#c",
        "é",
        "e\u0301",
        "日本/語",
        "😀",
        "A",
        "a",
        "a.b..c",
        "~",
        "'\"<&>",
        "x=1;y=2",
        "*",
      ];

      it("keeps odd keys apart and lists them as they were written", async () => {
        const under = prefix();
        for (const key of odd) await stored(store.putIfAbsent(`${under}/${key}`, bytes(key)));
        for (const key of odd) expect(await read(other, `${under}/${key}`)).toBe(key);
        expect((await listAll(other, `${under}/`, 1000)).toSorted()).toEqual(
          odd.map((key) => `${under}/${key}`).toSorted(),
        );
      });

      it("takes a key of 1,024 bytes", async () => {
        const under = prefix();
        const key = `${under}/${Array.from({ length: 4 }, () => "k".repeat(200)).join("/")}/`.padEnd(
          1024,
          "z",
        );
        await stored(store.putIfAbsent(key, bytes("long")));
        expect(await read(other, key)).toBe("long");
      });

      it.each(["", "/a", "a/", "a//b", "../a", "a/./b", "a\0b", "a\nb", "\ud800", "k".repeat(1025)])(
        "refuses the key %j",
        async (key) => {
          await expect(store.get(key)).rejects.toThrow(RangeError);
          await expect(store.putIfAbsent(key, bytes("x"))).rejects.toThrow(RangeError);
        },
      );
    });

    describe("lists", () => {
      it("orders keys by their bytes, not by UTF-16", async () => {
        const under = prefix();
        const names = ["b", "a/1", "a-1", "a0", "a", "\uff5e", "😀", "é", "A", "10", "9"].filter(
          (name) => name !== "a",
        );
        for (const name of names) await stored(store.putIfAbsent(`${under}/${name}`, bytes("x")));
        const sorted = names
          .map((name) => `${under}/${name}`)
          .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        expect(await listAll(store, `${under}/`, 3)).toEqual(sorted);
      });

      it("pages 2,500 keys exactly once, and says whether more follow", async () => {
        const under = prefix();
        const names = Array.from(
          { length: 2_500 },
          (_, index) => `${under}/${String(index).padStart(5, "0")}`,
        );
        const queue = [...names];
        const worker = async (): Promise<void> => {
          for (let key = queue.pop(); key !== undefined; key = queue.pop())
            await store.putIfAbsent(key, bytes("x"));
        };
        await Promise.all(Array.from({ length: 16 }, worker));
        expect(await listAll(other, `${under}/`, 1000)).toEqual(names);
        expect((await store.list({ prefix: `${under}/000`, limit: 100 })).more).toBe(false);
        expect((await store.list({ prefix: `${under}/000`, limit: 99 })).more).toBe(true);
        const after = `${under}/00010x`;
        const page = await store.list({ prefix: under, after, limit: 2 });
        expect(page.entries.map((entry) => entry.key)).toEqual([`${under}/00011`, `${under}/00012`]);
        expect(await store.list({ prefix: `${under}/`, after: `${under}/99999`, limit: 10 })).toEqual({
          entries: [],
          more: false,
        });
        expect((await store.list({ prefix: `${under}/`, after: "a", limit: 1 })).entries[0]?.key).toBe(
          names[0],
        );
      }, 60_000);

      it.each([0, 1001, 1.5])("refuses a limit of %d", async (limit) => {
        await expect(store.list({ prefix: "a", limit })).rejects.toThrow(RangeError);
      });
    });

    describe("life", () => {
      it("answers a ping", async () => {
        await store.ping();
      });

      it("gives up a call whose signal is aborted", async () => {
        const signal = AbortSignal.abort();
        await expect(store.get(`${prefix()}/a`, { signal })).rejects.toSatisfy(
          (error) => error instanceof BlobStoreError && error.reason === "aborted",
        );
      });

      it("rejects calls after close, however often it is closed", async () => {
        const closing = await harness.open();
        await closing.close();
        await closing.close();
        await expect(closing.get(`${prefix()}/a`)).rejects.toSatisfy(
          (error) => error instanceof BlobStoreError && error.reason === "closed",
        );
      });
    });
  });
}
