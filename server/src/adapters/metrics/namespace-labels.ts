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

interface Place {
  /** Since the last `retire`, which then says when that was: looking at the clock for every use would cost more than the use. */
  isUsed: boolean;
  usedAt: number;
}

export function createNamespaceLabels(
  clock: Pick<Clock, "monotonic">,
  { placesMax, idleMs }: NamespaceLabelOptions,
): NamespaceLabels {
  const places = new Map<string, Place>();
  return {
    admit(namespace) {
      if (places.has(namespace) || places.size >= placesMax || namespace === OTHER) return;
      places.set(namespace, { isUsed: true, usedAt: clock.monotonic() });
    },
    labelOf(namespace) {
      if (namespace === "") return "";
      const place = places.get(namespace);
      if (place === undefined) return OTHER;
      place.isUsed = true;
      return namespace;
    },
    retire() {
      const retired = new Set<string>();
      const now = clock.monotonic();
      const isFull = places.size > placesMax * 0.75;
      for (const [namespace, place] of places) {
        if (place.isUsed) place.usedAt = now;
        place.isUsed = false;
        if (!isFull || now - place.usedAt < idleMs) continue;
        places.delete(namespace);
        retired.add(namespace);
      }
      return retired;
    },
  };
}
