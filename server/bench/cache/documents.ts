/** The documents of the cache's benchmark, and the requests about them. */

import type { LoadRequest } from "../gateway/load.js";
import { KEY } from "../gateway/processes.js";

export const NAMESPACE = "bench";
export const DIMENSIONS = 768;
const headers = { authorization: `Bearer ${KEY}`, "content-type": "application/json" };

export const idOf = (n: number): string => `document-${n}`;

export const fetchOne = (id: string): LoadRequest => ({
  method: "GET",
  path: `/v2/namespaces/${NAMESPACE}/documents/${id}`,
  key: KEY,
});

export const fetchMany = (ids: readonly (string | number)[], namespace = NAMESPACE): LoadRequest => ({
  method: "POST",
  path: `/v2/namespaces/${namespace}/documents`,
  key: KEY,
  body: Buffer.from(JSON.stringify({ ids })),
});

export function rowOf(n: number, vector: unknown, id: string | number = idOf(n)): object {
  return {
    id,
    vector,
    title: `Trail shoe ${n}`,
    body: "A light shoe for long days on rough ground. ".repeat(5),
    price: n % 200,
    tags: ["outdoor", "running"],
  };
}

/** @throws Error for an answer other than 2xx */
export async function ask<T>(url: string, method: string, path: string, body?: unknown): Promise<T> {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path} was answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as T;
}

/** Writes rows at `url`, the gateway's or the engine's. */
export async function writeRows(
  url: string,
  namespace: string,
  count: number,
  row: (n: number) => object,
): Promise<void> {
  for (let from = 0; from < count; from += 1_000) {
    const rows = Array.from({ length: Math.min(1_000, count - from) }, (_, n) => row(from + n));
    await ask(url, "POST", `/v2/namespaces/${namespace}`, {
      upsert_rows: rows,
      distance_metric: "cosine_distance",
    });
  }
}

export async function cacheOf(url: string, id: string): Promise<{ result: string | null; body: string }> {
  const answer = await fetch(`${url}/v2/namespaces/${NAMESPACE}/documents/${id}`, { headers });
  return { result: answer.headers.get("x-layer-cache"), body: await answer.text() };
}

export const milliseconds = (value: number): string => `${value.toFixed(2)} ms`;
