/** Preparing caches before traffic arrives. */

import type { RequestContext } from "../domain/context.js";
import type { Warming } from "../domain/operations.js";
import type { WarmHandlers } from "../generated/handlers.js";

export function createWarmHandlers(warming: Warming): WarmHandlers<RequestContext> {
  return {
    hintCacheWarm: ({ path, context }) => warming.hintCacheWarm(context, path.namespace),
    warmCache: ({ path, query, context }) => warming.warmCache(context, path.namespace, query.page_size),
    listWarmJobs: ({ path, context }) => warming.listWarmJobs(context, path.namespace),
    getWarmJob: ({ path, context }) => warming.getWarmJob(context, path.namespace, path.job_id),
  };
}
