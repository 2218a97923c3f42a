/** Cuts a failing history down: steps leave, in ever smaller pieces, as long as the same promise is still broken. */

import type { Step } from "./history.js";
import { type RunOptions, runHistory } from "./run.js";

/** @param budget runs at most */
export async function shrink(
  history: readonly Step[],
  options: RunOptions,
  promise: number,
  budget = 400,
): Promise<readonly Step[]> {
  let kept = history;
  let left = budget;
  const stillFails = async (candidate: readonly Step[]): Promise<boolean> => {
    left -= 1;
    return (await runHistory(candidate, options)).violation?.promise === promise;
  };
  for (let size = Math.ceil(kept.length / 2); size >= 1 && left > 0; ) {
    let hasCut = false;
    for (let from = 0; from < kept.length && left > 0; ) {
      const candidate = kept.toSpliced(from, size);
      if (await stillFails(candidate)) {
        kept = candidate;
        hasCut = true;
      } else from += size;
    }
    if (!hasCut && size === 1) break;
    size = hasCut ? size : Math.floor(size / 2);
  }
  return kept;
}
