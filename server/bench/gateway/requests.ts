/** The requests that the gateway is measured with. */

import type { LoadRequest } from "./load.js";
import { KEY } from "./processes.js";

const DIMENSIONS = 768;
const READ = "/v2/namespaces/bench";
const WRITTEN = "/v2/namespaces/written";

const query = { top_k: 10, include_attributes: ["title"] };
const filters = [
  "And",
  [
    ["price", "Lt", 100],
    ["brand", "Eq", "Acme"],
  ],
];
const shortVector = Array.from({ length: 64 }, (_, index) => Math.round(Math.sin(index) * 1e6) / 1e6);

export const nativeQuery = post(`${READ}/query`, {
  rank_by: ["vector", "ANN", shortVector],
  filters,
  ...query,
});

export const vectorQuery = post(`${READ}/query`, { vector: shortVector, filters, ...query });

export const oneRowWrite = post(WRITTEN, {
  upsert_rows: [{ id: "sku-17", vector: shortVector, title: "Trail shoe", price: 99 }],
  distance_metric: "cosine_distance",
});

export const listing: LoadRequest = { method: "GET", path: "/v2/namespaces?page_size=20", key: KEY };

/** A write of rows with vectors of 768 numbers, written out as text. */
export function largeWrite(rows: number): LoadRequest & { readonly body: Buffer } {
  return post(WRITTEN, {
    upsert_rows: Array.from({ length: rows }, (_, row) => ({
      id: `sku-${row}`,
      vector: Array.from({ length: DIMENSIONS }, (_, index) =>
        Math.fround(Math.sin(row * DIMENSIONS + index)),
      ),
      title: `Trail shoe ${row}`,
      price: row % 200,
    })),
    distance_metric: "cosine_distance",
  });
}

/** The same with as many rows as come to about `bytes`. */
export function writeOfBytes(bytes: number): LoadRequest & { readonly body: Buffer } {
  const sample = 10;
  return largeWrite(Math.round((bytes * sample) / largeWrite(sample).body.length));
}

function post(path: string, body: unknown): LoadRequest & { readonly body: Buffer } {
  return { method: "POST", path, key: KEY, body: Buffer.from(JSON.stringify(body)) };
}
