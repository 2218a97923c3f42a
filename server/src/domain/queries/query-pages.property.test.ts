/** Paging over the real engine: the pages of an exact ranking are that ranking, cut. */

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runs } from "../../../test/long-runs.js";
import { queriesOver, stableAt, updatingAt } from "../../../test/query-gateway.js";
import { createTurbopuffer } from "../../adapters/upstream/turbopuffer.js";
import { startTestEngine, TEST_KEY, type TestEngine } from "../../engine/http/test-engine.js";
import type { Upstream } from "../../ports/upstream.js";

const rowsMax = 1_700;
const watermark = 1_000_000;
let engine: TestEngine;
let upstream: Upstream;

beforeAll(async () => {
  engine = await startTestEngine();
  upstream = createTurbopuffer({ url: engine.url, apiKey: TEST_KEY, decodedEncoding: "identity" });
  // Few values, so that most rows tie with others; some rows are newer than the watermark.
  const column = <T>(value: (n: number) => T) => Array.from({ length: rowsMax }, (_, n) => value(n));
  const words = ["red", "green", "blue"];
  const written = await engine.write("products", {
    upsert_columns: {
      id: column((n) => (n * 7919) % rowsMax),
      vector: column((n) => [n % 5, n % 7]),
      n: column((n) => (n % 11 === 0 ? null : n % 9)),
      s: column((n) => `s${n % 4}`),
      text: column((n) => `${words[n % 3]} ${words[n % 2]} ${n % 13 === 0 ? "red" : ""}`),
      _hevlayer_upserted_at: column((n) => watermark - 100 + (n % 110)),
    },
    distance_metric: "euclidean_squared",
    schema: { text: { type: "string", full_text_search: true }, _hevlayer_upserted_at: "int" },
  });
  expect(written.status).toBe(200);
});

afterAll(async () => {
  await upstream.close();
  await engine.stop();
});

const rankBy = fc.constantFrom<unknown>(
  ["id", "asc"],
  ["id", "desc"],
  ["n", "asc"],
  ["n", "desc"],
  [
    ["s", "desc"],
    ["n", "asc"],
  ],
  ["text", "BM25", "red"],
  ["text", "BM25", "blue green"],
  ["vector", "kNN", [2, 3]],
  [
    "Sum",
    [
      ["text", "BM25", "red"],
      ["s", "Eq", "s1"],
    ],
  ],
);
const filters = fc.constantFrom<unknown>(
  ["n", "Gte", 0],
  ["id", "Lt", 700],
  [
    "Or",
    [
      ["s", "Eq", "s1"],
      ["n", "In", [1, 2]],
    ],
  ],
);
const offset = fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined });
const pageRows = fc.oneof(fc.integer({ min: 60, max: 300 }), fc.integer({ min: 600, max: 1_500 }));
const view = fc.constantFrom(stableAt(watermark), updatingAt(watermark));
const attributes = fc.constantFrom<unknown>(undefined, ["n", "s"], true);

async function readPages(body: object, view: ReturnType<typeof stableAt>): Promise<unknown[]> {
  const { query } = queriesOver(upstream, { view });
  const rows: unknown[] = [];
  let cursor: unknown;
  do {
    const relay = await query(JSON.stringify({ ...body, cursor }));
    const text = Buffer.from(relay.body).toString();
    if (relay.status !== 200) throw new Error(`a page was answered ${relay.status}: ${text}`);
    const answer = JSON.parse(text);
    expect(answer.billing.billable_logical_bytes_queried).toBeGreaterThan(0);
    rows.push(...answer.rows);
    cursor = relay.headers["x-layer-next-cursor"];
  } while (cursor !== undefined);
  return rows;
}

describe("the pages of an exact ranking", () => {
  it("have every row once, in the order of the whole, ties and missing values among them", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({ rankBy, filters, offset, rows: pageRows, view, attributes, asLimit: fc.boolean() }),
        async ({ rankBy, filters, offset, rows, view, attributes, asLimit }) => {
          const body = {
            rank_by: rankBy,
            filters,
            offset,
            include_attributes: attributes,
            ...(asLimit ? { limit: { total: rows } } : { top_k: rows }),
          };
          const held =
            view.status === "updating"
              ? ["And", [filters, ["_hevlayer_upserted_at", "Lte", watermark]]]
              : filters;
          const whole = await engine.rows(
            "products",
            JSON.parse(JSON.stringify({ ...body, filters: held, limit: undefined, top_k: 10_000 })),
          );
          expect(await readPages(body, view)).toEqual(whole);
        },
      ),
      { numRuns: runs(20) },
    );
  }, 180_000);

  it("keep to a cap per group", async () => {
    const limit = (total: number) => ({ total, per: { attributes: ["s", "n"], limit: 3 } });
    const body = { rank_by: ["id", "desc"] };
    const whole = await engine.rows("products", { ...body, limit: limit(10_000) });
    expect(await readPages({ ...body, limit: limit(7) }, stableAt(watermark))).toEqual(whole);
    expect(whole.length).toBeGreaterThan(21);
  });
});
