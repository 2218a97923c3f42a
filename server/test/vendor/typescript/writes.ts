/** Rows and columns in, patched, deleted, on conditions and by filter. */
import Turbopuffer from "@turbopuffer/turbopuffer";
import { expect } from "vitest";
import { type Check, failureOf, ids, stored } from "./context.js";

const writeRows: Check = async ({ namespace }) => {
  const films = namespace();
  const written = await films.write({
    upsert_rows: [
      { id: 1, vector: [0.7, 0.7], title: "Alien", year: 1979, seen: true, tags: ["space", "horror"] },
      { id: 2, vector: [0.1, 0.2], title: "Heat", year: 1995, seen: false, tags: [] },
    ],
    distance_metric: "cosine_distance",
  });
  expect(written.status).toBe("OK");
  expect(written.message).toEqual(expect.any(String));
  expect(written.rows_affected).toBe(2);
  expect(written.rows_upserted).toBe(2);
  expect(Number.isSafeInteger(written.billing.billable_logical_bytes_written)).toBe(true);
  expect(await stored(films, ["vector", "title", "year", "seen", "tags"])).toEqual([
    { id: 1, vector: [0.7, 0.7], title: "Alien", year: 1979, seen: true, tags: ["space", "horror"] },
    { id: 2, vector: [0.1, 0.2], title: "Heat", year: 1995, seen: false, tags: [] },
  ]);
};

const writeColumns: Check = async ({ namespace }) => {
  const films = namespace();
  const written = await films.write({
    upsert_columns: {
      id: [1, 2, 3],
      vector: [
        [1, 0],
        [0, 1],
        [1, 1],
      ],
      k: ["a", null, "c"],
    },
    distance_metric: "euclidean_squared",
  });
  expect(written.rows_affected).toBe(3);
  expect(await stored(films, ["k", "vector"])).toEqual([
    { id: 1, k: "a", vector: [1, 0] },
    { id: 2, vector: [0, 1] },
    { id: 3, k: "c", vector: [1, 1] },
  ]);
  await films.write({ patch_columns: { id: [2, 3], k: ["b", "d"] } });
  expect(await stored(films, ["k"])).toEqual([
    { id: 1, k: "a" },
    { id: 2, k: "b" },
    { id: 3, k: "d" },
  ]);
};

const replaceAndPatch: Check = async ({ namespace }) => {
  const stock = namespace();
  await stock.write({ upsert_rows: [{ id: 1, a: 1, c: true }] });
  await stock.write({ upsert_rows: [{ id: 1, b: 2 }] });
  expect(await stored(stock, ["a", "b", "c"])).toEqual([{ id: 1, b: 2 }]);
  const patched = await stock.write({
    patch_rows: [
      { id: 1, a: 7 },
      { id: 99, a: 7 },
    ],
  });
  expect(patched.rows_patched).toBe(1);
  expect(await stored(stock, ["a", "b", "c"])).toEqual([{ id: 1, a: 7, b: 2 }]);
};

const deleteById: Check = async ({ namespace }) => {
  const stock = namespace();
  await stock.write({ upsert_rows: [1, 2, 3].map((id) => ({ id, n: id })) });
  const removed = await stock.write({ deletes: [2] });
  expect(removed.rows_deleted).toBe(1);
  expect(await stored(stock, [])).toEqual([{ id: 1 }, { id: 3 }]);
  await stock.write({ deletes: [1, 3] });
  expect(await stored(stock, [])).toEqual([]);
  expect(await stock.exists()).toBe(true);
};

const deleteByFilter: Check = async ({ namespace }) => {
  const stock = namespace();
  await stock.write({ upsert_rows: [0, 1, 2, 1, 3].map((a, id) => ({ id, a })) });
  const removed = await stock.write({ delete_by_filter: ["a", "Eq", 1] });
  expect(removed.rows_affected).toBe(2);
  expect(removed.rows_deleted).toBe(2);
  expect(removed.rows_remaining ?? false).toBe(false);
  expect(await stored(stock, ["a"])).toEqual([
    { id: 0, a: 0 },
    { id: 2, a: 2 },
    { id: 4, a: 3 },
  ]);
  expect((await stock.write({ delete_by_filter: ["a", "Eq", 1] })).rows_affected).toBe(0);
};

const patchByFilter: Check = async ({ namespace }) => {
  const posts = namespace();
  await posts.write({
    upsert_rows: [
      { id: 1, s: "draft", n: 1 },
      { id: 2, s: "live", n: 2 },
      { id: 3, s: "draft", n: 3 },
    ],
  });
  const patched = await posts.write({
    patch_by_filter: { filters: ["s", "Eq", "draft"], patch: { s: "review" } },
  });
  expect(patched.rows_patched).toBe(2);
  expect(await stored(posts, ["s", "n"])).toEqual([
    { id: 1, s: "review", n: 1 },
    { id: 2, s: "live", n: 2 },
    { id: 3, s: "review", n: 3 },
  ]);
};

const conditionalWrite: Check = async ({ namespace }) => {
  const stock = namespace();
  await stock.write({
    upsert_rows: [
      { id: 1, version: 2, s: "old" },
      { id: 2, version: 5, s: "old" },
    ],
  });
  const written = await stock.write({
    upsert_rows: [
      { id: 1, version: 3, s: "new" },
      { id: 2, version: 4, s: "new" },
      { id: 3, version: 1, s: "new" },
    ],
    upsert_condition: ["version", "Lt", { $ref_new: "version" }],
  });
  expect(written.rows_affected).toBe(2);
  expect(await stored(stock, ["s"])).toEqual([
    { id: 1, s: "new" },
    { id: 2, s: "old" },
    { id: 3, s: "new" },
  ]);
  const absent = await stock.write({
    upsert_rows: [{ id: 1, version: 9, s: "again" }],
    upsert_condition: ["id", "Eq", null],
  });
  expect(absent.rows_affected).toBe(0);
  expect(absent.rows_upserted).toBe(0);
  const patched = await stock.write({
    patch_rows: [
      { id: 1, s: "patched" },
      { id: 2, s: "patched" },
    ],
    patch_condition: ["version", "Gte", 5],
  });
  expect(patched.rows_patched).toBe(1);
  const removed = await stock.write({ deletes: [1, 2], delete_condition: ["version", "Gte", 5] });
  expect(removed.rows_deleted).toBe(1);
  expect(await stored(stock, ["s"])).toEqual([
    { id: 1, s: "new" },
    { id: 3, s: "new" },
  ]);
};

const affectedIds: Check = async ({ namespace }) => {
  const stock = namespace();
  await stock.write({ upsert_rows: [1, 2, 3].map((id) => ({ id, n: id })) });
  const written = await stock.write({
    upsert_rows: [{ id: 4, n: 4 }],
    patch_rows: [
      { id: 1, n: 10 },
      { id: 77, n: 10 },
    ],
    deletes: [2],
    return_affected_ids: true,
  });
  expect(written.upserted_ids).toEqual([4]);
  expect(written.patched_ids).toEqual([1]);
  expect(written.deleted_ids).toEqual([2]);
  const quiet = await stock.write({ upsert_rows: [{ id: 5, n: 5 }] });
  expect(quiet.upserted_ids).toBeUndefined();
  const filtered = await stock.write({ delete_by_filter: ["n", "Gte", 5], return_affected_ids: true });
  expect([...(filtered.deleted_ids ?? [])].sort()).toEqual([1, 5]);
  const rest = await stock.query({ rank_by: ["id", "asc"], top_k: 10 });
  expect(ids(rest.rows)).toEqual([3, 4]);
};

const reservedAttribute: Check = async ({ target, namespace }) => {
  const stock = namespace();
  const write = stock.write({ upsert_rows: [{ id: 1, _hevlayer_shard: 3 }] });
  if (target === "engine") {
    expect((await write).rows_affected).toBe(1);
    return;
  }
  const error = await failureOf(write);
  expect(error).toBeInstanceOf(Turbopuffer.UnprocessableEntityError);
  expect(String(error)).toContain("_hevlayer_shard");
  expect(await stock.exists()).toBe(false);
};

export const writeChecks = {
  write_rows: writeRows,
  write_columns: writeColumns,
  replace_and_patch: replaceAndPatch,
  delete_by_id: deleteById,
  delete_by_filter: deleteByFilter,
  patch_by_filter: patchByFilter,
  conditional_write: conditionalWrite,
  affected_ids: affectedIds,
  reserved_attribute: reservedAttribute,
} satisfies Record<string, Check>;
