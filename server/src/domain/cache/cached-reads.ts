/**
 * Rows by id, from the cache where it has them and from upstream where it has not; what upstream gave goes into the cache.
 */

import { mapConcurrently } from "../concurrently.js";
import type { RequestContext } from "../context.js";
import type { DocumentReads, OriginDocument } from "../documents/document-reads.js";
import { typedId } from "../documents/ids.js";
import type { Relay } from "../forwarding/relay.js";
import {
  type CachedDocument,
  type CachedDocuments,
  type CacheLookup,
  noBackfill,
} from "./cached-documents.js";

/** Where rows came from: all of them from the cache, or not; or the cache failed. */
export type CacheResult = "hit" | "miss" | "miss-on-error";

export type CachedRead<Part> =
  | { readonly kind: "refused"; readonly relay: Relay }
  | {
      readonly kind: "read";
      readonly cache: CacheResult;
      /** What rows have of what was asked for, by canonical id. */
      readonly rows: ReadonlyMap<string, Part>;
      /** The canonical form of an id; undefined when the namespace cannot hold it. */
      readonly canonical: (id: string) => string | undefined;
    };

/** What is wanted of a row. */
export interface ReadPart<Part> {
  readonly part: "attributes" | "vector";
  /** Undefined: the cache does not have it, which does not say that the row has none. */
  cached(document: CachedDocument): Part | undefined;
  /** Undefined: the row has none. */
  read(document: OriginDocument): Part | undefined;
}

export interface CachedReads {
  /**
   * Reads rows by the string form of their ids; those that were not cached are, by the time this resolves.
   * @throws AppError of the upstream port
   */
  read<Part>(
    context: RequestContext,
    namespace: string,
    ids: readonly string[],
    want: ReadPart<Part>,
  ): Promise<CachedRead<Part>>;
}

/** Ids handled at once, so that of a large batch little more than its answer is in memory. */
const CHUNK = 1_000;
const CHUNKS_IN_FLIGHT = 4;

export function createCachedReads({
  reads,
  documents,
}: {
  reads: DocumentReads;
  documents: CachedDocuments;
}): CachedReads {
  /** Looks rows up; adds those found to `rows` and returns the ids of the others. */
  async function lookUp<Part>(
    namespace: string,
    ids: readonly string[],
    want: ReadPart<Part>,
    rows: Map<string, Part>,
  ): Promise<{ lookup: CacheLookup; missing: string[] }> {
    const lookup = await documents.lookUp(namespace, ids, [want.part]);
    const missing: string[] = [];
    for (const [index, id] of ids.entries()) {
      const document = lookup.documents[index];
      const found = document && want.cached(document);
      if (found === undefined) missing.push(id);
      else rows.set(id, found);
    }
    return { lookup, missing };
  }

  async function readChunk<Part>(
    context: RequestContext,
    namespace: string,
    ids: readonly string[],
    want: ReadPart<Part>,
  ): Promise<CachedRead<Part>> {
    const rows = new Map<string, Part>();
    const first = await lookUp(namespace, ids, want, rows);
    if (first.missing.length === 0) return { kind: "read", cache: "hit", rows, canonical: (id) => id };
    const known = await reads.typesFor(context, namespace, first.missing);
    const canonical = (id: string) => typedId(id, known.types.id)?.canonical;
    let { lookup } = first;
    const raw = new Set(first.missing);
    let missing = [...new Set(first.missing.flatMap((id) => canonical(id) ?? []))];
    // Records are kept under the canonical form: an id in another spelling has to be looked up once more.
    if (missing.some((id) => !raw.has(id)))
      ({ lookup, missing } = await lookUp(namespace, missing, want, rows));
    const failed = first.lookup.failed || lookup.failed;
    if (missing.length === 0) {
      // Ids that no row can have were judged by fresh types: nobody needs to be asked for them.
      const isComplete = first.missing.every((id) => canonical(id) !== undefined);
      return { kind: "read", cache: failed ? "miss-on-error" : isComplete ? "hit" : "miss", rows, canonical };
    }
    // A namespace without a schema has no rows, and is not worth an epoch.
    const exists = known.types.id !== "unknown";
    const backfill = exists ? await documents.prepare(lookup, missing) : noBackfill;
    const asked = first.missing.filter((id) => !rows.has(canonical(id) ?? id));
    const needsVectors = want.part === "vector" || backfill.isWanted;
    const found = await reads.read(context, namespace, asked, known, needsVectors);
    if (found.kind === "refused") return found;
    for (const [id, document] of found.rows) {
      const part = want.read(document);
      if (part !== undefined) rows.set(id, part);
    }
    await backfill.fill(found.rows);
    return {
      kind: "read",
      cache: failed || backfill.hasFailed ? "miss-on-error" : "miss",
      rows,
      canonical: found.canonical,
    };
  }

  return {
    async read(context, namespace, ids, want) {
      const unique = ids.length === 1 ? ids : [...new Set(ids)];
      if (unique.length <= CHUNK) return readChunk(context, namespace, unique, want);
      const chunks: string[][] = [];
      for (let at = 0; at < unique.length; at += CHUNK) chunks.push(unique.slice(at, at + CHUNK));
      const parts = await mapConcurrently(chunks, CHUNKS_IN_FLIGHT, (chunk) =>
        readChunk(context, namespace, chunk, want),
      );
      return joined(parts);
    },
  };
}

function joined<Part>(parts: readonly CachedRead<Part>[]): CachedRead<Part> {
  const rows = new Map<string, Part>();
  let cache: CacheResult = "hit";
  let canonical = (id: string): string | undefined => id;
  for (const part of parts) {
    if (part.kind === "refused") return part;
    for (const [id, row] of part.rows) rows.set(id, row);
    if (part.cache === "hit") continue;
    // Of chunks that asked upstream any knows the types; those that only hit had canonical ids.
    canonical = part.canonical;
    if (cache !== "miss-on-error") cache = part.cache;
  }
  return { kind: "read", cache, rows, canonical };
}
