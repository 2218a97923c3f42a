/**
 * Issues write stamps: wall-clock milliseconds that never run backwards within the process, so that a later write is
 * never stamped below an earlier one when the host's clock is set back.
 */

import type { Clock } from "../clock.js";

export interface Stamps {
  /** The stamp of a write about to be sent, epoch-ms. */
  issue(): number;
}

export function createStamps(clock: Clock): Stamps {
  let last = 0;
  return {
    issue: () => {
      last = Math.max(last, Math.floor(clock.now()));
      return last;
    },
  };
}
