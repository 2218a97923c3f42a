import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { JsonObject } from "../json.js";
import { startTestEngine, type TestEngine } from "./test-engine.js";

let t: TestEngine;
beforeAll(async () => {
  t = await startTestEngine();
});
afterAll(() => t.stop());

const page = async (ns: string, cursor?: unknown) => {
  const query = cursor === undefined ? "" : `?cursor=${String(cursor)}`;
  return t.send("GET", `/v1/namespaces/${ns}${query}`);
};

describe("E14, the columnar export", () => {
  it("gives ids, vectors and attributes in the order of insertion, null where there is no value", async () => {
    const ns = t.fresh();
    await t.write(ns, {
      upsert_rows: [
        { id: 3, vector: [0.7, 1], title: "c", tags: ["x"] },
        { id: 1, vector: [1, 2], n: 5, at: "2026-01-02" },
        { id: 2, vector: [3, 4] },
      ],
      distance_metric: "cosine_distance",
      schema: { at: "datetime" },
    });
    await t.write(ns, { upsert_rows: [{ id: 3, vector: [5, 6], title: "again" }], deletes: [1] });
    await t.write(ns, { upsert_rows: [{ id: 1, vector: [7, 8], at: "2026-01-02" }] });
    const { status, body } = await page(ns);
    expect([status, body]).toEqual([
      200,
      {
        ids: [2, 3, 1],
        vectors: [
          [3, 4],
          [5, 6],
          [7, 8],
        ],
        attributes: {
          at: [null, null, "2026-01-02T00:00:00.000000000Z"],
          title: [null, "again", null],
          tags: [null, null, null],
          n: [null, null, null],
        },
        next_cursor: null,
      },
    ]);
  });

  it("pages by 10,000 documents, and shows what was written between two pages", async () => {
    const ns = t.fresh();
    const ids = Array.from({ length: 20_001 }, (_, i) => 20_001 - i);
    await t.write(ns, { upsert_columns: { id: ids } });
    const seen: unknown[] = [];
    const lengths: number[] = [];
    for (let cursor: unknown; cursor !== null; ) {
      const { body } = await page(ns, cursor);
      seen.push(...(body.ids as number[]));
      lengths.push((body.ids as number[]).length);
      if (cursor === undefined) await t.write(ns, { upsert_rows: [{ id: 50_000 }], deletes: [1] });
      cursor = body.next_cursor;
    }
    expect(lengths).toEqual([10_000, 10_000, 1]);
    expect(seen).toEqual([...ids.slice(0, -1), 50_000]);
  });

  it("ends a page early when its documents are large", async () => {
    const ns = t.fresh();
    const schema = { a: { type: "string", filterable: false } };
    for (let id = 0; id < 6; id++)
      await t.write(ns, { upsert_rows: [{ id, a: "x".repeat(8_000_000) }], schema });
    const { body } = await page(ns);
    expect(body.ids).toEqual([0, 1, 2, 3, 4]);
    expect((await page(ns, body.next_cursor)).body).toMatchObject({ ids: [5], next_cursor: null });
  });

  it("is empty for a namespace without documents, 404 for none, and vectors are null where there are none", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_rows: [{ id: "a", n: 1 }] });
    expect((await page(ns)).body).toMatchObject({ ids: ["a"], vectors: [null], attributes: { n: [1] } });
    await t.write(ns, { deletes: ["a"] });
    expect((await page(ns)).body).toMatchObject({
      ids: [],
      vectors: [],
      attributes: { n: [] },
      next_cursor: null,
    });
    expect((await page("missing")).status).toBe(404);
  });

  it("refuses a cursor that is none, and one from before documents were moved", async () => {
    const ns = t.fresh();
    await t.write(ns, { upsert_columns: { id: Array.from({ length: 12_000 }, (_, i) => i) } });
    const { next_cursor } = (await page(ns)).body as JsonObject;
    for (const cursor of ["x", "bm9wZS8x="]) {
      const { status, body } = await page(ns, cursor);
      expect([cursor, status, body.error]).toEqual([cursor, 400, "invalid cursor"]);
    }
    await t.write(ns, { delete_by_filter: ["id", "Lt", 6_000] });
    const { status, body } = await page(ns, next_cursor);
    expect([status, body.error]).toEqual([400, expect.stringContaining("cursor is no longer valid")]);
  });
});
