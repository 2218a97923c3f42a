/** Preparing caches before traffic arrives. */

import type { RequestContext } from "../domain/context.js";
import type { Warming } from "../domain/operations.js";
import type { WarmHandlers } from "../generated/handlers.js";

export function createWarmHandlers(warming: Warming): WarmHandlers<RequestContext> {
  return {
    hintCacheWarm: ({ path, context }) => warming.hintCacheWarm(context, path.namespace),
  };
}
