/** Embedded stores whose files cannot grow, as on a full disk: a limit on the size of files, which any user may set. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openEmbeddedBlobStore } from "../src/adapters/blobs/embedded.js";
import { openEmbeddedQueueStore } from "../src/adapters/queues/embedded.js";
import { systemClock as clock } from "../src/clock.js";

const WRITER = fileURLToPath(new URL("./full-disk-writer.ts", import.meta.url));
/** Of `ulimit -f`: 4 MiB where a unit is 512 bytes, 8 MiB where it is 1,024. */
const LIMIT = "8192";
const log = { warn() {} };

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "hevlayer-full-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

interface Report {
  readonly written: number;
  readonly failures: readonly string[];
  readonly again?: string;
}

/** What the writer reports; it must live to do so. */
async function fill(kind: string): Promise<Report> {
  const command = [process.execPath, "--import", "tsx", WRITER, directory, kind];
  const writer = spawn("sh", ["-c", `ulimit -f ${LIMIT} && exec "$@"`, "sh", ...command], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  writer.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  writer.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const [status] = await once(writer, "close");
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Report;
}

describe("a full disk", { timeout: 60_000 }, () => {
  it("fails writes of blobs, keeps those that were acknowledged and no part of others, and takes more when there is room", async () => {
    const { written, failures, again } = await fill("blobs");
    expect(written).toBeGreaterThan(20);
    expect(failures).toHaveLength(4);
    for (const failure of failures)
      expect(failure).toMatch(/^BlobStoreError unavailable: blob put .+ failed \((EFBIG|EIO)\)$/);
    expect(again).toBe("stored");
    expect(await readdir(path.join(directory, "bodies"))).toEqual([]);

    const store = await openEmbeddedBlobStore({ directory, clock, log });
    for (let number = 20; number < written; number += 1) {
      const { body } = (await store.get(`k/${number}`)) ?? {};
      expect(Buffer.from(body ?? []).equals(Buffer.alloc(60_000, number)), `blob ${number}`).toBe(true);
    }
    await store.close();
  });

  it("fails what a queue is given, whole, and takes more when there is room", async () => {
    const { written, failures, again } = await fill("queue");
    expect(written).toBeGreaterThan(3);
    for (const failure of failures)
      expect(failure).toMatch(
        /^QueueStoreError unavailable: queue enqueue could not be written \((EFBIG|EIO)\)$/,
      );
    expect(again).toBe("stored");

    const store = openEmbeddedQueueStore({ directory, clock });
    expect((await store.counts("q")).stages).toEqual({ a: 200 });
    await store.close();
  });

  it("fails writes of the document cache, but not the change of an epoch that fits", async () => {
    const { written, failures } = await fill("cache");
    expect(written).toBeGreaterThan(20);
    for (const failure of failures)
      expect(failure).toBe("CacheUnavailable failed: document cache put failed");
  });
});
