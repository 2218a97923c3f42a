import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "lmdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Engine } from "../engine.js";
import type { JsonObject } from "../json.js";
import { DirectoryLock } from "./directory-lock.js";
import { FORMAT_VERSION, Store } from "./store.js";

let dataDirectory: string;
beforeEach(() => {
  dataDirectory = mkdtempSync(join(tmpdir(), "engine-store-"));
});
afterEach(() => rmSync(dataDirectory, { recursive: true, force: true }));

const rows = (engine: Engine, namespace: string) =>
  (engine.query(namespace, { limit: 100, include_attributes: true }).rows as JsonObject[]).map((row) => ({
    ...row,
  }));

async function reopened(engine: Engine): Promise<Engine> {
  await engine.close();
  return Engine.open({ dataDirectory });
}

describe("what survives a restart", () => {
  it("keeps every type of value, the schema, and the metadata", async () => {
    let engine = Engine.open({ dataDirectory, now: () => 1_700_000_000_000 });
    engine.write("a", {
      schema: {
        id: "string",
        at: "datetime",
        ref: "uuid",
        sparse: { type: "{}f16", sparse_knn: { distance_metric: "dot_product" } },
        half: { type: "[2]f16", ann: true },
        text: { type: "string", full_text_search: { stemming: true } },
      },
      distance_metric: "cosine_distance",
      upsert_rows: [
        {
          id: "ключ",
          at: "2026-05-30",
          ref: "F47AC10B-58CC-4372-A567-0E02B2C3D479",
          sparse: { "1": 0.5 },
          half: [0.1, 1],
          vector: [0.1, 0.2, 0.3],
          text: "jumping foxes",
          big: 9223372036854775807n,
          float: 1.5,
          flag: false,
          list: ["a", "b"],
        },
      ],
    });
    engine.updateMetadata("a", { pinning: { replicas: 2 } });
    const before = [rows(engine, "a"), engine.schema("a"), engine.metadata("a", false)];
    engine = await reopened(engine);
    expect([rows(engine, "a"), engine.schema("a"), engine.metadata("a", false)]).toEqual(before);
    const found = engine.query("a", { rank_by: ["text", "BM25", "jump fox"], limit: 1 });
    expect(found.rows).toHaveLength(1);
    await engine.close();
  });

  it("forgets what was deleted, dropped or never acknowledged", async () => {
    let engine = Engine.open({ dataDirectory });
    engine.write("gone", { upsert_rows: [{ id: 1, a: "old" }] });
    engine.delete("gone");
    engine.write("gone", { upsert_rows: [{ id: 2, a: 5 }] });
    engine.write("kept", { upsert_rows: [{ id: 1, a: "text", b: 1 }] });
    engine.write("kept", { schema: { a: { drop: true } } });
    engine.write("kept", { upsert_rows: [{ id: 2, a: 7 }] });
    engine = await reopened(engine);
    expect(rows(engine, "gone")).toEqual([{ id: 2, a: 5 }]);
    expect(rows(engine, "kept")).toEqual([
      { id: 1, b: 1 },
      { id: 2, a: 7 },
    ]);
    await engine.close();
  });

  it("keeps copies and branches apart from their source", async () => {
    let engine = Engine.open({ dataDirectory });
    engine.write("source", { upsert_rows: [{ id: 1, a: 1 }] });
    engine.write("copy", { copy_from_namespace: "source" });
    engine.write("branch", { branch_from_namespace: "source" });
    engine.delete("source");
    engine = await reopened(engine);
    expect(rows(engine, "copy")).toEqual([{ id: 1, a: 1 }]);
    expect(rows(engine, "branch")).toEqual([{ id: 1, a: 1 }]);
    expect(engine.metadata("branch", false).branching).toEqual({ parent: "source" });
    await engine.close();
  });
});

describe("a store that cannot be used", () => {
  it("refuses a newer format and says what to do", async () => {
    await Store.open(dataDirectory).close();
    const root = open<string, string>({
      path: join(dataDirectory, "engine.mdb"),
      encoding: "string",
      maxDbs: 4,
    });
    root.putSync("format", String(FORMAT_VERSION + 1));
    await root.close();
    expect(() => Store.open(dataDirectory)).toThrow(
      /has format 3, this version reads up to 2: use a newer version or another directory/,
    );
  });

  it.each<[string, (path: string) => void, string]>([
    ["cut off", (path) => truncateSync(path, statSync(path).size / 2), "it holds "],
    ["of another kind", (path) => writeFileSync(path, Buffer.alloc(100_000, "x")), "it is no file of lmdb's"],
    ["shorter than its first page", (path) => truncateSync(path, 100), "it is no file of lmdb's"],
  ])("refuses a file that is %s instead of dying of it", async (_, damage, reason) => {
    const engine = Engine.open({ dataDirectory });
    engine.write("a", {
      upsert_rows: Array.from({ length: 1_000 }, (_, id) => ({ id, t: "x".repeat(500) })),
    });
    await engine.close();
    damage(join(dataDirectory, "engine.mdb"));
    expect(() => Store.open(dataDirectory)).toThrow(
      new RegExp(
        `^data directory .* has a damaged engine.mdb, ${reason}.*: put back a backup or use another`,
      ),
    );
  });

  it("makes a store of an empty file", async () => {
    writeFileSync(join(dataDirectory, "engine.mdb"), "");
    await Store.open(dataDirectory).close();
  });

  it("takes over a directory of format 1, which knew nothing of saved tables", async () => {
    let engine = Engine.open({ dataDirectory });
    const upsert_rows = Array.from({ length: 3_000 }, (_, id) => ({ id, n: id % 7 }));
    engine.write("a", { upsert_rows });
    await engine.close({ saveMs: 0 });
    const root = open<string, string>({
      path: join(dataDirectory, "engine.mdb"),
      encoding: "string",
      maxDbs: 8,
    });
    root.putSync("format", "1");
    const records = root.openDB<string, string>({ name: "namespaces", encoding: "string" });
    const { commit, ...record } = JSON.parse(records.get("a") ?? "{}") as { commit?: number };
    expect(commit).toBe(1);
    records.putSync("a", JSON.stringify(record));
    for (const name of ["saved-tables", "journal"]) root.openDB({ name }).dropSync();
    await root.close();
    rmSync(join(dataDirectory, "snapshots"), { recursive: true });

    engine = Engine.open({ dataDirectory });
    expect(rows(engine, "a")).toHaveLength(100);
    engine.write("a", { deletes: [0], upsert_rows: [{ id: 7, n: -1 }] });
    engine = await reopened(engine);
    expect(engine.query("a", { aggregate_by: { c: ["Count"] } }).aggregations).toEqual({ c: 2_999 });
    expect(engine.query("a", { limit: 1, filters: ["n", "Eq", -1] }).rows).toMatchObject([{ id: 7 }]);
    engine = await reopened(engine);
    expect(engine.query("a", { limit: 1, filters: ["n", "Eq", -1] }).rows).toMatchObject([{ id: 7 }]);
    await engine.close();
  });

  it("answers 503 when the disk is full, applies nothing, and goes on reading", () => {
    const script = `
      import { Engine } from ${JSON.stringify(new URL("../engine.ts", import.meta.url).href)};
      const engine = Engine.open({ dataDirectory: process.argv[1] });
      const count = () => engine.query("a", { aggregate_by: { c: ["Count"] } }).aggregations.c;
      for (let batch = 0; batch < 500; batch++) {
        const upsert_rows = Array.from({ length: 50 }, (_, i) => ({ id: batch * 50 + i, t: "x".repeat(2000) }));
        try { engine.write("a", { upsert_rows }); }
        catch (error) { console.log(JSON.stringify({ status: error.status, batch, count: count() })); break; }
      }
      process.exit(0);`;
    // A limit on file size fails writes as a full disk does, without filling one.
    const run = spawnSync(
      "sh",
      [
        "-c",
        'ulimit -f 6000; exec "$0" --import tsx --input-type=module -e "$1" "$2"',
        process.execPath,
        script,
        dataDirectory,
      ],
      { encoding: "utf8", timeout: 60_000 },
    );
    const said = JSON.parse(run.stdout) as { status: number; batch: number; count: number };
    expect(said.status).toBe(503);
    expect(said.count).toBe(said.batch * 50);
    const engine = Engine.open({ dataDirectory });
    expect(engine.query("a", { aggregate_by: { c: ["Count"] } }).aggregations).toEqual({ c: said.count });
    void engine.close();
  }, 90_000);
});

const withoutProc = existsSync("/proc/self/stat") ? "" : " (skipped: this system has no /proc)";

describe("the directory lock", () => {
  const path = () => join(dataDirectory, "engine.lock");
  const refused = () => DirectoryLock.acquire(dataDirectory, { waitMs: 60, pollMs: 10 });
  const taken = async () => (await DirectoryLock.acquire(dataDirectory, { waitMs: 0 })).release();

  /** Leaves a file as an owner would that is like this process but for what is given. */
  async function leaveOwner(differences: object): Promise<void> {
    const lock = await DirectoryLock.acquire(dataDirectory);
    const own = JSON.parse(readFileSync(path(), "utf8")) as object;
    await lock.release();
    writeFileSync(path(), JSON.stringify({ ...own, ...differences }));
  }

  it("is refused to a second owner, named, and free after release", async () => {
    const lock = await DirectoryLock.acquire(dataDirectory);
    await expect(refused()).rejects.toThrow(`is in use by process ${process.pid}`);
    await lock.release();
    await taken();
    expect(readdirSync(dataDirectory)).toEqual([]);
  });

  it.each([
    ["a process that is gone", { pid: 4_194_303 }],
    ["a process whose pid was given to another", { startedAt: "1" }],
  ])("passes over %s", async (_, differences) => {
    await leaveOwner(differences);
    await taken();
  });

  it("passes over a torn file", async () => {
    writeFileSync(path(), "{");
    await taken();
  });

  const unwaited = `passes over a process that has ended and that nobody waits for${withoutProc}`;
  it.skipIf(withoutProc !== "")(unwaited, async () => {
    // It ends only once the shell has become another program, which does not know of the child that the shell had.
    const script = "shell=$$; (until grep -q sleep /proc/$shell/comm; do :; done) & echo $!; exec sleep 60";
    const parent = spawn("sh", ["-c", script], { stdio: ["ignore", "pipe", "ignore"] });
    try {
      const [said] = (await once(parent.stdout, "data")) as [Buffer];
      const pid = Number(said.toString());
      const stat = () => readFileSync(`/proc/${pid}/stat`, "utf8");
      await expect.poll(stat).toContain(") Z ");
      await leaveOwner({ pid, startedAt: stat().split(" ")[21] });
      await taken();
    } finally {
      parent.kill("SIGKILL");
    }
  });

  it.each([
    ["another host", { host: "elsewhere" }],
    ["another container of this host's name", { space: "elsewhere", startedAt: "1" }],
  ])("waits for an owner on %s until its heartbeat stops", async (_, differences) => {
    await leaveOwner({ pid: 1, ...differences });
    await expect(refused()).rejects.toThrow("in use by process 1");
    utimesSync(path(), new Date(0), new Date(0));
    await taken();
  });

  it("is of one owner when several find a dead one: only the first may remove its file", async () => {
    await leaveOwner({ pid: 4_194_303 });
    const dead = readFileSync(path(), "utf8");
    const claim = createHash("sha256").update(dead).digest("hex").slice(0, 32);
    // One that is alive and on its way to remove the file.
    const own = await DirectoryLock.acquire(join(dataDirectory, "other"));
    const text = readFileSync(join(dataDirectory, "other", "engine.lock"));
    writeFileSync(`${path()}.${claim}`, text);
    await expect(refused()).rejects.toThrow(`in use by process ${process.pid}`);
    expect(readFileSync(path(), "utf8")).toBe(dead);
    rmSync(`${path()}.${claim}`);
    await taken();
    await own.release();
  });

  it("beats on while a long request holds the thread", async () => {
    const lock = await DirectoryLock.acquire(dataDirectory);
    utimesSync(path(), new Date(0), new Date(0));
    const still = new Int32Array(new SharedArrayBuffer(4));
    for (let waits = 0; waits < 100 && statSync(path()).mtimeMs === 0; waits++)
      Atomics.wait(still, 0, 0, 100);
    expect(Date.now() - statSync(path()).mtimeMs).toBeLessThan(60_000);
    await lock.release();
  }, 30_000);
});
