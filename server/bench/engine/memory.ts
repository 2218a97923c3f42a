/** What a million values of each kind take in a namespace's memory: a table with that one attribute, filled and weighed. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Json } from "../../src/engine/json.js";
import { EMPTY_SCHEMA, updateSchema } from "../../src/engine/schema/schema.js";
import { Table } from "../../src/engine/table/table.js";
import type { Value } from "../../src/engine/values.js";
import { randomFrom, wordOfRank } from "./data.js";

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

export interface KindMemory {
  readonly name: string;
  /** Megabytes per million values, heap and buffers; the id's own share is taken off all kinds but its own. */
  readonly megabytes: number;
  /** The heap's part of them, with the ids. */
  readonly heapMegabytes: number;
  /** What the table says of it. */
  readonly estimatedMegabytes: number;
}

/** What a million values of each kind take, measured with so many rows. */
export function memoryByKind(rows = 100_000): KindMemory[] {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  let idBytes = 0;
  return KINDS.map((kind, i) => {
    const before = weigh(collect);
    const table = fill(kind, rows);
    const after = weigh(collect);
    const bytes = after.all - before.all;
    if (table.rowCount !== rows) throw new Error(`loaded ${table.rowCount} rows instead of ${rows}`);
    if (i === 0) idBytes = bytes;
    const values = rows * kind.perRow;
    return {
      name: kind.name,
      megabytes: (i === 0 ? bytes : bytes - idBytes) / values,
      heapMegabytes: (after.heap - before.heap) / values,
      estimatedMegabytes: table.heapBytes / values,
    };
  });
}

/** Live bytes: of the heap, and with the buffers outside it. */
function weigh(collect: () => void): { heap: number; all: number } {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return { heap: heapUsed, all: heapUsed + external };
}

function fill({ type, value }: Kind, rows: number): Table {
  const random = randomFrom(1);
  const table = new Table();
  const attributes: Record<string, Json> = type === null ? {} : { a: type };
  const schema = updateSchema(EMPTY_SCHEMA, attributes, false);
  table.adopt({ ...schema, idType: "uint", metric: "cosine_distance" });
  for (let row = 0; row < rows; row++) {
    table.put(row, type === null ? new Map() : new Map([["a", value(row, random)]]));
  }
  return table;
}
