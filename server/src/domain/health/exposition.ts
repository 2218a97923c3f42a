/**
 * Who may see which metrics: everyone may see how the gateway is, but the names of namespaces are told only to callers that
 * may read those namespaces, or to everyone where the operator says so.
 *
 * Anyone may ask, and an answer costs milliseconds, so callers without a name share the answer of the last second.
 */

import type { Clock } from "../../clock.js";
import type { MetricRegistry, Scrape } from "../../ports/metric-registry.js";
import { hasScope, isGranted, type Principal } from "../../principal.js";

export interface Exposition {
  /** The metrics as this caller may see them. */
  scrape(principal: Principal): Promise<Scrape>;
}

export interface ExpositionOptions {
  /** Tell every caller the names of namespaces. */
  readonly isPublic: boolean;
}

/** How long an answer to strangers is given again, ms: far below any scrape interval (chosen). */
const REUSE_MS = 1_000;

export function createExposition(
  { registry, clock }: { readonly registry: MetricRegistry; readonly clock: Pick<Clock, "monotonic"> },
  { isPublic }: ExpositionOptions,
): Exposition {
  let shared: { readonly at: number; readonly scrape: Promise<Scrape> } | undefined;

  function forStrangers(): Promise<Scrape> {
    const now = clock.monotonic();
    if (shared === undefined || now - shared.at >= REUSE_MS) {
      const scrape = registry.render(() => isPublic);
      shared = { at: now, scrape };
      scrape.catch(() => {
        shared = undefined;
      });
    }
    return shared.scrape;
  }

  return {
    scrape: (principal) =>
      hasScope(principal, "read") && !isPublic
        ? registry.render((namespace) => isGranted(principal, namespace))
        : forStrangers(),
  };
}
