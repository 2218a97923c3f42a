/** What a query keeps, counts and shows: filters of every kind, aggregates, groups and the choice of attributes. */
import type Turbopuffer from "@turbopuffer/turbopuffer";
import { expect } from "vitest";
import { type Check, ids, type Namespace, STAMP } from "./context.js";

type Filter = NonNullable<Turbopuffer.NamespaceQueryParams["filters"]>;

async function expectKept(namespace: Namespace, cases: readonly [Filter, number[]][]): Promise<void> {
  for (const [filter, wanted] of cases) {
    const answer = await namespace.query({ rank_by: ["id", "asc"], top_k: 10, filters: filter });
    expect(ids(answer.rows), JSON.stringify(filter)).toEqual(wanted);
  }
}

const filters: Check = async ({ namespace }) => {
  const rows = namespace();
  await rows.write({
    upsert_rows: [
      { id: 1, n: 1, s: "a", tags: ["x", "y"] },
      { id: 2, n: 2, s: "b", tags: ["y"] },
      { id: 3, n: 3, tags: [] },
      { id: 4, s: "B", tags: null },
    ],
  });
  await expectKept(rows, [
    [
      ["n", "Gt", 1],
      [2, 3],
    ],
    [
      ["n", "Lt", 2],
      [1, 4],
    ],
    [
      ["n", "Gte", 2],
      [2, 3],
    ],
    [
      ["n", "Lte", 1],
      [1, 4],
    ],
    [["n", "Eq", null], [4]],
    [
      ["n", "NotEq", null],
      [1, 2, 3],
    ],
    [
      ["n", "NotEq", 2],
      [1, 3, 4],
    ],
    [
      ["n", "In", [1, 3]],
      [1, 3],
    ],
    [
      ["n", "NotIn", [1, 3]],
      [2, 4],
    ],
    [
      ["tags", "Contains", "y"],
      [1, 2],
    ],
    [
      ["tags", "NotContains", "y"],
      [3, 4],
    ],
    [["tags", "ContainsAny", ["x", "z"]], [1]],
    [
      ["tags", "NotContainsAny", ["x", "z"]],
      [2, 3, 4],
    ],
    [
      ["tags", "AnyGt", "x"],
      [1, 2],
    ],
    [
      ["Not", ["s", "Eq", "a"]],
      [2, 3, 4],
    ],
    [
      [
        "And",
        [
          ["n", "Gte", 1],
          [
            "Or",
            [
              ["s", "Eq", "a"],
              ["Not", ["n", "Lt", 3]],
            ],
          ],
        ],
      ],
      [1, 3],
    ],
  ]);
};

const patternFilters: Check = async ({ namespace }) => {
  const rows = namespace();
  await rows.write({
    upsert_rows: ["alpha", "Beta", "walrus den", "delta"].map((s, index) => ({ id: index + 1, s })),
    schema: { s: { type: "string", filterable: true, glob: true, regex: true, fuzzy: true } },
  });
  const near = { max_edit_distance: [{ min_query_chars: 6, distance: 1 }] };
  await expectKept(rows, [
    [
      ["s", "Glob", "*a"],
      [1, 2, 4],
    ],
    [
      ["s", "NotGlob", "*ta"],
      [1, 3],
    ],
    [["s", "IGlob", "b*"], [2]],
    [
      ["s", "NotIGlob", "b*"],
      [1, 3, 4],
    ],
    [
      ["s", "Regex", "^(alpha|delta)$"],
      [1, 4],
    ],
    [["s", "Fuzzy", "walruss", near], [3]],
  ]);
};

const tokenFilters: Check = async ({ namespace }) => {
  const rows = namespace();
  await rows.write({
    upsert_rows: [
      { id: 1, text: "marine mammals of the arctic" },
      { id: 2, text: "mammals on land" },
      { id: 3, text: "arctic marine birds" },
    ],
    schema: { text: { type: "string", full_text_search: true } },
  });
  await expectKept(rows, [
    [["text", "ContainsAllTokens", "mammals marine"], [1]],
    [["text", "ContainsAllTokens", "marine mammals whale"], []],
    [
      ["text", "ContainsAllTokens", "arctic mar", { last_as_prefix: true }],
      [1, 3],
    ],
    [
      ["text", "ContainsAnyToken", "land birds"],
      [2, 3],
    ],
    [["text", "ContainsTokenSequence", "marine mammals"], [1]],
    [["text", "ContainsTokenSequence", "mammals marine"], []],
  ]);
};

const colours = [
  { id: 1, colour: "blue", n: 2, tags: ["x", "y"] },
  { id: 2, colour: "red", n: 3, tags: ["y", "y"] },
  { id: 3, colour: "blue", n: 5, tags: [] },
  { id: 4, colour: "red", tags: ["x"] },
];

const aggregate: Check = async ({ namespace }) => {
  const rows = namespace();
  await rows.write({ upsert_rows: colours });
  const all = await rows.query({ aggregate_by: { count: ["Count"], total: ["Sum", "n"] } });
  expect(all.aggregations).toEqual({ count: 4, total: 10 });
  expect(all.rows).toBeUndefined();
  const none = await rows.query({ aggregate_by: { total: ["Sum", "n"] }, filters: ["n", "Gt", 100] });
  expect(none.aggregations).toEqual({ total: 0 });
};

const groupBy: Check = async ({ namespace }) => {
  const rows = namespace();
  await rows.write({ upsert_rows: colours });
  const grouped = await rows.query({ aggregate_by: { count: ["Count"] }, group_by: ["colour"], top_k: 10 });
  expect(grouped.aggregation_groups).toEqual([
    { colour: "blue", count: 2 },
    { colour: "red", count: 2 },
  ]);
  const tags = await rows.query({
    aggregate_by: { count: ["Count"] },
    group_by: [{ tag: ["ForEachUnique", "tags"] }],
    filters: ["tags", "ContainsAny", ["x", "y"]],
    top_k: 10,
  });
  expect(tags.aggregation_groups).toEqual([
    { tag: "x", count: 2 },
    { tag: "y", count: 2 },
  ]);
};

const selectAttributes: Check = async ({ target, namespace }) => {
  const rows = namespace();
  await rows.write({
    upsert_rows: [{ id: 1, vector: [1, 2], a: 1, b: "two" }],
    distance_metric: "cosine_distance",
  });
  const keys = async (choice: Turbopuffer.NamespaceQueryParams): Promise<string[]> => {
    const answer = await rows.query({ rank_by: ["id", "asc"], top_k: 1, ...choice });
    return Object.keys(answer.rows?.[0] ?? {}).sort();
  };
  const stamp = target === "gateway" ? [STAMP] : [];
  expect(await keys({})).toEqual(["id"]);
  expect(await keys({ include_attributes: false })).toEqual(["id"]);
  expect(await keys({ include_attributes: ["b"] })).toEqual(["b", "id"]);
  expect(await keys({ include_attributes: true })).toEqual([...stamp, "a", "b", "id", "vector"]);
  expect(await keys({ exclude_attributes: ["vector", "a"] })).toEqual([...stamp, "b", "id"]);
};

const limitPerGroup: Check = async ({ namespace }) => {
  const rows = namespace();
  await rows.write({ upsert_rows: colours });
  const answer = await rows.query({
    rank_by: ["id", "asc"],
    limit: { total: 3, per: { attributes: ["colour"], limit: 1 } },
  });
  expect(ids(answer.rows)).toEqual([1, 2]);
};

export const filterChecks = {
  filters,
  pattern_filters: patternFilters,
  token_filters: tokenFilters,
  aggregate,
  group_by: groupBy,
  select_attributes: selectAttributes,
  limit_per_group: limitPerGroup,
} satisfies Record<string, Check>;
