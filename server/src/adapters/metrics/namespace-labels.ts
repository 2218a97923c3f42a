/**
 * How many namespaces metrics tell apart. Names come from callers, so their number is bounded: whoever comes later is counted
 * as `other`, until a name that nobody used for a while gives up its place.
 */

import type { Clock } from "../../clock.js";

/** What stands for every namespace that has no place. */
export const OTHER = "other";

export interface NamespaceLabels {
  /** Gives the name a place while there is one. Call only with names of namespaces that exist. */
  admit(namespace: string): void;
  /** The label's value: the name itself, or `other`. */
  labelOf(namespace: string): string;
  /** Takes the places of names unused for `idleMs`, when fewer than a quarter are free. Returns those names. */
  retire(): ReadonlySet<string>;
}

export interface NamespaceLabelOptions {
  readonly placesMax: number;
  readonly idleMs: number;
}

export function createNamespaceLabels(
  clock: Pick<Clock, "monotonic">,
  { placesMax, idleMs }: NamespaceLabelOptions,
): NamespaceLabels {
  /** Name to the time of its last use. */
  const places = new Map<string, number>();
  return {
    admit(namespace) {
      if (places.has(namespace) || places.size >= placesMax || namespace === OTHER) return;
      places.set(namespace, clock.monotonic());
    },
    labelOf(namespace) {
      if (namespace === "") return "";
      if (!places.has(namespace)) return OTHER;
      places.set(namespace, clock.monotonic());
      return namespace;
    },
    retire() {
      const retired = new Set<string>();
      if (places.size <= placesMax * 0.75) return retired;
      const before = clock.monotonic() - idleMs;
      for (const [namespace, usedAt] of places) {
        if (usedAt > before) continue;
        places.delete(namespace);
        retired.add(namespace);
      }
      return retired;
    },
  };
}
