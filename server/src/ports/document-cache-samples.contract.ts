/** Records for the document cache's contract, and short ways to read them back. */

import { randomUUID } from "node:crypto";
import type { CachedRecord, CacheWrite, DocumentCache } from "./document-cache.js";

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : new TextDecoder().decode(value);
export const set = (): string => `set-${randomUUID()}`;

export function write(id: string, fields: Partial<CacheWrite> = {}): CacheWrite {
  return {
    id,
    condition: { when: "always" },
    mark: bytes("m"),
    epoch: "e",
    attributes: bytes(`{"id":"${id}"}`),
    ...fields,
  };
}

export async function one(
  cache: DocumentCache,
  name: string,
  id: string,
  parts: Parameters<DocumentCache["get"]>[2] = ["attributes", "vector"],
): Promise<CachedRecord | undefined> {
  return (await cache.get(name, [id], parts)).records[0];
}

/** The record, which must be there. */
export async function present(cache: DocumentCache, name: string, id: string): Promise<CachedRecord> {
  const record = await one(cache, name, id);
  if (record === undefined) throw new Error(`no record ${id}`);
  return record;
}
