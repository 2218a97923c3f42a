/** Ranked, filtered and aggregated reads, and Turbopuffer's own tools around them. */

import type { RequestContext } from "../domain/context.js";
import type { Queries } from "../domain/operations.js";
import type { QueryHandlers } from "../generated/handlers.js";

export function createQueryHandlers(queries: Queries): QueryHandlers<RequestContext> {
  return {
    queryNamespace: ({ path, bytes, context }) => queries.queryNamespace(context, path.namespace, bytes),
    explainTurbopufferQuery: ({ path, bytes, context }) =>
      queries.explainTurbopufferQuery(context, path.namespace, bytes),
    queryTurbopufferNamespace: ({ path, bytes, context }) =>
      queries.queryTurbopufferNamespace(context, path.namespace, bytes),
    evaluateTurbopufferRecall: ({ path, bytes, context }) =>
      queries.evaluateTurbopufferRecall(context, path.namespace, bytes),
  };
}
