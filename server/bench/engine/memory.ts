/** What a million values of each kind take in a namespace's memory: a table with that one attribute, filled and weighed. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Json } from "../../src/engine/json.js";
import { EMPTY_SCHEMA, updateSchema } from "../../src/engine/schema/schema.js";
import { Table } from "../../src/engine/table/table.js";
import type { Value } from "../../src/engine/values.js";
import { randomFrom, wordOfRank } from "./data.js";

const ROWS = 100_000;

interface Kind {
  readonly name: string;
  readonly type: Json | null;
  /** Values of one row, in the sense of `name`. */
  readonly perRow: number;
  readonly value: (row: number, random: () => number) => Value;
}

const KINDS: readonly Kind[] = [
  { name: "rows with nothing but an id", type: null, perRow: 1, value: () => 0 },
  { name: "numbers", type: "int", perRow: 1, value: (row) => row * 3 },
  { name: "short texts, few distinct", type: "string", perRow: 1, value: (row) => `kind ${row % 50}` },
  { name: "short texts, all distinct", type: "string", perRow: 1, value: (row) => `article ${row}` },
  {
    name: "tags in arrays of two",
    type: "[]string",
    perRow: 2,
    value: (row) => [`tag ${row % 97}`, `label ${row % 89}`],
  },
  {
    name: "words of indexed text",
    type: { type: "string", full_text_search: true, filterable: false },
    perRow: 40,
    value: (_, random) =>
      Array.from({ length: 40 }, () => wordOfRank(Math.floor(20_000 ** random()) - 1)).join(" "),
  },
  {
    name: "vector dimensions",
    type: { type: "[128]f32", ann: true },
    perRow: 128,
    value: (row) => Float32Array.from({ length: 128 }, (_, i) => Math.sin(row + i)),
  },
];

/** Megabytes per million values, by kind; the id's own share is taken off all kinds but its own. */
export function memoryByKind(): { name: string; megabytes: number }[] {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  let idBytes = 0;
  return KINDS.map((kind, i) => {
    const before = weigh(collect);
    const table = fill(kind);
    const bytes = weigh(collect) - before;
    if (table.rowCount !== ROWS) throw new Error(`loaded ${table.rowCount} rows instead of ${ROWS}`);
    if (i === 0) idBytes = bytes;
    const own = i === 0 ? bytes : bytes - idBytes;
    return { name: kind.name, megabytes: own / (ROWS * kind.perRow) };
  });
}

/** Live bytes: the heap, and the buffers outside it. */
function weigh(collect: () => void): number {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function fill({ type, value }: Kind): Table {
  const random = randomFrom(1);
  const table = new Table();
  const attributes: Record<string, Json> = type === null ? {} : { a: type };
  const schema = updateSchema(EMPTY_SCHEMA, attributes, false);
  table.adopt({ ...schema, idType: "uint", metric: "cosine_distance" });
  for (let row = 0; row < ROWS; row++) {
    table.put(row, type === null ? new Map() : new Map([["a", value(row, random)]]));
  }
  return table;
}
