/**
 * Writes documents, reads them back by id, patches one, and cleans up.
 *
 * Run with LAYER_GATEWAY_URL and LAYER_GATEWAY_API_KEY set: `npx tsx examples/basic.ts`.
 */
import { Hevlayer, NotFoundError } from "hevlayer";

const NAMESPACE = "example-basic";

const client = new Hevlayer();

await client.writeNamespace(NAMESPACE, {
  upsert_rows: [
    { id: "sku-17", vector: [0.1, 0.2], title: "Trail shoe", price: 89 },
    { id: "sku-18", vector: [0.3, 0.1], title: "Rain jacket", price: 129 },
  ],
  distance_metric: "cosine_distance",
});
await client.writeNamespace(NAMESPACE, { patch_rows: [{ id: "sku-17", price: 79 }], deletes: ["sku-18"] });

const document = await client.fetchDocument(NAMESPACE, "sku-17", { includeAttributes: ["title", "price"] });
console.log(document.id, document.attributes);

const found = await client.fetchDocuments(NAMESPACE, { ids: ["sku-17", "sku-18"] });
console.log(
  "found",
  found.documents.map((each) => each.id),
  "missing",
  found.missing,
);

try {
  await client.fetchDocument(NAMESPACE, "sku-18");
} catch (error) {
  if (!(error instanceof NotFoundError)) throw error;
  console.log(error.message);
}

const metadata = await client.getNamespaceMetadata(NAMESPACE);
console.log(metadata.id, metadata.approx_row_count, "rows");
console.log((await client.deleteNamespace(NAMESPACE)).status);
