/** Routes of whoever watches the process: they answer while it is draining, and there is nothing in them to check. */

import type { routes } from "../generated/routes.js";

const operations: ReadonlySet<string> = new Set<keyof typeof routes>(["getHealth", "getReady", "getMetrics"]);

export function isProbe(route: { readonly operationId: string }): boolean {
  return operations.has(route.operationId);
}
