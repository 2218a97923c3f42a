/** Liveness and readiness. */

import type { RequestContext } from "../domain/context.js";
import type { HealthReports } from "../domain/health/health.js";
import type { HealthHandlers } from "../generated/handlers.js";

export function createHealthHandlers(health: HealthReports): HealthHandlers<RequestContext> {
  return {
    getHealth: async ({ context }) => ({ status: 200, json: health.report(context.principal) }),
    getReady: async ({ context }) => {
      const readiness = await health.readiness(context.principal);
      return readiness.ready
        ? { status: 200, json: readiness.report }
        : { status: 503, headers: { "retry-after": "1" }, json: readiness.report };
    },
  };
}
