/** What the engine acknowledged is there after a kill, whether its table is read from a saved one or made anew. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { Engine } from "../src/engine/engine.js";
import { type JsonObject, writeJson } from "../src/engine/json.js";
import { NEWEST_ID, rowOf, stateAfter } from "./engine-history.js";
import { runs } from "./long-runs.js";

const ROUNDS = runs(4);
const writer = fileURLToPath(new URL("./engine-writer.ts", import.meta.url));

describe("an engine that is killed while it writes and saves tables", () => {
  const children: ChildProcess[] = [];
  const directory = mkdtempSync(path.join(os.tmpdir(), "engine-kill-"));
  afterEach(() => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  });

  /** Lets the writer acknowledge something and a while longer, then kills it. Gives the last acknowledged write. */
  async function killedRound(first: number): Promise<number> {
    const child = spawn(process.execPath, ["--import", "tsx", writer, directory, String(first)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(child);
    const exit = once(child, "exit");
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString("latin1");
    });
    await once(child.stdout, "data");
    setTimeout(() => child.kill("SIGKILL"), 20 + Math.random() * 400);
    expect((await exit)[1]).toBe("SIGKILL");
    return Number(output.slice(0, output.lastIndexOf("\n")).split("\n").at(-1));
  }

  const ask = (engine: Engine, body: JsonObject) =>
    JSON.parse(writeJson(engine.query("w", { limit: 10_000, ...body }).rows ?? null)) as JsonObject[];

  /** Holds the namespace, every index of it, against what the history says; gives the newest write. */
  function checkedNewest(engine: Engine, acknowledged: number): number {
    const rows = ask(engine, { rank_by: ["id", "asc"], include_attributes: true });
    const newest = Number(rows.find(({ id }) => id === NEWEST_ID)?.n);
    expect([acknowledged, acknowledged + 1]).toContain(newest);
    const expected = [...stateAfter(newest)].sort(([a], [b]) => a - b);
    expect(rows).toEqual(expected.map(([id, write]) => rowOf(id, write)));
    const ids = (found: JsonObject[]) => found.map(({ id }) => Number(id)).sort((a, b) => a - b);
    const idsWhere = (passes: (id: number, write: number) => boolean) =>
      expected.filter(([id, write]) => passes(id, write)).map(([id]) => id);
    expect(ids(ask(engine, { filters: ["tag", "Eq", "t2"] }))).toEqual(
      idsWhere((_, write) => write % 5 === 2),
    );
    expect(ids(ask(engine, { rank_by: ["text", "BM25", "word7"] }))).toEqual(idsWhere((id) => id % 50 === 7));
    expect(ask(engine, { rank_by: ["vector", "ANN", [NEWEST_ID, newest]], limit: 1 })).toMatchObject([
      { id: NEWEST_ID, $dist: 0 },
    ]);
    return newest;
  }

  it(
    `loses nothing acknowledged over ${ROUNDS} kills`,
    async () => {
      let newest = 0;
      let restored = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const acknowledged = await killedRound(newest + 1);
        const notices: string[] = [];
        const notice = (message: string) => notices.push(message);
        let engine = Engine.open({ dataDirectory: directory, notice });
        restored += readdirSync(path.join(directory, "snapshots")).length;
        newest = checkedNewest(engine, acknowledged);
        // A kill leaves nothing that would have to be doubted.
        expect(notices).toEqual([]);
        await engine.close({ saveMs: 0 });
        if (round % 3 !== 0) continue;
        rmSync(path.join(directory, "snapshots"), { recursive: true });
        engine = Engine.open({ dataDirectory: directory });
        expect(checkedNewest(engine, newest)).toBe(newest);
        await engine.close({ saveMs: 0 });
      }
      expect(restored).toBeGreaterThan(0);
    },
    30_000 + ROUNDS * 10_000,
  );
});
