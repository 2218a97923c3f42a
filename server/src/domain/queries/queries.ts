/** Reads by ranking, filter or aggregation, and upstream's own routes about them. */

import type { Upstream, UpstreamRequest } from "../../ports/upstream.js";
import { mapConcurrently } from "../concurrently.js";
import type { ConsistencyPolicy, StableViews } from "../consistency/view.js";
import type { RequestContext } from "../context.js";
import { readBody } from "../forwarding/body.js";
import { forwardedHeaders, namespacePath } from "../forwarding/forwarding.js";
import { passThrough } from "../forwarding/passthrough.js";
import { type Relay, relayAnswer, UpstreamRefused } from "../forwarding/relay.js";
import type { Queries } from "../operations.js";
import type { Leg, Query } from "./query.js";
import { queryBody } from "./query-body.js";
import { exchange } from "./query-exchange.js";
import { readQuery } from "./query-form.js";
import { type PageRequest, pageOf } from "./query-pages.js";
import { checkSearchTags } from "./search-tags.js";
import type { SeedResolver } from "./seed-resolver.js";
import { stableRead } from "./stable-read.js";
import { isTraceparent, mintTraceparent, type RandomHex } from "./trace-context.js";

export interface QueriesDependencies {
  upstream: Upstream;
  views: StableViews;
  policy: ConsistencyPolicy;
  seeds: SeedResolver;
  random: RandomHex;
}

const noVectors: ReadonlyMap<Leg, string> = new Map();

/** Legs of one query whose seeds are looked up side by side. */
const seedLookupsMax = 4;

export function createQueries({ upstream, views, policy, seeds, random }: QueriesDependencies): Queries {
  /** What the legs with `nearest_to_id` search from, as JSON text. */
  async function resolveVectors(
    context: RequestContext,
    namespace: string,
    query: Query,
  ): Promise<ReadonlyMap<Leg, string>> {
    const legs = legsOf(query).filter((leg) => leg.seeds.length > 0);
    if (legs.length === 0) return noVectors;
    const vectors = await mapConcurrently(legs, seedLookupsMax, async (leg) => {
      const vector = await seeds.resolveSeeds(context, namespace, leg.seeds);
      return [leg, JSON.stringify(vector)] as const;
    });
    return new Map(vectors);
  }

  async function queryNamespace(
    context: RequestContext,
    namespace: string,
    body: Uint8Array,
  ): Promise<Relay> {
    checkSearchTags(context);
    const query = readBody(body, readQuery);
    noteForm(context, query);
    const page = pageOf(query, namespace);
    const strong = policy.levelOf(namespace) === "strong";
    const read = stableRead(views.view(namespace), strong, page?.after);
    let vectors: ReadonlyMap<Leg, string>;
    try {
      vectors = await resolveVectors(context, namespace, query);
    } catch (error) {
      if (error instanceof UpstreamRefused) return error.relay;
      throw error;
    }
    const trace = context.headers.traceparent;
    const headers = isTraceparent(trace)
      ? { ...forwardedHeaders(context), traceparent: trace }
      : forwardedHeaders(context);
    const shown = await exchange(read, page, context, (watermark, window) =>
      upstream.send({
        method: "POST",
        path: namespacePath("v2", namespace, "query"),
        query: context.rawQuery,
        headers,
        body: queryBody(query, vectors, { watermark, strong, window }),
        effect: "read",
        answer: answerForm(page),
        signal: context.signal,
        notes: context.notes,
      }),
    );
    const added: Record<string, string> = {
      traceparent: isTraceparent(trace) ? trace : mintTraceparent(random),
    };
    if (read.stableAsOf !== undefined) added["x-layer-stable-as-of"] = String(read.stableAsOf);
    if (shown.nextCursor !== undefined) added["x-layer-next-cursor"] = shown.nextCursor;
    if (dropsVector(query)) added["x-layer-warning"] = "vector_attribute_dropped";
    return relayAnswer(shown.answer, added);
  }

  return {
    queryNamespace,
    queryTurbopufferNamespace: (context, namespace, body) => {
      if (context.notes !== undefined) context.notes.shape = "raw";
      return passThrough(upstream, context, {
        method: "POST",
        path: namespacePath("v2", namespace, "query"),
        effect: "read",
        body,
      });
    },
    explainTurbopufferQuery: (context, namespace, body) =>
      passThrough(upstream, context, {
        method: "POST",
        path: namespacePath("v2", namespace, "explain_query"),
        effect: "read",
        body,
      }),
    evaluateTurbopufferRecall: (context, namespace, body) =>
      passThrough(upstream, context, {
        method: "POST",
        path: namespacePath("v1", namespace, "_debug/recall"),
        effect: "read",
        body,
      }),
  };
}

function legsOf(query: Query): readonly Leg[] {
  return query.kind === "single" ? [query.leg] : query.legs;
}

function noteForm({ notes }: RequestContext, query: Query): void {
  if (notes === undefined) return;
  notes.shape = query.kind === "batch" ? "batch" : query.leg.form;
  if (query.kind === "batch") notes.legs = query.legs.length;
}

function dropsVector(query: Query): boolean {
  return legsOf(query).some((leg) => leg.attributes !== undefined);
}

/** A first page is relayed as it came and only looked at; of a further one the rows are cut out. */
function answerForm(page: PageRequest | undefined): UpstreamRequest["answer"] {
  if (page === undefined) return "raw";
  return page.after === undefined ? "inspected" : "decoded";
}
