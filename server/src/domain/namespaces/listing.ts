/**
 * The listing of namespaces with their state: upstream's page of names, each with its metadata.
 *
 * A page costs up to a thousand metadata reads, so pages are kept for a while. A page is dropped early when a write made
 * a namespace that no page can show yet, or when one was deleted: what a caller just did should be visible to it.
 */

import type { Clock } from "../../clock.js";
import { AppError } from "../../errors.js";
import type { CacheState } from "../../generated/types.js";
import { JsonCursor } from "../../lang/json-cursor.js";
import { memberValue, readMembers } from "../../lang/json-members.js";
import type { Upstream, UpstreamAnswer } from "../../ports/upstream.js";
import { isGranted, type Principal } from "../../principal.js";
import { BoundedCache } from "../bounded-cache.js";
import { mapConcurrently } from "../concurrently.js";
import type { RequestContext } from "../context.js";
import { readAnswer } from "../forwarding/answer.js";
import { namespacePath, tracingHeaders } from "../forwarding/forwarding.js";
import { isSuccess, jsonRelay, type Relay, relayAnswer } from "../forwarding/relay.js";
import type { ListingParameters } from "../operations.js";
import { summaryRow } from "./namespace-summary.js";

export interface ListingDependencies {
  upstream: Upstream;
  clock: Clock;
  /** What the document cache holds of a namespace. Must not reject. Default: nothing. */
  cacheStateOf?: ((namespace: string) => CacheState | Promise<CacheState>) | undefined;
}

export interface ListingOptions {
  /** How long a page is kept, ms; 0 keeps none. */
  cacheTtlMs: number;
}

export interface Listing {
  list(context: RequestContext, parameters: ListingParameters): Promise<Relay>;
  /** A namespace was written to: pages that may lack it are dropped. */
  noteWritten(namespace: string): void;
  noteDeleted(namespace: string): void;
}

const pageSizeDefault = 100;
const pageSizeMax = 1000;
const metadataInFlightMax = 16;
const cachedPagesMax = 64;
const knownNamespacesMax = 10_000;

const cold: CacheState = { state: "cold", warm_inflight: false };

export function createListing(
  { upstream, clock, cacheStateOf = () => cold }: ListingDependencies,
  options: ListingOptions,
): Listing {
  const pages = new BoundedCache<Buffer>(clock, { ttlMs: options.cacheTtlMs, entriesMax: cachedPagesMax });
  /** Namespaces that listings made from now on will show. */
  const known = new BoundedCache<true>(clock, {
    ttlMs: Number.MAX_SAFE_INTEGER,
    entriesMax: knownNamespacesMax,
  });

  /** Grows whenever pages are dropped, so that a page read before is not kept after. */
  let generation = 0;

  function dropPages(): void {
    generation++;
    pages.clear();
  }

  async function list(context: RequestContext, parameters: ListingParameters): Promise<Relay> {
    const pageSize = parsePageSize(parameters.pageSize);
    const { grants } = context.principal;
    const key = JSON.stringify([parameters.prefix ?? "", parameters.cursor ?? "", pageSize, grants]);
    const kept = pages.get(key);
    if (kept !== undefined) return jsonRelay(200, kept);

    const begunIn = generation;
    const names = await upstream.send({
      method: "GET",
      path: "/v1/namespaces",
      query: pageQuery(parameters, pageSize),
      headers: tracingHeaders(context),
      effect: "read",
      answer: "decoded",
      signal: context.signal,
      notes: context.notes,
    });
    if (!isSuccess(names)) return relayAnswer(names);
    const page = readNames(names);
    const granted = page.names.filter((name) => isGranted(context.principal, name));
    const rows = await mapConcurrently(granted, metadataInFlightMax, (name) => readRow(context, name));
    const next = page.nextCursor === undefined ? "" : `,"next_cursor":${JSON.stringify(page.nextCursor)}`;
    const body = Buffer.from(`{"namespaces":[${rows.map((row) => row.text).join(",")}]${next}}`);
    if (generation === begunIn) {
      if (rows.every((row) => row.complete)) pages.set(key, body);
      for (const name of granted) known.set(name, true);
    }
    return jsonRelay(200, body);
  }

  /** A failed read leaves a row that says so: one bad namespace must not hide the others. */
  async function readRow(
    context: RequestContext,
    name: string,
  ): Promise<{ text: string; complete: boolean }> {
    const cacheState = await cacheStateOf(name);
    const readAtMs = clock.now();
    const failed = (error: string) => ({
      text: summaryRow({ name, metadata: { error }, readAtMs, cacheState }),
      complete: false,
    });
    try {
      const answer = await upstream.send({
        method: "GET",
        path: namespacePath("v2", name, "metadata"),
        headers: tracingHeaders(context),
        effect: "read",
        answer: "decoded",
        signal: context.signal,
        notes: context.notes,
      });
      if (!isSuccess(answer)) return failed(refusal(answer));
      const text = readAnswer(answer, "metadata", (metadata) =>
        summaryRow({ name, metadata, readAtMs, cacheState }),
      );
      return { text, complete: true };
    } catch (error) {
      if (error instanceof AppError) return failed(error.message);
      throw error;
    }
  }

  return {
    list,
    noteWritten: (namespace) => {
      if (known.get(namespace)) return;
      known.set(namespace, true);
      dropPages();
    },
    noteDeleted: (namespace) => {
      known.delete(namespace);
      dropPages();
    },
  };
}

function parsePageSize(given: string | number | undefined): number {
  if (given === undefined) return pageSizeDefault;
  const size = Number(given);
  if (!Number.isInteger(size) || size < 1) {
    throw new AppError("validation_error", `page_size: expected an integer of at least 1, got '${given}'`);
  }
  return Math.min(size, pageSizeMax);
}

function pageQuery({ prefix, cursor }: ListingParameters, pageSize: number): string {
  const query = new URLSearchParams();
  if (prefix) query.set("prefix", prefix);
  if (cursor) query.set("cursor", cursor);
  query.set("page_size", String(pageSize));
  return query.toString();
}

/** @throws AppError `upstream_error` when the answer is not a listing */
function readNames(answer: UpstreamAnswer): { names: string[]; nextCursor: string | undefined } {
  return readAnswer(answer, "listing", (page) => {
    const list = memberValue(page, "namespaces");
    if (!Array.isArray(list)) throw notAListing();
    const cursor = memberValue(page, "next_cursor");
    return {
      names: list.map(nameOf),
      nextCursor: typeof cursor === "string" && cursor !== "" ? cursor : undefined,
    };
  });
}

function nameOf(entry: unknown): string {
  if (typeof entry === "object" && entry !== null && "id" in entry && typeof entry.id === "string")
    return entry.id;
  throw notAListing();
}

function notAListing(): AppError {
  return new AppError("upstream_error", "turbopuffer answered a listing request with something else");
}

/** What upstream said instead, short enough for a row. */
function refusal(answer: UpstreamAnswer): string {
  const text = Buffer.from(answer.body).toString("utf8").slice(0, 150).trim();
  return `turbopuffer answered ${answer.status}: ${text}`;
}

/**
 * Upstream's own page of names with only those the principal may see; all else stays as upstream wrote it.
 *
 * @throws AppError `upstream_error` when the answer is not a listing
 */
export function filterNames(answer: UpstreamAnswer, principal: Principal): Buffer {
  return readAnswer(answer, "listing", ({ bytes, members }) => {
    const list = members.get("namespaces");
    if (list === undefined) throw notAListing();
    const granted: Buffer[] = [];
    const cursor = new JsonCursor(bytes, list.start, list.end);
    cursor.array(() => {
      const start = cursor.position;
      cursor.skip();
      const entry = bytes.subarray(start, cursor.position);
      const name = readMembers(entry);
      if (name === undefined) throw notAListing();
      if (isGranted(principal, String(memberValue(name, "id")))) granted.push(entry);
    });
    const entries = granted.flatMap((entry, index) => (index === 0 ? [entry] : [Buffer.from(","), entry]));
    const before = bytes.subarray(0, list.start);
    return Buffer.concat([before, Buffer.from("["), ...entries, Buffer.from("]"), bytes.subarray(list.end)]);
  });
}
