/**
 * Random histories against the gateway's own domain in simulated time: `npm test` runs a fixed set of seeds, `npm run test:long` a
 * million steps. A broken promise is cut down to the few steps that break it and printed with the command that shows it again.
 */

import { describe, expect, it } from "vitest";
import { isLong } from "../long-runs.js";
import { explore } from "./explore.js";
import { createModelReplica } from "./replica.js";
import { cacheFaults, stableReadFaults } from "./seeded-faults.js";

const STEPS = 1_000;
const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, n) => from + n);

describe("stable reads", () => {
  it(
    "keep their promises through index lag, failures, pauses and deaths of one to three replicas",
    async () => {
      const { found, totals } = await explore({
        seeds: range(1, isLong ? 1_000 : 40),
        steps: STEPS,
        cache: false,
        createReplica: createModelReplica(),
      });
      expect(found?.message).toBeUndefined();
      // A history in which nothing is ever filtered proves nothing.
      expect(totals.filteredReads).toBeGreaterThan(totals.reads / 10);
    },
    isLong ? 3_600_000 : 60_000,
  );

  it.each(stableReadFaults)(
    "break with $name, and the model sees it",
    async ({ promises, isSole = false, overrides }) => {
      const { found } = await explore({
        seeds: range(1, 40).map((seed) => (isSole ? 4 * seed : seed)),
        steps: STEPS,
        cache: false,
        shrinks: false,
        createReplica: createModelReplica(overrides()),
      });
      expect(promises).toContain(found?.promise);
    },
    60_000,
  );
});

describe("cached documents", () => {
  it(
    "keep their promises when the cache is slow, down, emptied, evicts, or loses a call anywhere in between",
    async () => {
      const { found, totals } = await explore({
        // The last one once found a hit from under an epoch that was being changed.
        seeds: [...range(1, isLong ? 1_000 : 24), 244, 891],
        steps: STEPS,
        cache: true,
        createReplica: createModelReplica(),
      });
      expect(found?.message).toBeUndefined();
      // A history in which nothing is ever a hit proves nothing.
      expect(totals.hits).toBeGreaterThan(totals.fetches / 20);
    },
    isLong ? 3_600_000 : 60_000,
  );

  it.each(cacheFaults)(
    "break with $name, and the model sees it",
    async ({ promises, likely = [], overrides }) => {
      const { found } = await explore({
        seeds: [...likely, ...range(1, 200)],
        steps: STEPS,
        cache: true,
        shrinks: false,
        createReplica: createModelReplica(overrides()),
      });
      expect(promises).toContain(found?.promise);
    },
    120_000,
  );
});
