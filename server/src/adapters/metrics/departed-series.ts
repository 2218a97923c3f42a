/**
 * What processes that are gone had counted. Without it the sums over all processes would fall when one dies, and Prometheus
 * takes a sum that falls for one that began anew.
 */

import { joined, type Series } from "./series.js";

export interface DepartedSeries {
  /** The newest recording of a process. */
  seen(process: number, series: Series): void;
  /** The process is gone; what it counted since it was last seen is lost with it. */
  left(process: number): Promise<void>;
  /** Counters and histograms of those that are gone. */
  series(): Series;
}

export function createDepartedSeries(): DepartedSeries {
  const newest = new Map<number, Series>();
  let departed: Promise<Series> = Promise.resolve([]);
  let settled: Series = [];
  return {
    seen: (process, series) => void newest.set(process, series),
    async left(process) {
      const counted = newest.get(process)?.filter(isCounted);
      newest.delete(process);
      if (counted === undefined) return;
      departed = departed.then(async (before) => {
        settled = (await joined([before, counted]).getMetricsAsJSON()) as unknown as Series;
        return settled;
      });
      await departed;
    },
    series: () => settled,
  };
}

/** A gauge says how something is, and of a process that is gone there is nothing to say. */
function isCounted({ type }: Series[number]): boolean {
  return String(type) === "counter" || String(type) === "histogram";
}
