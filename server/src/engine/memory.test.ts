import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { memoryByKind } from "../../bench/engine/memory.js";
import { Engine } from "./engine.js";
import type { JsonObject } from "./json.js";
import { LIMITS } from "./limits.js";

let dataDirectory: string;
let engine: Engine;
beforeEach(() => {
  dataDirectory = mkdtempSync(join(tmpdir(), "engine-memory-"));
});
afterEach(async () => {
  await engine.close();
  rmSync(dataDirectory, { recursive: true, force: true });
});

const open = (heapBytes: number) => {
  engine = Engine.open({ dataDirectory, heapBytes });
};
const rows = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i): JsonObject => ({ id: from + i, s: `text ${i % 7}` }));
const count = (name: string) =>
  (engine.query(name, { aggregate_by: { c: ["Count"] } }).aggregations as JsonObject).c;

describe("the memory of tables", () => {
  it("holds as many namespaces as fit; the others are read again when they are asked for", () => {
    // A row takes about 200 of them, so that two namespaces of 1,000 fit and three do not.
    open(1_000_000);
    for (const name of ["a", "b", "c", "d"]) engine.write(name, { upsert_rows: rows(1_000) });
    for (let round = 0; round < 3; round++) {
      for (const name of ["a", "b", "c", "d"]) {
        engine.write(name, { upsert_rows: [{ id: 5_000 + round, s: name }] });
        expect(count(name)).toBe(1_001 + round);
        expect(engine.query(name, { limit: 10, filters: ["s", "Eq", name] }).rows).toHaveLength(round + 1);
      }
    }
    expect(engine.tablesInMemory).toBeLessThan(4);
    expect(engine.tablesInMemory).toBeGreaterThan(0);
  });

  it("refuses what makes a namespace larger than it may be, and nothing is written", async () => {
    open(1_000_000);
    engine.write("a", { upsert_rows: rows(1_200) });
    engine.write("a", { upsert_rows: rows(800, 1_200) });
    engine.write("a", { upsert_rows: rows(500, 2_000) });
    engine.write("a", { upsert_rows: rows(300, 2_500) });
    expect(() => engine.write("a", { upsert_rows: rows(500, 2_800) })).toThrow(
      /^namespace 'a' would take about \d+ bytes of memory, limit is 600000: keep less in it/,
    );
    expect(count("a")).toBe(2_800);
    await engine.close();
    open(10_000_000);
    expect(count("a")).toBe(2_800);
    engine.write("a", { upsert_rows: rows(500, 2_800) });
    await engine.close();
    // Whoever takes memory away is told, and no other namespace suffers.
    open(500_000);
    expect(() => count("a")).toThrow("namespace 'a' would take about");
    engine.write("b", { upsert_rows: rows(10) });
    expect(count("b")).toBe(10);
  });

  it("refuses a write that takes more to be worked on than there is, and forgets its namespace", () => {
    open(1_000_000);
    expect(() => engine.write("a", { upsert_rows: rows(2_000) })).toThrow(
      /^write would take about \d+ bytes/,
    );
    expect(() => count("a")).toThrow("was not found");
    expect(engine.tablesInMemory).toBe(0);
    for (let from = 0; from < 2_000; from += 500) engine.write("a", { upsert_rows: rows(500, from) });
    expect(count("a")).toBe(2_000);
  });

  it("lets go of namespaces that are deleted", () => {
    open(1_000_000);
    for (let i = 0; i < 20; i++) {
      engine.write(`n${i}`, { upsert_rows: rows(200) });
      engine.delete(`n${i}`);
    }
    expect(engine.tablesInMemory).toBe(0);
  });
});

describe("documents of one request", () => {
  it("are counted before they are looked at", () => {
    open(4_000_000_000);
    const ids = new Array<number>(LIMITS.documentsPerWrite + 1).fill(1);
    expect(() => engine.write("a", { deletes: ids })).toThrow(
      `deletes has too many documents: ${ids.length}`,
    );
    expect(() => engine.write("a", { upsert_columns: { id: ids } })).toThrow(
      "upsert_columns.id has too many",
    );
    engine.write("a", { upsert_rows: rows(1) });
    expect(() => engine.query("a", { limit: 1, filters: ["id", "In", ids] })).toThrow(
      "a list of 5000001 values",
    );
  });
});

describe("the documented estimate of a table's heap", () => {
  it("is not below what the heap says, and not far above", () => {
    open(1_000_000);
    for (const { name, heapMegabytes, estimatedMegabytes } of memoryByKind(20_000)) {
      expect(estimatedMegabytes, name).toBeGreaterThan(heapMegabytes * 0.8);
      expect(estimatedMegabytes, name).toBeLessThan(heapMegabytes * 4 + 32);
    }
  }, 60_000);
});
