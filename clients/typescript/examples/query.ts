/**
 * Searches by vector under a filter, by text, and counts; with timings, and with a limit that the caller sets.
 *
 * Run with LAYER_GATEWAY_URL and LAYER_GATEWAY_API_KEY set: `npx tsx examples/query.ts`.
 */
import { Hevlayer } from "hevlayer";

const NAMESPACE = "example-query";

const client = new Hevlayer();

await client.writeNamespace(NAMESPACE, {
  upsert_rows: [
    { id: 1, vector: [0.1, 0.2], title: "Trail shoe", price: 89 },
    { id: 2, vector: [0.3, 0.1], title: "Rain jacket", price: 129 },
    { id: 3, vector: [0.1, 0.3], title: "Road shoe", price: 119 },
  ],
  distance_metric: "cosine_distance",
  schema: { title: { type: "string", full_text_search: true } },
});

try {
  const { data, perf } = await client.queryNamespace(
    NAMESPACE,
    {
      vector: new Float32Array([0.1, 0.2]),
      top_k: 2,
      filters: ["price", "Lt", 120],
      include_attributes: ["title"],
    },
    { withPerf: true },
  );
  for (const row of data.rows ?? []) console.log(row.id, row.$dist?.toFixed(4), row.title);
  console.log(`${perf.latencyMs.toFixed(1)} ms`);

  const [byText, count] = await Promise.all([
    client.queryNamespace(
      NAMESPACE,
      { rank_by: ["title", "BM25", "shoe"], limit: 5, include_attributes: ["title"] },
      { signal: AbortSignal.timeout(5_000) },
    ),
    client.queryNamespace(NAMESPACE, { aggregate_by: { total: ["Count"] }, filters: ["price", "Lt", 120] }),
  ]);
  console.log(byText.rows?.map((row) => row.title));
  console.log(count.aggregations);
} finally {
  await client.deleteNamespace(NAMESPACE);
}
