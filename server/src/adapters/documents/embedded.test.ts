/** The embedded cache against the contract, and what only it promises: a bound on its size, and life after damage. */

import { mkdtempSync, readdirSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { open as openFile, readFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { movableClock } from "../../../test/movable-clock.js";
import { describeDocumentCache } from "../../ports/document-cache.contract.js";
import type { CacheEvent, CacheWrite, DocumentCache } from "../../ports/document-cache.js";
import { openEmbeddedDocumentCache } from "./embedded.js";

const MIB = 1024 * 1024;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const quiet = { warn: () => undefined, error: () => undefined };

describeDocumentCache("embedded document cache", async () => {
  const directory = mkdtempSync(path.join(os.tmpdir(), "document-cache-"));
  const clock = movableClock();
  const opened: DocumentCache[] = [];
  return {
    async open() {
      const cache = await openEmbeddedDocumentCache({
        directory,
        bytesMax: 1024 * MIB,
        recordBytesMax: MIB,
        clock,
        log: quiet,
      });
      opened.push(cache);
      return cache;
    },
    pass: async (ms) => clock.move(ms),
    jump: (ms) => clock.move(ms),
    attributesFit: MIB - 1,
    attributesTooLarge: MIB,
    async dispose() {
      for (const cache of opened) await cache.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
});

describe("embedded document cache", () => {
  const directories: string[] = [];
  const caches: DocumentCache[] = [];
  afterEach(async () => {
    for (const cache of caches.splice(0)) await cache.close();
    for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
  });

  function temporary(): string {
    const directory = mkdtempSync(path.join(os.tmpdir(), "document-cache-"));
    directories.push(directory);
    return directory;
  }

  async function start(directory: string, fields: { bytesMax?: number; boot?: string } = {}) {
    const warnings: string[] = [];
    const clock = movableClock();
    const cache = await openEmbeddedDocumentCache({
      directory,
      bytesMax: fields.bytesMax ?? 64 * MIB,
      clock,
      log: {
        warn: (_fields: unknown, message?: string) => void warnings.push(message ?? ""),
        error: () => undefined,
      },
      ...(fields.boot === undefined ? {} : { boot: fields.boot }),
    });
    caches.push(cache);
    const events: CacheEvent[] = [];
    cache.onEvent((event) => events.push(event));
    return { cache, clock, warnings, events };
  }

  const write = (id: string, attributes: Uint8Array, fields: Partial<CacheWrite> = {}): CacheWrite => ({
    id,
    condition: { when: "always" },
    mark: bytes("m"),
    epoch: "e",
    attributes,
    ...fields,
  });

  async function survivors(cache: DocumentCache, ids: readonly string[]): Promise<string[]> {
    const { records } = await cache.get("s", ids, []);
    return ids.filter((_, index) => records[index] !== undefined);
  }

  it("keeps records, versions and epochs over a restart", async () => {
    const directory = temporary();
    const first = await start(directory);
    const epoch = await first.cache.ensureEpoch("s");
    await first.cache.put("s", [write("a", bytes("{}"), { epoch, vector: bytes("v") })]);
    const before = await first.cache.get("s", ["a"], ["attributes", "vector"]);
    await first.cache.close();
    const second = await start(directory);
    expect(await second.cache.get("s", ["a"], ["attributes", "vector"])).toEqual(before);
    expect(second.warnings).toEqual([]);
  });

  it("forgets its epochs when the machine was started again", async () => {
    const directory = temporary();
    const first = await start(directory, { boot: "monday" });
    await first.cache.ensureEpoch("s");
    await first.cache.close();
    expect(
      (await (await start(directory, { boot: "tuesday" })).cache.get("s", [], [])).epoch,
    ).toBeUndefined();
  });

  it("stays within its bound, keeping what is read and what guards writes in flight", async () => {
    const directory = temporary();
    const { cache, events } = await start(directory, { bytesMax: 8 * MIB });
    const ids = Array.from({ length: 600 }, (_, index) => `d${index}`);
    await cache.put("s", [write("guard", Buffer.alloc(10_000), { ttlMs: 600_000 })]);
    for (const id of ids) {
      await cache.put("s", [write(id, Buffer.alloc(40_000))]);
      await cache.get("s", ["d0"], []);
    }
    await cache.close();
    const data = statSync(path.join(directory, "data.mdb")).size;
    expect(data).toBeLessThan(14 * MIB);
    const again = await start(directory, { bytesMax: 8 * MIB });
    const left = await survivors(again.cache, ["guard", ...ids]);
    expect(left.slice(0, 2)).toEqual(["guard", "d0"]);
    expect(left).toContain("d599");
    expect(left).not.toContain("d1");
    expect(left.length).toBeGreaterThan(100);
    expect(events).toContainEqual({ kind: "dropped", cause: "evicted", set: "s" });
  });

  it("removes expired records from the files and says whose they were", async () => {
    const directory = temporary();
    const { cache, clock, events } = await start(directory);
    await cache.put(
      "s",
      Array.from({ length: 600 }, (_, index) => write(`d${index}`, bytes("{}"), { ttlMs: 1_000 })),
    );
    await cache.put("s", [write("lasting", bytes("{}"))]);
    clock.move(2_000);
    await cache.sweep();
    clock.move(-2_000);
    expect(await survivors(cache, ["d0", "d599", "lasting"])).toEqual(["lasting"]);
    expect(events).toEqual([{ kind: "dropped", cause: "expired", set: "s" }]);
  });

  it("keeps a record that was written again when the end it had before comes", async () => {
    const { cache, clock, events } = await start(temporary());
    await cache.put("s", [write("lasting", bytes("1"), { ttlMs: 1_000 })]);
    await cache.put("s", [write("lasting", bytes("2"))]);
    await cache.put("s", [write("longer", bytes("1"), { ttlMs: 1_000 })]);
    await cache.put("s", [write("longer", bytes("2"), { ttlMs: 5_000 })]);
    clock.move(2_000);
    await cache.sweep();
    clock.move(-2_000);
    expect(await survivors(cache, ["lasting", "longer"])).toEqual(["lasting", "longer"]);
    expect(events).toEqual([]);
    clock.move(6_000);
    await cache.sweep();
    clock.move(-6_000);
    expect(await survivors(cache, ["lasting", "longer"])).toEqual(["lasting"]);
  });

  describe("given damaged files", () => {
    async function filled(): Promise<string> {
      const directory = temporary();
      const { cache } = await start(directory);
      await cache.put(
        "s",
        Array.from({ length: 200 }, (_, index) => write(`d${index}`, Buffer.alloc(3_000, index))),
      );
      await cache.ensureEpoch("s");
      await cache.close();
      return directory;
    }

    async function worksAnew(directory: string): Promise<void> {
      const { cache, warnings } = await start(directory);
      expect(warnings).toEqual(["document cache was damaged and begins anew"]);
      expect(await cache.get("s", ["d1"], [])).toEqual({ epoch: undefined, records: [undefined] });
      await cache.put("s", [write("d1", bytes("{}"))]);
      expect(await survivors(cache, ["d1"])).toEqual(["d1"]);
      expect(
        readdirSync(path.dirname(directory)).filter((name) =>
          name.startsWith(`${path.basename(directory)}.`),
        ),
      ).toEqual([]);
    }

    it("begins anew when the file was truncated", async () => {
      const directory = await filled();
      truncateSync(path.join(directory, "data.mdb"), 100_000);
      await worksAnew(directory);
    });

    it("begins anew when the file is not one of lmdb", async () => {
      const directory = await filled();
      writeFileSync(path.join(directory, "data.mdb"), Buffer.alloc(100_000, "garbage"));
      await worksAnew(directory);
    });

    it("begins anew when an earlier process died while opening it", async () => {
      const directory = await filled();
      writeFileSync(path.join(directory, "opening-999999999"), "");
      await worksAnew(directory);
    });

    it("stops when another process began anew beside it", async () => {
      const directory = await filled();
      const { cache, clock, events } = await start(directory);
      renameSync(directory, `${directory}-old`);
      directories.push(`${directory}-old`);
      clock.move(1_000);
      const moved = clock.now();
      await expect(cache.get("s", ["d1"], [])).rejects.toMatchObject({ reason: "down" });
      expect(cache.health().since).toBeGreaterThanOrEqual(moved);
      expect(cache.health()).toMatchObject({
        state: "down",
        reason: "the files were replaced by another process",
      });
      expect(events.map((event) => event.kind)).toEqual(["lost"]);
    });

    it("empties itself instead of serving a record whose bytes changed", async () => {
      const directory = await filled();
      const file = path.join(directory, "data.mdb");
      const at = (await readFile(file)).indexOf(Buffer.alloc(2_000, 99));
      const handle = await openFile(file, "r+");
      await handle.write(Buffer.from("flipped"), 0, 7, at + 100);
      await handle.close();
      const { cache, warnings, events } = await start(directory);
      expect(await survivors(cache, ["d98"])).toEqual(["d98"]);
      await expect(cache.get("s", ["d99"], ["attributes"])).rejects.toThrow(/get failed/);
      await expect.poll(() => events.map((event) => event.kind)).toEqual(["rebuilt"]);
      expect(warnings).toEqual(["document cache is damaged and is emptied"]);
      expect(await cache.get("s", ["d99", "d98"], [])).toEqual({
        epoch: undefined,
        records: [undefined, undefined],
      });
    });
  });
});
