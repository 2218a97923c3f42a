import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Database, open as openLmdb } from "lmdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Engine, type EngineOptions } from "../engine.js";
import type { JsonObject } from "../json.js";
import { FrameWriter } from "../table/frames.js";

let dataDirectory: string;
let engine: Engine;
let notices: string[];
let clock: number;

beforeEach(() => {
  dataDirectory = mkdtempSync(join(tmpdir(), "engine-snapshots-"));
  notices = [];
  clock = 1_700_000_000_000;
  engine = open();
});
afterEach(async () => {
  await engine.close();
  rmSync(dataDirectory, { recursive: true, force: true });
});

function open(options: Partial<EngineOptions> = {}): Engine {
  return Engine.open({
    dataDirectory,
    now: () => clock,
    notice: (message) => notices.push(message),
    ...options,
  });
}

/** Ends the engine without saving anything, as a kill would. */
async function reopen(options?: Partial<EngineOptions>): Promise<void> {
  await engine.close({ saveMs: 0 });
  engine = open(options);
}

const files = () => readdirSync(join(dataDirectory, "snapshots"));
const pathOf = (file: string | undefined) => join(dataDirectory, "snapshots", String(file));

const ROWS = 3_000;
const rowOf = (id: number, n: number): JsonObject => ({
  id,
  n,
  tag: `t${n % 5}`,
  text: `word${id} gen${n}`,
  vector: [id, n],
});
const SCHEMA = { text: { type: "string", full_text_search: true } };

function write(ids: readonly number[], n: number): void {
  engine.write("a", {
    upsert_rows: ids.map((id) => rowOf(id, n)),
    distance_metric: "euclidean_squared",
    schema: SCHEMA,
  });
}
const upTo = (count: number) => Array.from({ length: count }, (_, id) => id);

/** Saves every table that is due, however long it takes. */
function tidy(idleMs = 0): number {
  let steps = 0;
  while (engine.tidy(idleMs)) steps++;
  return steps;
}

/** What a namespace answers, over every index it has. */
function answers(): string[] {
  const ask = (body: JsonObject) => JSON.stringify(engine.query("a", { limit: 10_000, ...body }).rows);
  return [
    ask({ include_attributes: true }),
    ask({ filters: ["tag", "Eq", "t2"] }),
    ask({ rank_by: ["text", "BM25", "gen2 word7"] }),
    ask({ rank_by: ["vector", "ANN", [7, 1]] }),
    ask({ rank_by: ["n", "desc"], filters: ["n", "Gte", 2] }),
  ];
}

/** Changes a sub-database of the store behind the engine's back. */
async function tamper(name: string, change: (database: Database) => void): Promise<void> {
  const root = openLmdb({ path: join(dataDirectory, "engine.mdb"), maxDbs: 8 });
  change(root.openDB({ name, encoding: "binary", keyEncoding: "binary" }));
  await root.close();
}

describe("a saved table", () => {
  it("is what an opening starts from instead of the rows", async () => {
    write(upTo(ROWS), 1);
    write([3, 7, 9], 2);
    const before = answers();
    expect(files()).toEqual([]);
    expect(tidy()).toBeGreaterThan(0);
    expect(files()).toHaveLength(1);
    await engine.close();
    await tamper("rows", (rows) => rows.clearSync());
    engine = open();
    expect(answers()).toEqual(before);
    expect(notices).toEqual([]);
  });

  it("stays good while few documents change: they are put right at opening", async () => {
    write(upTo(ROWS), 1);
    tidy();
    const [file] = files();
    write([3, 4_000], 2);
    engine.write("a", { deletes: [5], patch_rows: [{ id: 7, n: 9 }] });
    engine.write("a", { delete_by_filter: ["id", "In", [11, 4_000]] });
    engine.updateMetadata("a", { pinning: true });
    const before = answers();
    expect(tidy()).toBe(0);
    await reopen();
    expect(answers()).toEqual(before);
    write([3], 3);
    const later = answers();
    await reopen();
    expect(answers()).toEqual(later);
    expect([files(), notices]).toEqual([[file], []]);
  });

  it("gives way to a new one once a tenth of the documents have changed", async () => {
    write(upTo(ROWS), 1);
    tidy();
    const [file] = files();
    for (let n = 2; n < 7; n++) write(upTo(200), n);
    const before = answers();
    expect(files()).toEqual([file]);
    tidy();
    expect(files()).toHaveLength(1);
    expect(files()).not.toContain(file);
    await reopen();
    expect(answers()).toEqual(before);
  });

  it("is forgotten when the schema changes, most documents do, or the namespace is deleted", async () => {
    const changes: [string, () => void][] = [
      ["a new attribute", () => engine.write("a", { patch_rows: [{ id: 1, more: true }] })],
      ["another index", () => engine.updateSchema("a", { tag: { type: "string", full_text_search: true } })],
      ["most documents", () => write(upTo(ROWS), 5)],
      ["deletion", () => engine.delete("a")],
    ];
    for (const [what, change] of changes) {
      write(upTo(ROWS), 1);
      tidy();
      expect(files(), what).toHaveLength(1);
      change();
      expect(files(), what).toEqual([]);
      if (what === "deletion") continue;
      const before = answers();
      await reopen();
      expect(answers(), what).toEqual(before);
    }
  });

  it.each<[string, (file: string) => void, RegExp]>([
    [
      "a byte of it changed",
      (file) => change(file, (bytes) => bytes.fill(~(bytes[5_000] ?? 0), 5_000, 5_001)),
      /checksum/,
    ],
    [
      "it ends early",
      (file) => change(file, (bytes) => bytes.subarray(0, bytes.length - 9)),
      /ends too early/,
    ],
    ["it is not there", (file) => rmSync(file), /ENOENT/],
    ["another version made it", (file) => writeHead(file, { madeBy: "0" }), /another version/],
  ])("is made anew from the rows when %s", async (_, spoil, reason) => {
    write(upTo(ROWS), 1);
    const before = answers();
    await engine.close();
    spoil(pathOf(files()[0]));
    engine = open();
    expect(answers()).toEqual(before);
    expect(notices).toEqual([expect.stringMatching(/^the saved table of namespace a is made anew: /)]);
    expect(notices[0]).toMatch(reason);
    tidy();
    await reopen();
    expect(answers()).toEqual(before);
    expect(notices).toHaveLength(1);
  });

  it("is made anew when not every change since was noted", async () => {
    write(upTo(ROWS), 1);
    tidy();
    write([3], 2);
    write([3], 4);
    const before = answers();
    await engine.close();
    await tamper("journal", (journal) => journal.removeSync([...journal.getKeys({})][0] as Buffer));
    engine = open();
    expect(answers()).toEqual(before);
    expect(notices).toEqual([expect.stringContaining("behind the documents")]);
  });

  it("is not taken for that of an older store put back in its place", async () => {
    write(upTo(ROWS), 1);
    tidy();
    await engine.close();
    const backup = join(dataDirectory, "backup");
    copyFileSync(join(dataDirectory, "engine.mdb"), backup);
    engine = open();
    const before = answers();
    for (let n = 2; n < 7; n++) write(upTo(200), n);
    await engine.close();
    copyFileSync(backup, join(dataDirectory, "engine.mdb"));
    engine = open();
    expect(files()).toEqual([]);
    expect(answers()).toEqual(before);
  });
});

describe("saving", () => {
  it("waits until a namespace has been left alone", () => {
    write(upTo(ROWS), 1);
    clock += 1_999;
    expect(engine.tidy(2_000)).toBe(false);
    clock += 1;
    expect(tidy(2_000)).toBeGreaterThan(0);
    expect(files()).toHaveLength(1);
  });

  it("leaves small namespaces alone", () => {
    write(upTo(900), 1);
    expect(engine.tidy(0)).toBe(false);
  });

  it("is given up for a write in between, and the earlier table stays in force", async () => {
    write(upTo(ROWS), 1);
    tidy();
    const [file] = files();
    for (let n = 2; n < 7; n++) write(upTo(200), n);
    expect(engine.tidy(0, 0)).toBe(true);
    expect(files()).toHaveLength(2);
    write([1], 9);
    const before = answers();
    expect(engine.tidy(0)).toBe(true);
    expect(files()).toEqual([file]);
    await reopen();
    expect(answers()).toEqual(before);
  });

  it("is given up when its namespace is deleted meanwhile", () => {
    write(upTo(ROWS), 1);
    expect(engine.tidy(0, 0)).toBe(true);
    expect(files()).toHaveLength(1);
    engine.delete("a");
    write([1], 1);
    expect(engine.tidy(0)).toBe(true);
    expect(engine.tidy(0)).toBe(false);
    expect(files()).toEqual([]);
  });

  it("may be cut off after any step: the opening sweeps up and has every row", async () => {
    write(upTo(ROWS), 1);
    const before = answers();
    for (let steps = 1; ; steps++) {
      for (let step = 0; step < steps; step++) engine.tidy(0, 0);
      if (files().every((file) => !file.endsWith(".part"))) break;
      await reopen();
      expect(files()).toEqual([]);
      expect(answers()).toEqual(before);
    }
    const [file] = files();
    writeFileSync(pathOf("whole, but never named by the store"), "");
    await reopen();
    expect([files(), notices]).toEqual([[file], []]);
    expect(answers()).toEqual(before);
  });

  it("is tried again later when the file cannot be written, and the engine goes on", async () => {
    const taken = "token";
    await reopen({ newToken: () => taken });
    write(upTo(ROWS), 1);
    writeFileSync(pathOf(`${taken}.part`), "");
    expect(engine.tidy(0)).toBe(false);
    expect(notices).toEqual([expect.stringMatching(/^the table of namespace a could not be saved: EEXIST/)]);
    clock += 59_999;
    expect(engine.tidy(0)).toBe(false);
    clock += 1;
    expect(tidy()).toBeGreaterThan(0);
    expect(files()).toEqual([taken]);
  });
});

function change(file: string, change: (bytes: Buffer) => Buffer): void {
  writeFileSync(file, change(readFileSync(file)));
}

function writeHead(file: string, head: JsonObject): void {
  const fd = openSync(file, "w");
  new FrameWriter(fd).putJson(head);
  closeSync(fd);
}
