/** The machine's clock, which a test can set ahead. */

import type { Clock } from "../src/clock.js";

export interface MovableClock extends Clock {
  /** @param ms that pass at once, or by which somebody sets the clock */
  move(ms: number): void;
}

export function movableClock(): MovableClock {
  let offset = 0;
  return {
    now: () => Date.now() + offset,
    monotonic: () => performance.now() + offset,
    move: (ms) => {
      offset += ms;
    },
  };
}
