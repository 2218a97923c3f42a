/** Values and bodies that are easily bent on the way: large ids, UUIDs, times, encoded vectors, compressed bodies. */
import Turbopuffer from "@turbopuffer/turbopuffer";
import { expect } from "vitest";
import { type Check, failureOf, ids, type Namespace, stored } from "./context.js";

/** This client parses JSON numbers into doubles, so exactness ends at 2^53 - 1; the other two go to 2^64 - 1. */
const bigIds: Check = async ({ namespace }) => {
  const rows = namespace();
  const largest = Number.MAX_SAFE_INTEGER;
  const written = await rows.write({
    upsert_rows: [
      { id: largest, n: largest },
      { id: largest - 1, n: -largest },
    ],
    return_affected_ids: true,
  });
  expect([...(written.upserted_ids ?? [])].sort()).toEqual([largest - 1, largest]);
  expect(await stored(rows, ["n"])).toEqual([
    { id: largest - 1, n: -largest },
    { id: largest, n: largest },
  ]);
  const one = await rows.query({ rank_by: ["id", "asc"], top_k: 5, filters: ["id", "Eq", largest] });
  expect(ids(one.rows)).toEqual([largest]);
};

const uuidIds: Check = async ({ namespace }) => {
  const rows = namespace();
  const canonical = "2108ed60-6851-49a0-9016-8325434f3845";
  await rows.write({
    upsert_rows: [{ id: canonical.toUpperCase(), owner: canonical.replaceAll("-", "") }],
    schema: { id: "uuid", owner: "uuid" },
  });
  expect(await stored(rows, ["owner"])).toEqual([{ id: canonical, owner: canonical }]);
  const found = await rows.query({
    rank_by: ["id", "asc"],
    top_k: 5,
    filters: ["id", "In", [canonical.toUpperCase()]],
  });
  expect(ids(found.rows)).toEqual([canonical]);
};

const datetimes: Check = async ({ namespace }) => {
  const rows = namespace();
  await rows.write({
    upsert_rows: [
      { id: 1, at: "2015-01-20" },
      { id: 2, at: "2015-01-20T12:34:56-04:00" },
    ],
    schema: { at: "datetime" },
  });
  expect(await stored(rows, ["at"])).toEqual([
    { id: 1, at: "2015-01-20T00:00:00.000000000Z" },
    { id: 2, at: "2015-01-20T16:34:56.000000000Z" },
  ]);
  const later = await rows.query({
    rank_by: ["at", "asc"],
    top_k: 5,
    filters: ["at", "Gt", "2015-01-20T16:00:00Z"],
  });
  expect(ids(later.rows)).toEqual([2]);
};

/** `[0.1, 0.2, 0.3]` as little-endian float32. */
const ENCODED = "zczMPc3MTD6amZk+";

const base64Vectors: Check = async ({ namespace }) => {
  const rows = namespace();
  await rows.write({
    upsert_rows: [{ id: 1, vector: ENCODED }],
    distance_metric: "euclidean_squared",
  });
  const vectorAs = async (vector_encoding: "float" | "base64"): Promise<unknown> => {
    const answer = await rows.query({
      rank_by: ["vector", "ANN", [0.1, 0.2, 0.3]],
      top_k: 1,
      include_attributes: ["vector"],
      vector_encoding,
    });
    expect(answer.rows?.[0]?.$dist).toBe(0);
    return answer.rows?.[0]?.vector;
  };
  expect(await vectorAs("float")).toEqual([0.1, 0.2, 0.3]);
  expect(await vectorAs("base64")).toBe(ENCODED);
};

/**
 * Bytes of an answer on the wire and after the client has read it. The client drops `content-encoding` once it has unzipped
 * a body, so the two sizes are what tells whether it was zipped.
 */
async function answerSizes(namespace: Namespace, rows: number): Promise<{ sent: number; read: number }> {
  const response = await namespace
    .query({ rank_by: ["id", "asc"], top_k: rows, include_attributes: ["text"] })
    .asResponse();
  const sent = Number(response.headers.get("content-length") ?? Number.NaN);
  return { sent, read: (await response.arrayBuffer()).byteLength };
}

const compression: Check = async ({ name, clientWith }) => {
  const rows = Array.from({ length: 500 }, (_, id) => ({ id, text: `row number ${id} of many` }));
  const zipping = clientWith({ compression: true }).namespace(name());
  expect((await zipping.write({ upsert_rows: rows })).rows_affected).toBe(500);
  expect(await stored(zipping, ["text"])).toEqual(rows);
  const large = await answerSizes(zipping, 500);
  expect(large.sent).toBeLessThan(large.read / 2);
  const tiny = await answerSizes(zipping, 1);
  expect(tiny.sent).toBe(tiny.read);
  const plain = await answerSizes(clientWith({ compression: false }).namespace(name()), 500);
  expect(plain.sent).toBe(plain.read);
};

/** The engine drops a leading region; the gateway has no such route, and answers 404 like for any other. */
const regionInPath: Check = async ({ target, name, namespace, regionalClient }) => {
  const rows = regionalClient().namespace(name());
  const write = rows.write({ upsert_rows: [{ id: 1 }] });
  if (target === "gateway") {
    expect(await failureOf(write)).toBeInstanceOf(Turbopuffer.NotFoundError);
    return;
  }
  await write;
  expect(await stored(rows, [])).toEqual([{ id: 1 }]);
  expect(await stored(namespace(), [])).toEqual([{ id: 1 }]);
};

export const valueChecks = {
  big_ids: bigIds,
  uuid_ids: uuidIds,
  datetimes,
  base64_vectors: base64Vectors,
  compression,
  region_in_path: regionInPath,
} satisfies Record<string, Check>;
