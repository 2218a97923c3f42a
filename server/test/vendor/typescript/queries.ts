/** Every way of ranking: by vector, by text, by both at once, by attribute. */
import { expect } from "vitest";
import { type Check, expectDistances, ids, type Namespace } from "./context.js";

const fox = ["red fox", "red fox red fox", "blue bird sings"];

async function writeTexts(namespace: Namespace): Promise<void> {
  await namespace.write({
    upsert_rows: fox.map((text, index) => ({ id: index + 1, text, kind: index < 2 ? "fox" : "bird" })),
    schema: { text: { type: "string", full_text_search: true } },
  });
}

const queryByVector: Check = async ({ namespace }) => {
  const points = namespace();
  await points.write({
    upsert_rows: [
      { id: 1, vector: [1, 2], kind: "a" },
      { id: 2, vector: [3, 4], kind: "b" },
    ],
    distance_metric: "cosine_distance",
  });
  const near = await points.query({
    rank_by: ["vector", "ANN", [1, 1]],
    top_k: 2,
    include_attributes: ["kind"],
  });
  expect(ids(near.rows)).toEqual([2, 1]);
  expectDistances(near.rows, [0.010051, 0.051317]);
  expect(near.rows?.[0]?.kind).toBe("b");
  expect(near.billing.billable_logical_bytes_queried).toBeGreaterThan(0);
  expect(near.performance.approx_namespace_size).toBe(2);
  const filtered = await points.query({
    rank_by: ["vector", "ANN", [1, 1]],
    limit: 2,
    filters: ["kind", "Eq", "a"],
  });
  expect(ids(filtered.rows)).toEqual([1]);
};

const queryExactNeighbours: Check = async ({ namespace }) => {
  const points = namespace();
  await points.write({
    upsert_rows: [0, 0.1, 0.2, 0.4].map((x, id) => ({ id, vector: [x, x], even: id % 2 === 0 })),
    distance_metric: "euclidean_squared",
  });
  const exact = await points.query({
    rank_by: ["vector", "kNN", [0, 0]],
    top_k: 4,
    filters: ["id", "Gte", 0],
  });
  expect(ids(exact.rows)).toEqual([0, 1, 2, 3]);
  expectDistances(exact.rows, [0, 0.02, 0.08, 0.32]);
  const even = await points.query({
    rank_by: ["vector", "kNN", [0, 0]],
    top_k: 4,
    filters: ["even", "Eq", true],
  });
  expect(ids(even.rows)).toEqual([0, 2]);
};

const queryByText: Check = async ({ namespace }) => {
  const texts = namespace();
  await writeTexts(texts);
  const red = await texts.query({ rank_by: ["text", "BM25", "red"], top_k: 5 });
  expect(ids(red.rows)).toEqual([2, 1]);
  expectDistances(red.rows, [0.590862, 0.544215]);
  const none = await texts.query({ rank_by: ["text", "BM25", "zebra"], top_k: 5 });
  expect(none.rows).toEqual([]);
  const prefix = await texts.query({
    rank_by: ["text", "BM25", "bir", { last_as_prefix: true }],
    top_k: 5,
  });
  expect(ids(prefix.rows)).toEqual([3]);
  expectDistances(prefix.rows, [1]);
};

const combineTextScores: Check = async ({ namespace }) => {
  const texts = namespace();
  await writeTexts(texts);
  const sum = await texts.query({
    rank_by: [
      "Sum",
      [
        ["text", "BM25", "red"],
        ["Product", 2, ["text", "BM25", "blue"]],
      ],
    ],
    top_k: 5,
  });
  expect(ids(sum.rows)).toEqual([3, 2, 1]);
  expectDistances(sum.rows, [2 * 0.980829, 0.590862, 0.544215]);
  const boosted = await texts.query({ rank_by: ["Product", 2, ["kind", "Eq", "bird"]], top_k: 5 });
  expect(ids(boosted.rows)).toEqual([3]);
  expectDistances(boosted.rows, [2]);
};

async function writeVectorsAndTexts(namespace: Namespace): Promise<void> {
  await namespace.write({
    upsert_rows: fox.map((text, index) => ({ id: index + 1, vector: [index, 0], text })),
    distance_metric: "euclidean_squared",
    schema: { text: { type: "string", full_text_search: true } },
  });
}

const multiQuery: Check = async ({ namespace }) => {
  const both = namespace();
  await writeVectorsAndTexts(both);
  const answer = await both.multiQuery({
    queries: [
      { rank_by: ["vector", "ANN", [0, 0]], top_k: 2 },
      { rank_by: ["text", "BM25", "blue"], top_k: 2, include_attributes: ["text"] },
      { aggregate_by: { n: ["Count"] } },
    ],
  });
  expect(answer.results).toHaveLength(3);
  expect(ids(answer.results[0]?.rows)).toEqual([1, 2]);
  expect(ids(answer.results[1]?.rows)).toEqual([3]);
  expect(answer.results[1]?.rows?.[0]?.text).toBe("blue bird sings");
  expect(answer.results[2]?.aggregations).toEqual({ n: 3 });
  expect(answer.billing.billable_logical_bytes_queried).toBeGreaterThan(0);
  expect(answer.performance.approx_namespace_size).toBe(3);
};

const fuseQueries: Check = async ({ namespace }) => {
  const both = namespace();
  await writeVectorsAndTexts(both);
  const fused = await both.multiQuery({
    queries: [
      { rank_by: ["vector", "ANN", [0, 0]], top_k: 1 },
      { rank_by: ["text", "BM25", "blue"], top_k: 1 },
    ],
    rerank_by: ["RRF", { weights: [1, 5] }],
  });
  expect(fused.results).toHaveLength(1);
  expect(ids(fused.results[0]?.rows)).toEqual([3, 1]);
  expectDistances(fused.results[0]?.rows, [5 / 61, 1 / 61]);
};

const orderBy: Check = async ({ namespace }) => {
  const stock = namespace();
  await stock.write({
    upsert_rows: [
      { id: 1, a: "5", kind: "x" },
      { id: 2, a: "4", kind: "y" },
      { id: 3, kind: "x" },
      { id: 4, a: "1", kind: "y" },
    ],
  });
  const up = await stock.query({ rank_by: ["a", "asc"], top_k: 10 });
  expect(ids(up.rows)).toEqual([3, 4, 2, 1]);
  expect(Object.keys(up.rows?.[0] ?? {})).toEqual(["id"]);
  expect(ids((await stock.query({ rank_by: ["a", "desc"], top_k: 10 })).rows)).toEqual([1, 2, 4, 3]);
  const two = await stock.query({
    rank_by: [
      ["kind", "asc"],
      ["a", "desc"],
    ],
    top_k: 10,
  });
  expect(ids(two.rows)).toEqual([1, 3, 2, 4]);
  const page = await stock.query({ rank_by: ["id", "asc"], top_k: 2, filters: ["id", "Gt", 2] });
  expect(ids(page.rows)).toEqual([3, 4]);
};

export const queryChecks = {
  query_by_vector: queryByVector,
  query_exact_neighbours: queryExactNeighbours,
  query_by_text: queryByText,
  combine_text_scores: combineTextScores,
  multi_query: multiQuery,
  fuse_queries: fuseQueries,
  order_by: orderBy,
} satisfies Record<string, Check>;
