/**
 * LanceDB and libsql with FTS5 on the same rows, where they are installed. The project does not depend on them: install
 * them anywhere and name the directory in `BENCH_RIVALS`.
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { BenchRow } from "./data.js";

/** What a rival can do; each answers with the ids it found, so that nothing is optimised away. */
export interface Rival {
  readonly name: string;
  readonly nearest?: (query: Float32Array, category: string | null) => Promise<number[]>;
  readonly fullText?: (words: readonly string[]) => number[];
  readonly orderedPage?: (categories: readonly string[]) => number[];
}

interface LanceQuery {
  where(condition: string): LanceQuery;
  limit(count: number): LanceQuery;
  select(names: string[]): LanceQuery;
  toArray(): Promise<{ id: number }[]>;
}
interface Lance {
  connect(path: string): Promise<{
    createTable(
      name: string,
      rows: Record<string, unknown>[],
    ): Promise<{
      add(rows: Record<string, unknown>[]): Promise<unknown>;
      search(vector: number[]): LanceQuery;
    }>;
  }>;
}
interface Sql {
  exec(statement: string): void;
  prepare(statement: string): {
    run(...values: unknown[]): void;
    all(...values: unknown[]): { id: number }[];
  };
}

/** The package from `BENCH_RIVALS`, or null when it is not there. */
async function load<T>(name: string, directory: string | undefined): Promise<T | null> {
  if (directory === undefined) return null;
  try {
    const path = createRequire(join(directory, "package.json")).resolve(name);
    return (await import(pathToFileURL(path).href)) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") throw error;
    return null;
  }
}

/** The rivals found, loaded with the rows under `scratch`, and the names of those that are missing. */
export async function findRivals(
  directory: string | undefined,
  rows: readonly BenchRow[],
  scratch: string,
): Promise<{ rivals: Rival[]; missing: string[] }> {
  const lance = await load<Lance>("@lancedb/lancedb", directory);
  const libsql = await load<{ default: new (path: string) => Sql }>("libsql", directory);
  const rivals: Rival[] = [];
  if (lance !== null) rivals.push(await openLance(lance, rows, join(scratch, "lance")));
  if (libsql !== null) rivals.push(openSql(new libsql.default(join(scratch, "rows.sqlite")), rows));
  const missing = [lance === null ? "LanceDB" : null, libsql === null ? "libsql + FTS5" : null];
  return { rivals, missing: missing.filter((name) => name !== null) };
}

async function openLance(lance: Lance, rows: readonly BenchRow[], path: string): Promise<Rival> {
  const database = await lance.connect(path);
  const batch = (start: number) =>
    rows.slice(start, start + 20_000).map((row) => ({ ...row, vector: Array.from(row.vector) }));
  const table = await database.createTable("rows", batch(0));
  for (let start = 20_000; start < rows.length; start += 20_000) await table.add(batch(start));
  return {
    name: "LanceDB brute force",
    nearest: async (query, category) => {
      const search = table.search(Array.from(query));
      const filtered = category === null ? search : search.where(`category = '${category}'`);
      return (await filtered.select(["id", "_distance"]).limit(10).toArray()).map(({ id }) => id);
    },
  };
}

function openSql(database: Sql, rows: readonly BenchRow[]): Rival {
  database.exec(`
    pragma journal_mode = wal;
    create table rows (id integer primary key, title text, category text, price integer);
    create virtual table titles using fts5(title, content='rows', content_rowid='id');
    begin`);
  const insert = database.prepare("insert into rows values (?, ?, ?, ?)");
  for (const { id, title, category, price } of rows) insert.run(id, title, category, price);
  database.exec(`
    insert into titles(titles) values ('rebuild');
    commit;
    create index by_category on rows (category);
    create index by_price on rows (price);
    analyze`);
  const match = database.prepare(
    "select rowid as id from titles where titles match ? order by bm25(titles) limit 10",
  );
  const page = database.prepare(
    `select id, title, category, price from rows
     where category in (select value from json_each(?)) order by price limit 1000`,
  );
  return {
    name: "libsql + FTS5",
    fullText: (words) => match.all(words.join(" OR ")).map(({ id }) => id),
    orderedPage: (categories) => page.all(JSON.stringify(categories)).map(({ id }) => id),
  };
}
