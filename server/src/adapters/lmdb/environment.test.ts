import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { isInTransaction, openBytes, openEnvironment } from "./environment.js";

const directories: string[] = [];

afterEach(async () => {
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true, force: true });
});

async function directory(): Promise<string> {
  const made = await mkdtemp(path.join(tmpdir(), "lmdb-environment-"));
  directories.push(made);
  return made;
}

describe("transactions of this process", () => {
  it("are known of a directory until the last is over, whatever becomes of it", async () => {
    const [here, elsewhere] = [await directory(), await directory()];
    const environment = openEnvironment(here);
    const entries = openBytes(environment, "entries");
    expect(isInTransaction(here)).toBe(false);
    const first = environment.transaction(() => entries.put(Buffer.from("a"), Buffer.from("1")));
    const second = environment.transaction(() => {
      throw new Error("no");
    });
    expect([isInTransaction(here), isInTransaction(`${here}/./`), isInTransaction(elsewhere)]).toEqual([
      true,
      true,
      false,
    ]);
    await first;
    await expect(second).rejects.toThrow("no");
    expect(isInTransaction(here)).toBe(false);
    await environment.close();
  });
});
