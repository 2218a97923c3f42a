/** Embedded files that some processes write while others open them. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openBytes, openEnvironment } from "../src/adapters/lmdb/environment.js";
import { environmentDamage } from "../src/adapters/lmdb/meta-pages.js";

const OPENER = fileURLToPath(new URL("./lmdb-opener.ts", import.meta.url));
/** Without the order of commits, files broke within some hundred writes. */
const WRITES = 3_000;
const KEYS = 200;

let directory: string;
let openers: ChildProcess[];
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "hevlayer-openers-"));
  openers = [1, 2, 3].map(() =>
    spawn(process.execPath, ["--import", "tsx", OPENER, directory], {
      stdio: ["ignore", "ignore", "inherit"],
    }),
  );
});
afterEach(async () => {
  for (const opener of openers) {
    if (opener.exitCode !== null) continue;
    opener.kill("SIGKILL");
    await once(opener, "exit");
  }
  await rm(directory, { recursive: true, force: true });
});

it("loses no write and takes no growing file for a damaged one", { timeout: 60_000 }, async () => {
  const environment = openEnvironment(directory);
  const entries = openBytes(environment, "entries");
  const key = (number: number) => Buffer.from(String(number % KEYS));
  // Longer by and by, so that the file grows.
  const value = (number: number) => Buffer.alloc(number, String(number));
  for (let number = 0; number < WRITES; number += 1) {
    await environment.transaction(() => entries.put(key(number), value(number)));
    if (number >= KEYS) {
      const earlier = number - KEYS + 1;
      expect(entries.get(key(earlier))?.equals(value(earlier)), `write ${earlier}`).toBe(true);
    }
    expect(environmentDamage(directory)).toBeUndefined();
  }
  expect(openers.map(({ exitCode }) => exitCode)).toEqual([null, null, null]);
  await environment.close();
});
