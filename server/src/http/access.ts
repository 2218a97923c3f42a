/** May this principal call this route on this namespace: the route's class comes from the spec, never from its path. */

import { AppError } from "../errors.js";
import type { Route } from "../generated/routes.js";
import { hasScope, isGranted, type Principal } from "../principal.js";

/**
 * @param namespace decoded name in the path, where the route has one
 * @throws AppError `forbidden` with reason `insufficient_scope` or `namespace_not_granted`
 */
export function authorise(route: Route, principal: Principal, namespace: string | undefined): void {
  if (route.access === "none") return;
  if (!hasScope(principal, route.access)) {
    throw new AppError("forbidden", `key '${principal.name}' lacks the scope ${route.access}`, {
      details: { reason: "insufficient_scope", required_scope: route.access },
    });
  }
  if (namespace !== undefined && !isGranted(principal, namespace)) {
    throw new AppError("forbidden", `key '${principal.name}' has no grant for namespace '${namespace}'`, {
      details: { reason: "namespace_not_granted" },
    });
  }
}
