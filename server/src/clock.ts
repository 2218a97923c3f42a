/**
 * The only source of time. Code takes a `Clock` as a parameter so that a test can move it by hand.
 */

export interface Clock {
  /** Wall clock, epoch-ms: for stamps and anything another machine reads. May jump when the host's clock is set. */
  now(): number;
  /** Monotonic clock, ms from an arbitrary start: for durations and deadlines. Never goes back. */
  monotonic(): number;
}

/** The host's clocks. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};
