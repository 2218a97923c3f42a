/**
 * `npm run demo`: loads a real data set into the running gateway through the TypeScript client, then shows what can be
 * asked of it, each call beside the curl line that does the same.
 */
import { Hevlayer, HevlayerError, type QueryRequest, type QueryResponse } from "hevlayer";
import { readFilms, SCHEMA } from "./films.js";
import { createProgress } from "./progress.js";
import { embed } from "./vectors.js";

const NAMESPACE = "demo-films";
const ROWS_PER_WRITE = 400;
const LOCAL_KEY = "tpuf_local";

const baseUrl = process.env.LAYER_GATEWAY_URL ?? "http://localhost:8080";
const apiKey = process.env.LAYER_GATEWAY_API_KEY ?? process.env.TURBOPUFFER_API_KEY ?? LOCAL_KEY;
const shownKey = apiKey === LOCAL_KEY ? apiKey : "$LAYER_GATEWAY_API_KEY";

/** Prints a heading, the curl form of a call, and what the call gave. */
function show(title: string, method: string, path: string, body: unknown, lines: string[]): void {
  const data =
    body === undefined ? "" : ` \\\n    -H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`;
  const verb = method === "GET" ? "" : ` -X ${method}`;
  process.stdout.write(
    `\n${title}\n  curl -s${verb} ${baseUrl}${path} -H 'Authorization: Bearer ${shownKey}'${data}\n`,
  );
  for (const line of lines) process.stdout.write(`    ${line}\n`);
}

/** Replaces the demo's namespace with freshly written films. */
async function load(client: Hevlayer): Promise<void> {
  const films = readFilms();
  await client.deleteNamespace(NAMESPACE);
  process.stdout.write(
    `${films.length} films of vega-datasets → namespace ${NAMESPACE} (vectors are hashed bags of words, made here)\n`,
  );
  const progress = createProgress("loading", films.length);
  progress.update(0);
  for (let at = 0; at < films.length; at += ROWS_PER_WRITE) {
    const rows = films.slice(at, at + ROWS_PER_WRITE);
    await client.writeNamespace(NAMESPACE, {
      upsert_rows: rows,
      distance_metric: "cosine_distance",
      schema: SCHEMA,
    });
    progress.update(at + rows.length);
  }
}

async function tour(client: Hevlayer): Promise<void> {
  const route = `/v2/namespaces/${NAMESPACE}`;
  const text: QueryRequest = {
    rank_by: ["title", "BM25", "star wars"],
    limit: 5,
    include_attributes: ["title", "release_date"],
  };
  const found = await client.queryNamespace(NAMESPACE, text);
  show("Full text: star wars", "POST", `${route}/query`, text, rowsOf(found, "title", "release_date"));

  const near: QueryRequest = {
    vector: embed(["space adventure science fiction"]),
    top_k: 5,
    filters: [
      "And",
      [
        ["genre", "Eq", "Action"],
        ["imdb_rating", "Gte", 7],
      ],
    ],
    include_attributes: ["title", "imdb_rating"],
  };
  const neighbours = await client.queryNamespace(NAMESPACE, near);
  show(
    "Nearest vectors among well-rated action films",
    "POST",
    `${route}/query`,
    near,
    rowsOf(neighbours, "title", "imdb_rating"),
  );

  const id = found.rows?.[0]?.id ?? 0;
  const patch = { patch_rows: [{ id, watched: true }] };
  const patched = await client.writeNamespace(NAMESPACE, patch);
  show(`Patch film ${id}`, "POST", route, patch, [`rows_patched ${patched.rows_patched}`]);

  // The first fetch brings the document into the cache: how upstream spells a date is known only from upstream.
  const document = await client.fetchDocument(NAMESPACE, String(id), { withPerf: true });
  const again = await client.fetchDocument(NAMESPACE, String(id), { withPerf: true });
  show(`Fetch film ${id}`, "GET", `${route}/documents/${id}`, undefined, [
    `${JSON.stringify(document.data.attributes)}`,
    `cache ${document.perf.cacheStatus}, ${document.perf.latencyMs.toFixed(1)} ms; again: ${again.perf.cacheStatus}, ${again.perf.latencyMs.toFixed(1)} ms`,
  ]);

  const metadata = await client.getNamespaceMetadata(NAMESPACE);
  show("Metadata", "GET", `${route}/metadata`, undefined, [
    `${metadata.approx_row_count} rows, ${metadata.approx_logical_bytes} bytes, index ${metadata.index?.status}`,
    `layer ${JSON.stringify(metadata.layer)}`,
  ]);
}

/** One line a row: its id, its distance or score, and the named attributes. */
function rowsOf(answer: QueryResponse, ...names: string[]): string[] {
  return (answer.rows ?? []).map((row) => {
    const values = names.map((name) => String(row[name] ?? "–"));
    return `${String(row.id).padStart(4)}  ${(row.$dist ?? 0).toFixed(3)}  ${values.join("  ")}`;
  });
}

try {
  const client = new Hevlayer({ baseUrl, apiKey });
  await load(client);
  await tour(client);
  process.stdout.write(`\nSee it at ${baseUrl}/\n`);
} catch (error) {
  const reason = error instanceof HevlayerError ? error.message : String(error);
  process.stderr.write(`\ndemo: ${reason}\nIs the gateway running at ${baseUrl}? Start it with: npm start\n`);
  process.exitCode = 1;
}
