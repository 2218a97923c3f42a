/**
 * What the gateway can do, one interface per area, as handlers call it. Each is made by the factory of the file of the
 * same name (`createWrites` in `writes.ts`, …), which takes its dependencies as parameters.
 *
 * Bodies are bytes, already decompressed: whoever needs a field reads it without disturbing the rest. `namespace` is the
 * decoded name. All of them reject with `AppError`.
 */

import type { RequestContext } from "./context.js";
import type { Relay } from "./forwarding/relay.js";

export interface Writes {
  /**
   * Validates, stamps and forwards a write.
   *
   * 400 `invalid_json`; 422 `validation_error` naming the field; 502 when it surely was not applied; 504 when that is
   * unknown. Any answer of upstream is relayed.
   */
  writeNamespace(context: RequestContext, namespace: string, body: Uint8Array): Promise<Relay>;
}

export interface Queries {
  /**
   * A ranked, filtered or aggregated read, or several: a body with `vector` or `nearest_to_id` becomes a nearest-neighbour
   * query, any other keeps its bytes. Held to the watermark while the index is catching up. 400 `invalid_json`; 404 for ids
   * without a vector; 422 for a field, a cursor or a header that is refused.
   */
  queryNamespace(context: RequestContext, namespace: string, body: Uint8Array): Promise<Relay>;
  /** `POST /v1/…/query`: upstream's query route with no behaviour of ours. */
  queryTurbopufferNamespace(context: RequestContext, namespace: string, body: Uint8Array): Promise<Relay>;
  explainTurbopufferQuery(context: RequestContext, namespace: string, body: Uint8Array): Promise<Relay>;
  evaluateTurbopufferRecall(context: RequestContext, namespace: string, body: Uint8Array): Promise<Relay>;
}

export interface Documents {
  /**
   * @param docId decoded, in string form: `42` finds row 42 as well as row "42"
   * @param includeAttributes names to return, commas inside an element split it; absent means all user attributes
   */
  fetchDocument(
    context: RequestContext,
    namespace: string,
    docId: string,
    includeAttributes?: string | readonly string[] | undefined,
  ): Promise<Relay>;
  /** Body `{ids, include_attributes?}`; checked here, since numbers in `ids` must stay exact. */
  fetchDocuments(context: RequestContext, namespace: string, body: Uint8Array): Promise<Relay>;
}

/** Query parameters as the caller sent them, decoded. */
export interface ListingParameters {
  prefix?: string | undefined;
  cursor?: string | undefined;
  /** Rows a page, at least 1; above 1000 counts as 1000. Default 100. */
  pageSize?: string | number | undefined;
}

export interface Namespaces {
  listNamespaces(context: RequestContext, parameters: ListingParameters): Promise<Relay>;
  /** `GET /v1/namespaces`; the page is filtered for a principal that may not see every namespace. */
  listTurbopufferNamespaces(context: RequestContext): Promise<Relay>;
  /** Upstream's metadata with `id` and `layer` added. */
  getNamespaceMetadata(context: RequestContext, namespace: string): Promise<Relay>;
  getTurbopufferV1NamespaceMetadata(context: RequestContext, namespace: string): Promise<Relay>;
  updateTurbopufferNamespaceMetadata(
    context: RequestContext,
    namespace: string,
    body: Uint8Array,
  ): Promise<Relay>;
  getTurbopufferNamespaceSchema(context: RequestContext, namespace: string): Promise<Relay>;
  updateTurbopufferNamespaceSchema(
    context: RequestContext,
    namespace: string,
    body: Uint8Array,
  ): Promise<Relay>;
  /** Deletes upstream (absent counts as success), then everything local. */
  deleteNamespace(context: RequestContext, namespace: string): Promise<Relay>;
}

export interface Warming {
  /**
   * Upstream's own hint when the raw query string names no warm option; otherwise the steps that are not false, in the order
   * hint, documents, snapshots. 503 `cache_cold` before any of them when documents or snapshots are in force without a cache.
   */
  hintCacheWarm(context: RequestContext, namespace: string): Promise<Relay>;
  /** 202 with a new job, or with the one that runs. @param pageSize rows, 1 to 10,000. Default 1,000 */
  warmCache(context: RequestContext, namespace: string, pageSize: number | undefined): Promise<Relay>;
  /** Oldest first; ended ones for an hour. */
  listWarmJobs(context: RequestContext, namespace: string): Promise<Relay>;
  /** 404 when the namespace has no such job. */
  getWarmJob(context: RequestContext, namespace: string, jobId: string): Promise<Relay>;
}
