/** The embedded blob store against the contract, and what it does with the remains of writes that never finished. */

import { mkdtempSync, readdirSync, rmSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../clock.js";
import { describeBlobStore } from "../../ports/blob-store.contract.js";
import type { BlobStore } from "../../ports/blob-store.js";
import { openEmbeddedBlobStore } from "./embedded.js";

const log = { warn: () => undefined };

describeBlobStore("embedded blob store", async () => {
  const directory = mkdtempSync(path.join(os.tmpdir(), "blob-store-"));
  const opened: BlobStore[] = [];
  return {
    async open() {
      const store = await openEmbeddedBlobStore({ directory, clock: systemClock, log });
      opened.push(store);
      return store;
    },
    async dispose() {
      for (const store of opened) await store.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
});

describe("embedded blob store", () => {
  const directories: string[] = [];
  const stores: BlobStore[] = [];
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
    for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
  });

  function temporary(): string {
    const directory = mkdtempSync(path.join(os.tmpdir(), "blob-store-"));
    directories.push(directory);
    return directory;
  }

  async function start(directory: string) {
    const warnings: unknown[] = [];
    const warn = (fields: unknown): void => void warnings.push(fields);
    const store = await openEmbeddedBlobStore({ directory, clock: systemClock, log: { warn } });
    stores.push(store);
    return { store, warnings };
  }

  it("keeps bodies over a restart, and no file that nothing names", async () => {
    const directory = temporary();
    const { store } = await start(directory);
    const first = await store.putIfAbsent("a/large", Buffer.alloc(100_000, 1));
    await store.putIfMatch("a/large", Buffer.alloc(100_000, 2), first.status === "stored" ? first.etag : "");
    await store.putIfAbsent("a/small", Buffer.from("x"));
    await store.putIfAbsent("a/gone", Buffer.alloc(100_000, 3));
    await store.delete("a/gone");
    await store.close();
    const again = await start(directory);
    expect((await again.store.get("a/large"))?.body[0]).toBe(2);
    expect((await again.store.get("a/small"))?.body.toString()).toBe("x");
    expect(readdirSync(path.join(directory, "bodies"))).toHaveLength(1);
  });

  it("removes old remains of unfinished writes, but not those of a write in flight", async () => {
    const directory = temporary();
    const { store } = await start(directory);
    await store.putIfAbsent("a/large", Buffer.alloc(100_000, 1));
    await store.close();
    const bodies = path.join(directory, "bodies");
    const hourAgo = new Date(Date.now() - 3_700_000);
    for (const name of ["torn.tmp", "unnamed"]) {
      writeFileSync(path.join(bodies, name), "x");
      utimesSync(path.join(bodies, name), hourAgo, hourAgo);
    }
    writeFileSync(path.join(bodies, "in-flight.tmp"), "x");
    const again = await start(directory);
    expect(again.warnings).toEqual([{ files: 2 }]);
    expect((await again.store.get("a/large"))?.body).toHaveLength(100_000);
    expect(await readdir(bodies)).toHaveLength(2);
    expect(await readdir(bodies)).toContain("in-flight.tmp");
  });

  it("says that a body is damaged instead of serving it", async () => {
    const directory = temporary();
    const { store } = await start(directory);
    await store.putIfAbsent("a/large", Buffer.alloc(100_000, 1));
    const [name] = await readdir(path.join(directory, "bodies"));
    const file = path.join(directory, "bodies", name ?? "");
    const body = await readFile(file);
    body[5_000] = 9;
    await writeFile(file, body);
    await expect(store.get("a/large")).rejects.toMatchObject({ name: "BlobStoreError", reason: "damaged" });
  });

  it("refuses to open damaged files rather than begin anew", async () => {
    const directory = temporary();
    const { store } = await start(directory);
    for (let index = 0; index < 50; index += 1) await store.putIfAbsent(`a/${index}`, Buffer.alloc(10_000));
    await store.close();
    truncateSync(path.join(directory, "data.mdb"), 20_000);
    await expect(start(directory)).rejects.toMatchObject({
      reason: "damaged",
      message: /restore it from a backup/,
    });
  });
});
