import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { runs } from "../../../test/long-runs.js";
import type { Id, IdType } from "../ids.js";
import { normalInteger } from "../ids.js";
import { EMPTY_SCHEMA, type Schema, updateSchema } from "../schema/schema.js";
import type { Value } from "../values.js";
import { DamagedFrames, FrameReader, FrameWriter } from "./frames.js";
import { Table } from "./table.js";

const directory = mkdtempSync(join(tmpdir(), "engine-table-file-"));
const path = join(directory, "table");
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const declared = updateSchema(
  EMPTY_SCHEMA,
  {
    int: "int",
    uint: "uint",
    float: "float",
    flag: "bool",
    name: "string",
    ref: "uuid",
    at: "datetime",
    tags: "[]string",
    numbers: "[]int",
    flags: "[]bool",
    text: { type: "string", full_text_search: { stemming: true } },
    tokens: { type: "[]string", full_text_search: { tokenizer: "pre_tokenized_array" } },
    vector: { type: "[3]f32", ann: true },
    sparse: { type: "{}f16", sparse_knn: { distance_metric: "dot_product" } },
  },
  false,
);
const schemaOf = (idType: IdType): Schema => ({ ...declared, idType, metric: "cosine_distance" });

const whole = fc.oneof(
  fc.integer(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(normalInteger),
);
const positive = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(normalInteger);
/** Halves of surrogate pairs too: JSON can bring them in, and no UTF-8 could keep them. */
const text = fc.oneof(
  fc.constantFrom("", "a", "b", "jumping foxes", "\ud800", "x\udc00y", "naïve", "日本", "🎉"),
  fc.string({ unit: "grapheme" }),
);
const row: fc.Arbitrary<Record<string, Value>> = fc.record(
  {
    int: whole,
    uint: positive,
    float: fc.double({ noNaN: true, noDefaultInfinity: true }),
    flag: fc.boolean(),
    name: text,
    ref: fc.uuid(),
    at: fc.integer({ min: -8.64e15, max: 8.64e15 }),
    tags: fc.array(text, { maxLength: 3 }),
    numbers: fc.array(whole, { maxLength: 3 }),
    flags: fc.array(fc.boolean(), { maxLength: 3 }),
    text,
    tokens: fc.array(text, { maxLength: 3 }),
    vector: fc
      .tuple(...[0, 1, 2].map(() => fc.float({ noNaN: true })))
      .map((list) => Float32Array.from(list)),
    sparse: fc
      .dictionary(text, fc.constantFrom(0.5, -1, 2), { maxKeys: 3 })
      .map((it) => new Map(Object.entries(it))),
  },
  { requiredKeys: [] },
);

const changes = (id: fc.Arbitrary<Id>) =>
  fc.array(fc.tuple(id, fc.option(row, { freq: 6 })), { maxLength: 12 });
const history = fc.oneof(
  fc.record({ idType: fc.constant("uint" as const), before: changes(positive), after: changes(positive) }),
  fc.record({ idType: fc.constant("string" as const), before: changes(text), after: changes(text) }),
);

function apply(table: Table, changes: readonly (readonly [Id, Record<string, Value> | null])[]): void {
  for (const [id, row] of changes) {
    if (row === null) table.remove(id);
    else table.put(id, new Map(Object.entries(row)));
  }
}

function tableOf(schema: Schema): Table {
  const table = new Table();
  table.adopt(schema);
  return table;
}

function save(table: Table): void {
  const fd = openSync(path, "w");
  for (const _ of table.save(new FrameWriter(fd)));
  closeSync(fd);
}

function load(schema: Schema): Table {
  const fd = openSync(path, "r");
  try {
    return Table.load(new FrameReader(fd), schema);
  } finally {
    closeSync(fd);
  }
}

/** Everything that can be asked of a table. */
function contents(table: Table, schema: Schema) {
  const slots = Array.from({ length: table.slotCount }, (_, slot) => slot);
  return {
    ids: slots.map((slot) => table.id(slot)),
    live: Array.from(table.live.slots(), (slot) => [slot, table.slot(table.id(slot))]),
    counts: [table.rowCount, table.logicalBytes],
    fields: [...schema.attributes.keys()].map((name) => {
      const index = table.textIndex(name);
      return {
        values: slots.map((slot) => table.value(slot, name)),
        lists: [...(table.valueIndex(name)?.entries() ?? [])],
        postings: [...(index?.postingsWithPrefix("") ?? [])],
        lengths: slots.map((slot) => index?.lengthOf(slot)),
        statistics: [index?.documents, index?.averageLength],
        vectors: slots.map((slot) => table.vectorColumn(name)?.norms[slot] ?? Number.NaN),
      };
    }),
  };
}

describe("a table in a file", () => {
  it("comes back with every type of value, dead slots and indexes, and goes on as the one it was", () => {
    fc.assert(
      fc.property(history, ({ idType, before, after }) => {
        const schema = schemaOf(idType);
        const table = tableOf(schema);
        apply(table, before);
        save(table);
        const loaded = load(schema);
        expect(contents(loaded, schema)).toEqual(contents(table, schema));
        apply(table, after);
        apply(loaded, after);
        expect(contents(loaded, schema)).toEqual(contents(table, schema));
      }),
      { numRuns: runs(150) },
    );
  });

  it("comes back when it is many steps long, with its vectors where the scan reads them", () => {
    const schema: Schema = {
      ...updateSchema(
        EMPTY_SCHEMA,
        {
          vector: { type: "[64]f32", ann: true },
          title: { type: "string", full_text_search: true, filterable: true },
          n: "int",
        },
        false,
      ),
      idType: "uint",
      metric: "euclidean_squared",
    };
    const table = tableOf(schema);
    for (let id = 0; id < 9_000; id++) {
      const vector = Float32Array.from({ length: 64 }, (_, i) => Math.sin(id + i));
      table.put(
        id,
        new Map<string, Value>([
          ["vector", vector],
          ["title", `word${id} shared`],
          ["n", id],
        ]),
      );
    }
    for (let id = 0; id < 9_000; id += 7) table.remove(id);
    let steps = 0;
    const fd = openSync(path, "w");
    for (const _ of table.save(new FrameWriter(fd))) steps++;
    closeSync(fd);
    expect(steps).toBeGreaterThan(6);
    const loaded = load(schema);
    expect(contents(loaded, schema)).toEqual(contents(table, schema));
    expect(loaded.vectorColumn("vector")?.memory).not.toBeNull();
  });

  it("is found out wherever a byte of it changed or it ends early", () => {
    const schema = schemaOf("uint");
    const table = tableOf(schema);
    for (const [id, value] of fc.sample(row, { seed: 5, numRuns: 30 }).entries()) apply(table, [[id, value]]);
    save(table);
    const good = readFileSync(path);
    // All of the first frames, and then a byte here and there.
    for (let at = 0; at < good.length; at += at < 300 ? 1 : 37) {
      const bad = Buffer.from(good);
      bad[at] = (bad[at] as number) ^ (1 << (at % 8));
      writeFileSync(path, bad);
      expect(() => load(schema), `byte ${at}`).toThrow(DamagedFrames);
    }
    writeFileSync(path, good);
    for (const length of [0, 1, 8, good.length >> 1, good.length - 1]) {
      truncateSync(path, length);
      expect(() => load(schema), `${length} bytes`).toThrow(DamagedFrames);
      writeFileSync(path, good);
    }
    expect(statSync(path).size).toBe(good.length);
    expect(contents(load(schema), schema)).toEqual(contents(table, schema));
  });
});
