/**
 * Is this instance going away, and what is still in flight? Draining begins for good with `begin()` (a signal), and for as long as it exists with the
 * marker file, which an operator or a pre-stop hook can put there before the signal comes.
 */

import { access } from "node:fs/promises";

export interface DrainState {
  readonly draining: boolean;
  /** Draining from now on; there is no way back. */
  begin(): void;
  /** A request has arrived. */
  enter(): void;
  /** Its answer is out, or its caller gone. */
  leave(): void;
  /** Requests between the two. */
  readonly inFlight: number;
  /** Resolves when nothing is in flight, after `timeoutMs` at the latest. */
  settled(timeoutMs: number): Promise<void>;
  /** Looks for the marker file once. */
  poll(): Promise<void>;
  /** Looks for it every `pollMs` until stopped; never keeps the process alive. */
  start(pollMs: number): void;
  stop(): void;
}

export function createDrainState(markerPath: string): DrainState {
  let begun = false;
  let marked = false;
  let timer: NodeJS.Timeout | undefined;
  let inFlight = 0;
  let onIdle: (() => void) | undefined;
  const poll = async () => {
    marked = await access(markerPath).then(
      () => true,
      () => false,
    );
  };
  return {
    get draining() {
      return begun || marked;
    },
    begin() {
      begun = true;
    },
    enter() {
      inFlight++;
    },
    leave() {
      inFlight--;
      if (inFlight === 0) onIdle?.();
    },
    get inFlight() {
      return inFlight;
    },
    settled: (timeoutMs) =>
      new Promise((resolve) => {
        if (inFlight === 0) return resolve();
        const deadline = setTimeout(resolve, timeoutMs);
        onIdle = () => {
          clearTimeout(deadline);
          resolve();
        };
      }),
    poll,
    start(pollMs) {
      timer ??= setInterval(poll, pollMs).unref();
    },
    stop() {
      clearInterval(timer);
      timer = undefined;
    },
  };
}
