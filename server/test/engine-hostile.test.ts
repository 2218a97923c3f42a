/** Twenty hostile requests at once: each is answered or refused, the process lives, and its memory stays bounded. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../src/engine/json.js";
import { ENGINE_KEY, type EngineChild, forkEngine } from "./engine-child.js";

const MIB = 1024 * 1024;
/** A quarter of what Node takes on a large machine, so that what is not bounded shows. */
const HEAP_MIB = 1_024;

const directory = mkdtempSync(path.join(os.tmpdir(), "engine-hostile-"));
let engine: EngineChild;
let url: string;

async function post(where: string, body: string | Buffer, headers: Record<string, string> = {}) {
  const response = await fetch(`${url}/v2/namespaces/${where}`, {
    method: "POST",
    headers: { authorization: `Bearer ${ENGINE_KEY}`, ...headers },
    body: body as string,
  });
  return { status: response.status, bytes: (await response.arrayBuffer()).byteLength };
}

/** Resident memory of the engine, in MiB; 0 where the system does not say. */
function residentMib(): number {
  try {
    const status = readFileSync(`/proc/${engine.child.pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_024;
  } catch {
    return 0;
  }
}

beforeAll(async () => {
  engine = await forkEngine(directory, {}, [`--max-old-space-size=${HEAP_MIB}`]);
  if (engine.message.type !== "listening") throw new Error(engine.message.message);
  url = `http://127.0.0.1:${engine.message.port}`;
  const words = Array.from({ length: 200 }, (_, i) => `w${i}`);
  const upsert_rows = Array.from({ length: 600 }, (_, id) => ({
    id,
    n: id,
    t: words.join(" "),
    tags: words.slice(0, 20),
    x: "a".repeat(15_000),
  }));
  const schema = {
    t: { type: "string", full_text_search: true },
    x: { type: "string", regex: true, fuzzy: true },
  };
  expect(await post("h", JSON.stringify({ upsert_rows, schema }))).toMatchObject({ status: 200 });
}, 120_000);
afterAll(() => {
  engine.child.kill("SIGKILL");
  rmSync(directory, { recursive: true, force: true });
});

const many = (count: number, expression: Json): Json[] => new Array<Json>(count).fill(expression);
const query = (body: JsonObject) => () => post("h/query", JSON.stringify({ limit: 10_000, ...body }));
/** A query body of about 15 MiB made of one piece. */
const bulk = (piece: string) => {
  const count = Math.floor((15 * MIB) / (piece.length + 1));
  return () => post("h/query", `{"limit":1,"filters":["Or",[${`${piece},`.repeat(count)}${piece}]]}`);
};
const named = (count: number, expression: Json) =>
  Object.fromEntries(many(count, expression).map((each, i) => [`c${i}`, each]));

const hostile: [string, () => Promise<{ status: number }>][] = [
  ["empty lists", bulk("[]")],
  ["empty objects", bulk('{"a":1}')],
  ["numbers", bulk("0")],
  ["members", () => post("h/query", JSON.stringify(named(300_000, null)))],
  ["a long list of values", query({ filters: ["n", "In", Array.from({ length: 1_500_000 }, (_, i) => i)] })],
  ["clauses", query({ filters: ["Or", many(49_000, ["n", "Gt", 3])] })],
  ["arrays", query({ filters: ["Or", many(40_000, ["tags", "AnyGt", "zz"])] })],
  ["sums of BM25", query({ rank_by: ["Sum", many(30_000, ["t", "BM25", "w1 w2 w3"])] })],
  ["a regular expression", query({ filters: ["x", "Regex", "(a|a|b)*(a|b)*c"] })],
  [
    "approximate search",
    query({
      filters: ["x", "Fuzzy", "b".repeat(100), { max_edit_distance: [{ min_query_chars: 9, distance: 2 }] }],
    }),
  ],
  ["computed columns", query({ compute_attributes: named(20_000, ["n", "Gt", 1]) })],
  [
    "groups",
    query({
      limit: null,
      aggregate_by: named(1_000, ["Sum", "n"]),
      group_by: ["n", { t: ["ForEachUnique", "tags"] }],
    }),
  ],
  ["an order far away", query({ rank_by: many(2_000, ["n", "asc"]), offset: 1_000_000_000 })],
  ["large answers", query({ include_attributes: true })],
  ["large answers again", query({ include_attributes: true })],
  [
    "the same answer sixteen times",
    () => post("h/query", JSON.stringify({ queries: many(16, { limit: 10_000, include_attributes: true }) })),
  ],
  ["nesting", () => post("h/query", `${"[".repeat(8 * MIB)}`)],
  ["empty rows", () => post("w", `{"upsert_rows":[${"{},".repeat(10_000_000)}{}]}`)],
  ["tiny rows", () => post("w", `{"upsert_rows":[${"[],".repeat(3_900_000)}[]]}`)],
  [
    "a packed body of nothing",
    () => post("w", gzipSync(Buffer.alloc(600 * MIB, " ")), { "content-encoding": "gzip" }),
  ],
];

describe("twenty hostile requests in flight", () => {
  it("are answered or refused one by one, while the engine lives, answers probes and keeps its memory", async () => {
    const before = residentMib();
    let peak = before;
    let slowestProbeMs = 0;
    let isOver = false;
    const watch = async () => {
      while (!isOver) {
        peak = Math.max(peak, residentMib());
        await sleep(20);
      }
    };
    const probe = async () => {
      while (!isOver) {
        const started = performance.now();
        expect((await fetch(`${url}/health`)).status).toBe(200);
        slowestProbeMs = Math.max(slowestProbeMs, performance.now() - started);
        await sleep(100);
      }
    };
    const watching = Promise.all([watch(), probe()]);
    const outcomes = await Promise.all(
      hostile.map(async ([name, send]) => [name, (await send()).status] as const),
    );
    isOver = true;
    await watching;
    expect(hostile).toHaveLength(20);
    for (const [name, status] of outcomes) {
      expect([200, 400, 413, 422, ...(name.endsWith("alone") ? [] : [429])], name).toContain(status);
    }
    expect(slowestProbeMs).toBeLessThan(60_000);
    expect(engine.child.exitCode).toBeNull();
    expect(engine.stderr()).toBe("");
    expect(peak).toBeLessThan(before + 2 * HEAP_MIB);
    const fine = await fetch(`${url}/v2/namespaces/h/query`, {
      method: "POST",
      headers: { authorization: `Bearer ${ENGINE_KEY}` },
      body: JSON.stringify({ aggregate_by: { c: ["Count"] } }),
    });
    expect(await fine.json()).toMatchObject({ aggregations: { c: 600 } });
  }, 300_000);
});
