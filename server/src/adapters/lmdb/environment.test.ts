import { spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { isInTransaction, openBytes, openEnvironment } from "./environment.js";

const VALUE = Buffer.from("1");

const directories: string[] = [];

afterEach(async () => {
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true, force: true });
});

async function directory(): Promise<string> {
  const made = await mkdtemp(path.join(tmpdir(), "lmdb-environment-"));
  directories.push(made);
  return made;
}

describe("files of lmdb", () => {
  const isRoot = process.getuid?.() === 0;
  it.skipIf(isRoot).each(["data.mdb", "lock.mdb"])(
    `that may not be written are named: %s${isRoot ? " (skipped: root may write everywhere)" : ""}`,
    async (name) => {
      const here = await directory();
      await openEnvironment(here).close();
      await chmod(path.join(here, name), 0o400);
      expect(() => openEnvironment(here)).toThrow(
        `EACCES: permission denied, access '${path.join(here, name)}'`,
      );
    },
  );

  it.each(["data.mdb", "lock.mdb"])("are named where a directory stands in their place: %s", async (name) => {
    const here = await directory();
    await mkdir(path.join(here, name));
    expect(() => openEnvironment(here)).toThrow(
      `EISDIR: a directory stands where a file belongs, '${path.join(here, name)}'`,
    );
  });
});

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

describe("commits", () => {
  /** What a process that opens the files does when it reads them just before this one commits. */
  function setBack(here: string): void {
    const script = `
      const fs = require("node:fs");
      const lock = fs.openSync(process.argv[1], "r+");
      const last = Buffer.alloc(8);
      fs.readSync(lock, last, 0, 8, 8);
      last.writeBigUInt64LE(last.readBigUInt64LE() - 1n);
      fs.writeSync(lock, last, 0, 8, 8);`;
    const { status, stderr } = spawnSync(process.execPath, ["-e", script, path.join(here, "lock.mdb")]);
    expect(status, String(stderr)).toBe(0);
  }

  it("build on the newest one after another process has set lmdb back", async () => {
    const here = await directory();
    const environment = openEnvironment(here);
    const entries = openBytes(environment, "entries");
    for (const key of ["a", "b"]) await environment.transaction(() => entries.put(Buffer.from(key), VALUE));
    setBack(here);
    let runs = 0;
    await environment.transaction(() => {
      runs += 1;
      return entries.put(Buffer.from("c"), VALUE);
    });
    expect(runs).toBe(1);
    expect([...entries.getKeys({})].map(String)).toEqual(["a", "b", "c"]);
    await environment.close();

    const again = openEnvironment(here);
    expect([...openBytes(again, "entries").getKeys({})].map(String)).toEqual(["a", "b", "c"]);
    await again.close();
  });

  it("that make a database do so too", async () => {
    const here = await directory();
    const environment = openEnvironment(here);
    const first = openBytes(environment, "first");
    await environment.transaction(() => first.put(Buffer.from("a"), VALUE));
    setBack(here);
    const second = openBytes(environment, "second");
    await environment.transaction(() => second.put(Buffer.from("b"), VALUE));
    expect([first.get(Buffer.from("a")), second.get(Buffer.from("b"))]).toEqual([VALUE, VALUE]);
    await environment.close();
  });

  it("are kept in order by the handle that stays when another of this process is closed", async () => {
    const here = await directory();
    const [environment, other] = [openEnvironment(here), openEnvironment(here)];
    const entries = openBytes(environment, "entries");
    await environment.transaction(() => entries.put(Buffer.from("a"), VALUE));
    await other.close();
    setBack(here);
    await environment.transaction(() => entries.put(Buffer.from("b"), VALUE));
    expect([...entries.getKeys({})].map(String)).toEqual(["a", "b"]);
    await environment.close();
  });

  it("end with an error when lock.mdb is not as lmdb writes it", async () => {
    const here = await directory();
    const environment = openEnvironment(here);
    const entries = openBytes(environment, "entries");
    await environment.transaction(() => entries.put(Buffer.from("a"), VALUE));
    setBack(here);
    await writeFile(path.join(here, "lock.mdb"), Buffer.alloc(8), { flag: "r+" });
    await expect(environment.transaction(() => entries.put(Buffer.from("b"), VALUE))).rejects.toThrow(
      /lock\.mdb has another form/,
    );
  });
});
