import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runs } from "../../test/long-runs.js";
import { Engine } from "./engine.js";
import { EngineError } from "./errors.js";
import type { Json, JsonObject } from "./json.js";

/**
 * Requests made of the right words in the wrong places. Whatever comes, the engine answers or refuses with a 4xx of its
 * own; anything else that is thrown is a defect.
 */
const dataDirectory = mkdtempSync(join(tmpdir(), "engine-fuzz-"));
let engine: Engine;

beforeAll(() => {
  engine = Engine.open({ dataDirectory });
  engine.write("f", {
    upsert_rows: [
      {
        id: 1,
        vector: [1, 2],
        text: "red fox",
        n: 1,
        tags: ["a"],
        at: "2026-01-01",
        f: 1.5,
        sparse: { "1": 1 },
      },
      { id: 2, vector: [0, 0], n: null, tags: [] },
    ],
    distance_metric: "cosine_distance",
    schema: {
      at: "datetime",
      text: {
        type: "string",
        full_text_search: true,
        regex: true,
        glob: true,
        fuzzy: true,
        filterable: true,
      },
      sparse: { type: "{}f16", sparse_knn: { distance_metric: "dot_product" } },
      pre: { type: "[]string", full_text_search: { tokenizer: "pre_tokenized_array" } },
    },
  });
});
afterAll(async () => {
  await engine.close();
  rmSync(dataDirectory, { recursive: true, force: true });
});

const attribute = fc.constantFrom(
  "id",
  "vector",
  "text",
  "n",
  "tags",
  "at",
  "f",
  "sparse",
  "pre",
  "nope",
  "__proto__",
  "",
);
const operator = fc.constantFrom(
  ...[
    "And",
    "Or",
    "Not",
    "Eq",
    "NotEq",
    "In",
    "NotIn",
    "Contains",
    "ContainsAny",
    "Lt",
    "Gte",
    "AnyLt",
    "Glob",
  ],
  ...[
    "IGlob",
    "Regex",
    "Fuzzy",
    "ContainsAllTokens",
    "ContainsAnyToken",
    "ContainsTokenSequence",
    "BM25",
    "ANN",
  ],
  ...[
    "kNN",
    "SparseKNN",
    "asc",
    "desc",
    "Sum",
    "Max",
    "Product",
    "Attribute",
    "Saturate",
    "Decay",
    "Dist",
    "RRF",
  ],
  ...["Count", "ForEachUnique", "VectorDist", "constructor", "toString"],
);
const word = fc.constantFrom(
  "red",
  "a*",
  "[",
  "(",
  "2026-01-01",
  "1d",
  "AACAPw==",
  "uuid",
  "string",
  "[2]f32",
  "f16",
);
const number = fc.constantFrom<Json>(0, 1, -1, 1.5, 10_001, 2 ** 53, 2n ** 63n, 2n ** 64n, 1e300);
const field = fc.constantFrom(
  ...[
    "upsert_rows",
    "upsert_columns",
    "patch_rows",
    "patch_columns",
    "deletes",
    "upsert_condition",
    "patch_condition",
  ],
  ...[
    "delete_condition",
    "delete_by_filter",
    "patch_by_filter",
    "schema",
    "distance_metric",
    "return_affected_ids",
  ],
  ...[
    "rank_by",
    "limit",
    "top_k",
    "offset",
    "filters",
    "include_attributes",
    "exclude_attributes",
    "aggregate_by",
  ],
  ...[
    "group_by",
    "queries",
    "rerank_by",
    "vector_encoding",
    "consistency",
    "compute_attributes",
    "type",
    "drop",
  ],
  ...[
    "full_text_search",
    "midpoint",
    "exponent",
    "total",
    "per",
    "attributes",
    "patch",
    "level",
    "num",
    "pinning",
  ],
  ...[
    "replicas",
    "max_edit_distance",
    "min_query_chars",
    "distance",
    "last_as_prefix",
    "weights",
    "$ref_new",
    "ann",
  ],
);
const leaf = fc.oneof(fc.constant<Json>(null), fc.boolean(), number, word, attribute, operator);

const { value } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: "medium" },
    leaf,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.tuple(attribute, operator, tie("value")),
    fc.tuple(operator, tie("value"), tie("value")),
    fc
      .array(fc.tuple(fc.oneof(field, attribute), tie("value")), { maxLength: 4 })
      .map((entries) => Object.fromEntries(entries)),
  ),
}));

/** A body with a sound part, so that the odd part is reached. */
const body = (base: JsonObject) =>
  fc
    .array(fc.tuple(field, value), { maxLength: 3 })
    .map((entries) => ({ ...base, ...Object.fromEntries(entries) }));

function mustAnswerOrRefuse(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    expect(error.status).toBeGreaterThanOrEqual(400);
    expect(error.status).toBeLessThan(500);
    expect(error.message).not.toBe("");
  }
}

it("answers or refuses any query", () => {
  const base = fc.constantFrom<JsonObject>({ limit: 2 }, { rank_by: ["id", "asc"], limit: 5 }, {});
  fc.assert(
    fc.property(base.chain(body), (query) => mustAnswerOrRefuse(() => engine.query("f", query))),
    { numRuns: runs(3_000) },
  );
});

it("answers or refuses any filter, rank expression and aggregation", () => {
  fc.assert(
    fc.property(
      value,
      fc.constantFrom("filters", "rank_by", "group_by", "compute_attributes"),
      (odd, where) =>
        mustAnswerOrRefuse(() =>
          engine.query(
            "f",
            where === "group_by"
              ? { aggregate_by: { c: ["Count"] }, group_by: odd }
              : { limit: 2, [where]: odd },
          ),
        ),
    ),
    { numRuns: runs(3_000) },
  );
});

it("answers or refuses any write, schema or metadata update, and can still be read", () => {
  const base = fc.constantFrom<JsonObject>(
    {},
    { upsert_rows: [{ id: 3, vector: [1, 1] }] },
    { deletes: [3] },
  );
  let round = 0;
  fc.assert(
    fc.property(base.chain(body), value, (write, odd) => {
      // A copy of its own for each write, because a write may well be valid and change the schema.
      const name = `w${round++ % 50}`;
      mustAnswerOrRefuse(() => engine.delete(name));
      engine.write(name, { copy_from_namespace: "f" });
      mustAnswerOrRefuse(() => engine.write(name, write));
      mustAnswerOrRefuse(() => engine.updateSchema(name, odd));
      mustAnswerOrRefuse(() => engine.recall(name, odd));
      mustAnswerOrRefuse(() => engine.query(name, { limit: 10, include_attributes: true }));
      mustAnswerOrRefuse(() => engine.updateMetadata(name, odd));
    }),
    { numRuns: runs(400) },
  );
}, 60_000);
