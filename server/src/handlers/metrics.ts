/** What the gateway measures of itself. */

import type { RequestContext } from "../domain/context.js";
import type { Exposition } from "../domain/health/exposition.js";
import type { MetricsHandlers } from "../generated/handlers.js";

export function createMetricsHandlers(exposition: Exposition): MetricsHandlers<RequestContext> {
  return {
    getMetrics: async ({ context }) => {
      const { contentType, text } = await exposition.scrape(context.principal);
      return {
        status: 200,
        headers: { "content-type": contentType, "cache-control": "no-store" },
        body: Buffer.from(text),
      };
    },
  };
}
