/** Runs many seeds and, on a broken promise, says everything that is needed to see it again. */

import { createHistory, type HistoryOptions } from "./history.js";
import { type RunOptions, type RunResult, runHistory } from "./run.js";
import { shrink } from "./shrink.js";

export interface Exploration {
  readonly seeds: readonly number[];
  readonly steps: number;
  readonly cache: boolean;
  readonly createReplica: RunOptions["createReplica"];
  /** Cut a failing history down before it is reported. Default true. */
  readonly shrinks?: boolean;
}

export interface Found {
  readonly seed: number;
  readonly promise: number;
  readonly message: string;
}

export interface Explored {
  readonly found: Found | undefined;
  readonly totals: Omit<RunResult, "violation">;
}

/** By the seed: the only replica, or one to three that share a blob store. */
export const replicasOf = (seed: number): { replicas: number; isSole: boolean } => ({
  replicas: Math.max(1, seed % 4),
  isSole: seed % 4 === 0,
});

export async function explore(exploration: Exploration): Promise<Explored> {
  const totals = { reads: 0, filteredReads: 0, fetches: 0, hits: 0, applied: 0 };
  for (const seed of exploration.seeds) {
    const { history, options } = setUp(exploration, seed);
    const { violation, ...counts } = await runHistory(history, options);
    for (const key of Object.keys(totals) as (keyof typeof totals)[]) totals[key] += counts[key];
    if (violation === undefined) continue;
    const message =
      exploration.shrinks === false
        ? violation.message
        : await described(exploration, seed, violation.promise);
    return { found: { seed, promise: violation.promise, message }, totals };
  }
  return { found: undefined, totals };
}

function setUp(exploration: Exploration, seed: number) {
  const shape: HistoryOptions = {
    seed,
    steps: exploration.steps,
    ...replicasOf(seed),
    cache: exploration.cache,
  };
  const options: RunOptions = { ...shape, createReplica: exploration.createReplica };
  return { history: createHistory(shape), options };
}

async function described(exploration: Exploration, seed: number, promise: number): Promise<string> {
  const { history, options } = setUp(exploration, seed);
  const short = await shrink(history, options, promise);
  const { violation } = await runHistory(short, options);
  const steps = short.map((step) => `  ${JSON.stringify(step)}`).join("\n");
  const ids = short.map(({ id }) => id).join(",");
  const command = `npx tsx server/test/model/replay.ts --seed ${seed} --steps ${exploration.steps}${exploration.cache ? " --cache" : ""} --only ${ids}`;
  return `${violation?.message ?? "the shrunk history does not fail"}\n${short.length} of ${history.length} steps:\n${steps}\nsee it again: ${command}`;
}
