/** The queries of a gateway over a scripted upstream, with whatever is known of the namespace. */

import type { NamespaceView } from "../src/domain/consistency/view.js";
import { createQueries } from "../src/domain/queries/queries.js";
import type { SeedResolver } from "../src/domain/queries/seed-resolver.js";
import { AppError } from "../src/errors.js";
import type { Upstream } from "../src/ports/upstream.js";
import { answerText, contextWith, type Script, scriptedUpstream } from "./upstream-double.js";

export interface QueryGatewayOptions {
  script?: Script;
  /** Read anew by every query. */
  view?: NamespaceView;
  level?: "eventual" | "strong";
  /** Default: no document has a vector. */
  seeds?: SeedResolver;
}

export const updatingAt = (watermark: number): NamespaceView => ({
  status: "updating",
  watermark,
  hasStamp: true,
});
export const stableAt = (watermark: number): NamespaceView => ({
  status: "stable",
  watermark,
  hasStamp: true,
});
export const unwatched: NamespaceView = { status: "unknown", watermark: undefined, hasStamp: false };

export function queryGateway(options: QueryGatewayOptions = {}) {
  const upstream = scriptedUpstream(options.script ?? (() => answerText('{"rows":[]}')));
  return { upstream, ...queriesOver(upstream, options) };
}

/** `now` may be changed between queries: what is known of every namespace. */
export function queriesOver(
  upstream: Upstream,
  { view, level, seeds = noVectors }: QueryGatewayOptions = {},
) {
  const known = { now: view ?? unwatched };
  const queries = createQueries({
    upstream,
    views: { view: () => known.now },
    policy: { levelOf: () => level ?? "eventual" },
    random: (bytes) => "ab".repeat(bytes),
    seeds,
  });
  const query = (body: string | Buffer, context = contextWith()) =>
    queries.queryNamespace(context, "products", Buffer.from(body));
  return { queries, query, known };
}

const noVectors: SeedResolver = {
  resolveSeeds: async (_context, _namespace, ids) => {
    throw new AppError("not_found", `no vector: ${ids.join(", ")}`);
  },
};

/** What is sent upstream for a body. */
export async function sentFor(body: string | Buffer, options: QueryGatewayOptions = {}): Promise<string> {
  const { upstream, query } = queryGateway(options);
  await query(body);
  return upstream.sentText();
}
