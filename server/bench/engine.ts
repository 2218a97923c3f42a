/**
 * `npm run bench:engine`: the embedded engine beside the floor under each of its jobs (a bare scan, a bare put) and
 * beside two other embedded stores, all in one process on the same rows. Only ratios mean anything: milliseconds belong
 * to the machine.
 *
 * `BENCH_ROWS` sets the number of rows (200,000), `BENCH_RIVALS` names a directory in which `@lancedb/lancedb`,
 * `apache-arrow` and `libsql` are installed, `BENCH_ONLY` runs one part: searches, writes or memory.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { open } from "lmdb";
import { Engine } from "../src/engine/engine.js";
import type { JsonObject } from "../src/engine/json.js";
import { encodeRow } from "../src/engine/store/row-codec.js";
import { SCAN_BLOCK_SLOTS, VectorMemory } from "../src/engine/table/vector-memory.js";
import { type BenchRow, CATEGORIES, createRows, DIMS, randomFrom, wordOfRank } from "./engine/data.js";
import { type Contestant, quantile, race, timed } from "./engine/measure.js";
import { memoryByKind } from "./engine/memory.js";
import { findRivals, type Rival } from "./engine/rivals.js";

const NAMESPACE = "bench";
const BATCH_ROWS = 2_000;
const MIB = 1024 * 1024;
const SCHEMA = { title: { type: "string", full_text_search: true, filterable: false } };
const METRIC = "cosine_distance";

const say = (text: string) => process.stdout.write(`${text}\n`);

function write(engine: Engine, rows: readonly BenchRow[]): void {
  const upsert_rows = rows.map((row): JsonObject => ({ ...row, vector: Array.from(row.vector) }));
  engine.write(NAMESPACE, { schema: SCHEMA, distance_metric: METRIC, upsert_rows });
}

/** The idea of a scan: the same kernel over the same vectors, and no result is good enough to be kept. */
function bareScan(rows: readonly BenchRow[]): (query: Float32Array) => number {
  const memory = VectorMemory.create(DIMS, rows.length);
  if (memory === null) throw new Error("this Node has no WebAssembly SIMD, so there is no bare scan");
  for (const { id, vector } of rows) memory.elements.set(vector, id * DIMS);
  const slots = Int32Array.from(rows, ({ id }) => id);
  const norms = new Float32Array(rows.length).fill(1);
  return (query) => {
    memory.setQuery(query);
    let kept = 0;
    for (let at = 0; at < slots.length; at += SCAN_BLOCK_SLOTS) {
      const block = slots.subarray(at, at + SCAN_BLOCK_SLOTS);
      kept += memory.scanDotProducts(block, norms, Number.POSITIVE_INFINITY).count;
    }
    return kept;
  };
}

/** Prints one line a contestant, with its time over the first one's. */
async function report(title: string, contestants: readonly Contestant[], rounds: number): Promise<void> {
  const times = await race(contestants, rounds);
  const [base = Number.NaN] = times.values();
  say(`\n${title}`);
  for (const [name, ms] of times) {
    say(`  ${name.padEnd(44)}${ms.toFixed(3).padStart(10)} ms  ×${(ms / base).toFixed(2)}`);
  }
}

async function searches(engine: Engine, rows: readonly BenchRow[], rivals: readonly Rival[]): Promise<void> {
  const random = randomFrom(3);
  const someVector = () => (rows[Math.floor(random() * rows.length)] as BenchRow).vector;
  const query = (body: JsonObject) => engine.query(NAMESPACE, body);
  const nearest = (filters: JsonObject) =>
    query({ rank_by: ["vector", "ANN", Array.from(someVector())], limit: 10, ...filters });
  const category: JsonObject = { filters: ["category", "Eq", "c7"] };
  const lance = rivals.filter(({ nearest }) => nearest !== undefined);
  const bare = bareScan(rows);
  await report(
    "nearest 10 of all, beside a bare scan",
    [
      { name: "bare float32 WebAssembly scan", run: () => bare(someVector()) },
      { name: "engine", run: () => nearest({}) },
    ],
    150,
  );
  // Apart, because a rival's threads still run and its data fill the caches when the next one's turn comes.
  for (const rival of lance) {
    const contestants = [
      { name: "engine", run: () => nearest({}) },
      { name: rival.name, run: () => rival.nearest?.(someVector(), null) },
    ];
    await report(`nearest 10 of all, beside ${rival.name}`, contestants, 150);
  }
  await report(
    "nearest 10, filter passing 2 %, beside no filter",
    [
      { name: "engine", run: () => nearest(category) },
      { name: "engine, unfiltered", run: () => nearest({}) },
    ],
    150,
  );
  for (const rival of lance) {
    const contestants = [
      { name: "engine", run: () => nearest(category) },
      { name: rival.name, run: () => rival.nearest?.(someVector(), "c7") },
    ];
    await report(`nearest 10, filter passing 2 %, beside ${rival.name}`, contestants, 150);
  }
  const words = [40, 300, 2_000].map(wordOfRank);
  const sql = rivals.filter(({ fullText }) => fullText !== undefined);
  await report(
    "BM25, best 10 for three words",
    [
      { name: "engine", run: () => query({ rank_by: ["title", "BM25", words.join(" ")], limit: 10 }) },
      ...sql.map((rival) => ({ name: rival.name, run: () => rival.fullText?.(words) })),
    ],
    60,
  );
  const categories = Array.from({ length: CATEGORIES / 10 }, (_, i) => `c${i * 10}`);
  const include_attributes = ["title", "category", "price"];
  const page = { rank_by: ["price", "asc"], limit: 1_000, include_attributes };
  await report(
    "page of 1,000 ordered by price, filter passing 10 %",
    [
      { name: "engine", run: () => query({ ...page, filters: ["category", "In", categories] }) },
      ...sql.map((rival) => ({ name: rival.name, run: () => rival.orderedPage?.(categories) })),
    ],
    40,
  );
}

function bytesOf({ vector, title, category, price }: BenchRow): Buffer {
  return encodeRow(new Map(Object.entries({ vector, title, category, price })));
}

async function upserts(engine: Engine, rows: readonly BenchRow[], scratch: string): Promise<void> {
  const bare = open<Buffer, number>({ path: join(scratch, "bare.mdb"), encoding: "binary" });
  // As many rows as the engine has: a put into a small tree is a cheaper one.
  for (let at = 0; at < rows.length; at += BATCH_ROWS) {
    const batch = rows.slice(at, at + BATCH_ROWS);
    bare.transactionSync(() => {
      for (const row of batch) bare.putSync(row.id, bytesOf(row));
    });
  }
  // In no order, as an application writes, but in the same one for both.
  const order = (seed: number) => {
    const random = randomFrom(seed);
    return () => rows[Math.floor(random() * rows.length)] as BenchRow;
  };
  const [nextBare, nextOfEngine] = [order(11), order(11)];
  await report(
    "durable upsert of one row",
    [
      {
        name: "bare lmdb put of the same bytes",
        run: () => {
          const row = nextBare();
          bare.transactionSync(() => bare.putSync(row.id, bytesOf(row)));
        },
      },
      { name: "engine, indexes kept", run: () => write(engine, [nextOfEngine()]) },
    ],
    400,
  );
  await bare.close();
}

/** Opens an engine and touches its documents, so that they are read and indexed. */
function openAndTouch(dataDirectory: string): Engine {
  const engine = Engine.open({ dataDirectory });
  engine.query(NAMESPACE, { aggregate_by: { c: ["Count"] } });
  return engine;
}

/** Reopens a closed engine several times, from its saved table and then from its rows, and leaves it open. */
async function reopenings(dataDirectory: string, loadMs: number, saveMs: number): Promise<Engine> {
  const snapshots = join(dataDirectory, "snapshots");
  const saved = readdirSync(snapshots).reduce((sum, file) => sum + statSync(join(snapshots, file)).size, 0);
  const rounds: number[] = [];
  for (let round = 0; round < 8; round++) {
    const { value, ms } = await timed(() => openAndTouch(dataDirectory));
    await value.close({ saveMs: 0 });
    rounds.push(ms);
  }
  rmSync(snapshots, { recursive: true });
  const fromRows = await timed(() => openAndTouch(dataDirectory));
  say("\nreopen");
  for (const [name, ms] of [
    [`load, ${BATCH_ROWS} rows a write`, loadMs],
    ["reopen from the saved table", quantile(rounds, 0.25)],
    ["reopen from the rows", fromRows.ms],
    [`save the table (${(saved / MIB).toFixed(0)} MiB), between requests or at the end`, saveMs],
  ] as const)
    say(`  ${name.padEnd(44)}${ms.toFixed(0).padStart(10)} ms  load ×${(loadMs / ms).toFixed(1)}`);
  await fromRows.value.close();
  return openAndTouch(dataDirectory);
}

async function main(): Promise<void> {
  const { BENCH_ROWS = "200000", BENCH_RIVALS, BENCH_ONLY } = process.env;
  const wants = (part: string) => BENCH_ONLY === undefined || BENCH_ONLY === part;
  const [cpu] = cpus();
  say(
    `${cpus().length} × ${cpu?.model}, ${(totalmem() / 1024 ** 3).toFixed(0)} GiB, Node ${process.versions.node}`,
  );
  if (wants("searches") || wants("writes"))
    await rowsBenchmark(Number(BENCH_ROWS), { rivalsAt: BENCH_RIVALS, wants });
  if (!wants("memory")) return;
  say("\nmemory of a namespace, MB per million");
  for (const { name, megabytes, heapMegabytes, estimatedMegabytes } of memoryByKind()) {
    const heap = `of it heap, with ids ${heapMegabytes.toFixed(1)}, estimated ${estimatedMegabytes.toFixed(1)}`;
    say(`  ${name.padEnd(44)}${megabytes.toFixed(1).padStart(10)}  ${heap}`);
  }
}

async function rowsBenchmark(count: number, parts: Parts): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), "bench-engine-"));
  try {
    await withRows(createRows(count), scratch, parts);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

interface Parts {
  readonly rivalsAt: string | undefined;
  readonly wants: (part: string) => boolean;
}

async function withRows(
  rows: readonly BenchRow[],
  scratch: string,
  { rivalsAt, wants }: Parts,
): Promise<void> {
  say(`\n${rows.length} rows × ${DIMS} dimensions, a title of 12 words, a category, a price`);
  const dataDirectory = join(scratch, "engine");
  const before = process.memoryUsage().rss;
  let engine = Engine.open({ dataDirectory });
  const loading = await timed(() => {
    for (let at = 0; at < rows.length; at += BATCH_ROWS) write(engine, rows.slice(at, at + BATCH_ROWS));
  });
  const values = (rows.length * (DIMS + 4)) / 1e6;
  const rss = (process.memoryUsage().rss - before) / MIB;
  const disk = statSync(join(dataDirectory, "engine.mdb")).size / MIB;
  say(`  RSS   ${rss.toFixed(0)} MiB more, ${(rss / values).toFixed(1)} MiB per million values`);
  say(`  disk  ${disk.toFixed(0)} MiB, ${(disk / values).toFixed(1)} MiB per million values`);
  if (wants("writes")) {
    const current = engine;
    const saving = await timed(() => current.close({ saveMs: Number.POSITIVE_INFINITY }));
    engine = await reopenings(dataDirectory, loading.ms, saving.ms);
    await upserts(engine, rows, scratch);
  }
  if (wants("searches")) {
    const { rivals, missing } = await findRivals(rivalsAt, rows, scratch);
    for (const name of missing) say(`\n${name}: not installed (see the head of server/bench/engine.ts)`);
    await searches(engine, rows, rivals);
  }
  await engine.close();
}

await main();
