import { describe, expect, it } from "vitest";
import { JsonSyntaxError } from "../../lang/json-cursor.js";
import { inspectWrite } from "./write-inspection.js";

const stamp = "1700000000123";
const unlimited = Number.MAX_SAFE_INTEGER;

function stamped(body: unknown): string {
  const { bytes, splice } = inspectWrite(
    Buffer.from(typeof body === "string" ? body : JSON.stringify(body)),
    unlimited,
  );
  return splice.apply(bytes, stamp).toString();
}

it("counts the rows that get a stamp, and bounds what a copy with them takes", () => {
  const rows = Buffer.from('{"upsert_rows":[{"id":1},{"id":2}],"patch_columns":{"id":[3,4,5],"a":[1,2,3]}}');
  const write = inspectWrite(rows, 1_000_000);
  expect(write.rows).toBe(5);
  expect(write.splice.apply(write.bytes, "1715600400000").length).toBeLessThanOrEqual(write.copyBytesMax);
  expect(inspectWrite(Buffer.from('{"deletes":[1]}'), 1_000_000)).toMatchObject({ rows: 0, copyBytesMax: 0 });
});

describe("inspectWrite", () => {
  it.each([
    [
      "a row per key",
      '{"upsert_rows":[{"id":1},{"id":2,"a":null}]}',
      `{"upsert_rows":[{"id":1,"_hevlayer_upserted_at":${stamp}},{"id":2,"a":null,"_hevlayer_upserted_at":${stamp}}]}`,
    ],
    ["an empty row", '{"patch_rows":[{ }]}', `{"patch_rows":[{ "_hevlayer_upserted_at":${stamp}}]}`],
    [
      "a column of one value a row",
      '{"upsert_columns":{"id":["a","b"],"n":[1,2]}}',
      `{"upsert_columns":{"id":["a","b"],"n":[1,2],"_hevlayer_upserted_at":[${stamp},${stamp}]}}`,
    ],
    [
      "an empty column",
      '{"patch_columns":{"id":[]}}',
      '{"patch_columns":{"id":[],"_hevlayer_upserted_at":[]}}',
    ],
    [
      "the patch of a filter",
      '{"patch_by_filter":{"filters":["a","Eq",1],"patch":{"b":2}}}',
      `{"patch_by_filter":{"filters":["a","Eq",1],"patch":{"b":2,"_hevlayer_upserted_at":${stamp}}}}`,
    ],
    [
      "the caller's stamp, overwritten in place",
      '{"upsert_rows":[{"_hevlayer_upserted_at":{"x":[1]},"id":1}]}',
      `{"upsert_rows":[{"_hevlayer_upserted_at":${stamp},"id":1}]}`,
    ],
    [
      "the caller's stamp column, whatever it holds",
      '{"upsert_columns":{"_hevlayer_upserted_at":"no","id":[7]}}',
      `{"upsert_columns":{"_hevlayer_upserted_at":[${stamp}],"id":[7]}}`,
    ],
    [
      "the schema beside stamped rows",
      '{"schema":{"a":"string"},"upsert_rows":[{"id":1}]}',
      `{"schema":{"a":"string","_hevlayer_upserted_at":"int"},"upsert_rows":[{"id":1,"_hevlayer_upserted_at":${stamp}}]}`,
    ],
    [
      "a caller's type of the stamp",
      '{"schema":{"_hevlayer_upserted_at":{"type":"string"}}}',
      '{"schema":{"_hevlayer_upserted_at":"int"}}',
    ],
  ])("stamps %s", (_, body, expected) => {
    expect(stamped(body)).toBe(expected);
  });

  it.each([
    ["a schema alone", '{"schema":{"a":"string"}}'],
    [
      "deletes",
      '{"deletes":[1,"a",18446744073709551615],"delete_by_filter":["a","Eq",{"upsert_rows":[{}]}]}',
    ],
    ["a copy", '{"copy_from_namespace":{"source_namespace":"x"}}'],
    ["a branch", '{"branch_from_namespace":"x"}'],
    ["a namespace to create", '{"create_namespace":false,"schema":{"id":"uint"}}'],
    ["no rows", '{"upsert_rows":[ ]}'],
    ["keys nobody knows yet", '{"deletes":[],"future":{"upsert_rows":[{"id":1}]}}'],
  ])("leaves %s as it is, byte for byte", (_, body) => {
    const bytes = Buffer.from(body);
    const inspected = inspectWrite(bytes, unlimited);
    expect(inspected.splice.apply(inspected.bytes, stamp)).toBe(bytes);
  });

  it("keeps numbers, spacing, escapes and key order", () => {
    const body =
      '{ "upsert_rows" : [ { "z":1e3, "id" : 18446744073709551615 ,\n"10":-0.0,"2":1.10,"s":"\\u00e9\\"]}","__proto__":{"a":[{}]} } ] }';
    expect(stamped(body)).toBe(body.replace(" } ] }", ` ,"_hevlayer_upserted_at":${stamp}} ] }`));
  });

  it("is not misled by a string that looks like a body", () => {
    const row = { id: 1, text: '"upsert_rows":[{"id":2}],"_hevlayer_x":1}' };
    expect(JSON.parse(stamped({ upsert_rows: [row] }))).toEqual({
      upsert_rows: [{ ...row, _hevlayer_upserted_at: Number(stamp) }],
    });
  });

  it("takes the last of a repeated key, on every level it looks at", () => {
    expect(stamped('{"upsert_rows":[{"id":1}],"upsert_rows":[{"id":2,"a":1,"a":2.0}]}')).toBe(
      `{"upsert_rows":[{"id":2,"a":2.0,"_hevlayer_upserted_at":${stamp}}]}`,
    );
    expect(stamped('{"upsert_columns":{"id":[1,2,3],"id":[4]}}')).toBe(
      `{"upsert_columns":{"id":[4],"_hevlayer_upserted_at":[${stamp}]}}`,
    );
    expect(stamped('{"upsert_rows":[{"_hevlayer_upserted_at":1,"id":1,"_hevlayer_upserted_at":2}]}')).toBe(
      `{"upsert_rows":[{"id":1,"_hevlayer_upserted_at":${stamp}}]}`,
    );
  });

  it("notices a key repeated in a row that otherwise looks like the one before", () => {
    expect(stamped('{"upsert_rows":[{"id":1,"a":1,"b":1},{"id":2,"a":2,"a":3},{"id":3,"a":1,"b":2}]}')).toBe(
      `{"upsert_rows":[{"id":1,"a":1,"b":1,"_hevlayer_upserted_at":${stamp}},{"id":2,"a":3,"_hevlayer_upserted_at":${stamp}},{"id":3,"a":1,"b":2,"_hevlayer_upserted_at":${stamp}}]}`,
    );
  });

  it("reads escaped keys as what they spell", () => {
    expect(stamped('{"\\u0075psert_rows":[{"\\u0069d":1}]}')).toBe(
      `{"upsert_rows":[{"id":1,"_hevlayer_upserted_at":${stamp}}]}`,
    );
    expect(() => stamped('{"upsert_rows":[{"id":1,"\\u005fhevlayer_shard":1}]}')).toThrow("_hevlayer_shard");
  });

  it.each([
    [{ upserts: [] }, "upserts: this key was removed, use upsert_rows"],
    [{ patches: [], upsert_rows: [] }, "patches: this key was removed, use patch_rows"],
    [{ upsert_rows: [{ id: 1, blobs: {} }] }, "upsert_rows[0].blobs: blob attributes are not supported"],
    [{}, "write body: no operation key, one of upsert_rows"],
    [{ distance_metric: "cosine_distance" }, "write body: no operation key, one of upsert_rows"],
    [{ upsert_rows: null }, "write body: no operation key, one of upsert_rows"],
    [[1], "write body: expected an object"],
    [{ upsert_rows: {} }, "upsert_rows: expected an array of row objects"],
    [{ patch_rows: [{ id: 1 }, 7] }, "patch_rows[1]: expected an object"],
    [{ upsert_columns: [] }, "upsert_columns: expected an object of arrays"],
    [{ upsert_columns: { id: [1], a: 1 } }, "upsert_columns.a: expected an array"],
    [{ patch_columns: { a: [1] } }, "patch_columns.id: expected an array of ids"],
    [{ upsert_columns: { id: "x" } }, "upsert_columns.id: expected an array"],
    [{ patch_by_filter: { filters: [] } }, "patch_by_filter.patch: expected an object of attributes"],
    [{ patch_by_filter: [1] }, "patch_by_filter.patch: expected an object of attributes"],
    [{ patch_by_filter: { patch: [1] } }, "patch_by_filter.patch: expected an object"],
    [
      { upsert_rows: [{ id: 1, _hevlayer_shard: 1 }] },
      "upsert_rows[0]._hevlayer_shard: attribute names beginning",
    ],
    [
      { upsert_columns: { id: [1], _hevlayer_x: [1] } },
      "upsert_columns._hevlayer_x: attribute names beginning",
    ],
    [
      { patch_by_filter: { patch: { _hevlayer_shard: 1 } } },
      "patch_by_filter.patch._hevlayer_shard: attribute",
    ],
    [{ schema: { _hevlayer_shard: "int" } }, "schema._hevlayer_shard: attribute names beginning"],
    [
      { upsert_rows: [{ id: "_hevlayer:namespace_meta" }] },
      "upsert_rows[0].id: ids beginning _hevlayer: are reserved",
    ],
    [
      { upsert_columns: { id: ["a", "_hevlayer:x"] } },
      "upsert_columns.id[1]: ids beginning _hevlayer: are reserved",
    ],
    [{ deletes: ["_hevlayer:x"] }, "deletes[0]: ids beginning _hevlayer: are reserved"],
    ['{"deletes":["\\u005fhevlayer:x"]}', "deletes[0]: ids beginning _hevlayer: are reserved"],
  ])("refuses %j", (body, message) => {
    expect(() => stamped(body)).toThrow(
      expect.objectContaining({ code: "validation_error", message: expect.stringContaining(message) }),
    );
  });

  it("names removed keys before a missing operation, shapes before reserved names", () => {
    expect(() => stamped('{"upsert_rows":[{"_hevlayer_x":1},2],"upserts":1}')).toThrow("upserts");
    expect(() => stamped('{"upsert_rows":[{"_hevlayer_x":1},2]}')).toThrow(
      "upsert_rows[1]: expected an object",
    );
  });

  it.each([
    "",
    "not json",
    '{"upsert_rows":[{"id":1}',
    '{"deletes":[1]} x',
    '\ufeff{"deletes":[1]}',
    '{"upsert_rows":[{"id":1,}]}',
  ])("refuses %j as no JSON", (body) => {
    expect(() => stamped(body)).toThrow(JsonSyntaxError);
  });

  it("refuses another encoding than UTF-8", () => {
    expect(() => inspectWrite(Buffer.from('{"deletes":[1]}', "utf16le"), unlimited)).toThrow(JsonSyntaxError);
    expect(() => inspectWrite(Buffer.from('{"deletes":[1],"\\u0061":"\xff"}', "latin1"), unlimited)).toThrow(
      JsonSyntaxError,
    );
  });

  it("says whether a body copies, which takes its own deadline", () => {
    expect(inspectWrite(Buffer.from('{"copy_from_namespace":"x"}'), unlimited).copies).toBe(true);
    expect(inspectWrite(Buffer.from('{"branch_from_namespace":"x"}'), unlimited).copies).toBe(true);
    expect(inspectWrite(Buffer.from('{"deletes":[1]}'), unlimited).copies).toBe(false);
  });

  it("refuses a body that stamps would make larger than upstream takes", () => {
    const rows = Buffer.from(`{"upsert_rows":[${new Array(100).fill("{}").join(",")}]}`);
    const columns = Buffer.from(`{"upsert_columns":{"id":[${new Array(100).fill("1").join(",")}]}}`);
    for (const body of [rows, columns]) {
      const { bytes, splice } = inspectWrite(body, unlimited);
      const size = splice.apply(bytes, stamp).length;
      expect(() => inspectWrite(body, size + 200)).not.toThrow();
      expect(() => inspectWrite(body, size - 200)).toThrow(
        expect.objectContaining({ code: "payload_too_large" }),
      );
    }
  });
});
