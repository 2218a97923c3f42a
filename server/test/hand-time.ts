/** Clocks and timers that a test moves by hand: nothing happens by itself, and always in the same order. */

import type { Clock } from "../src/clock.js";
import type { Timers } from "../src/timers.js";

export interface HandTime {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Time passes; what falls due runs in its turn, and what that sets off has its say before the next. */
  pass(ms: number): Promise<void>;
  /** Somebody sets the wall clock. */
  jump(ms: number): void;
  /** Everything that can go on without time passing does. */
  rest(): Promise<void>;
}

/** @param start epoch-ms */
export function handTime(start = 1_700_000_000_000): HandTime {
  let passed = 0;
  let set = 0;
  let order = 0;
  const due = new Map<number, { at: number; run: () => void }>();
  const rest = async () => {
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    clock: { now: () => start + set + passed, monotonic: () => passed },
    timers: {
      after(ms, run) {
        order += 1;
        const key = order;
        due.set(key, { at: passed + ms, run });
        return () => due.delete(key);
      },
    },
    rest,
    jump(ms) {
      set += ms;
    },
    async pass(ms) {
      const end = passed + ms;
      await rest();
      for (;;) {
        const next = [...due].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
        if (next === undefined) break;
        const [key, { at, run }] = next;
        due.delete(key);
        passed = Math.max(passed, at);
        run();
        await rest();
      }
      passed = end;
      await rest();
    },
  };
}

/** A place at which a test holds calls back, to let others go first. */
export class Gate {
  #waiting: (() => void)[] = [];
  #isShut = false;

  /** Calls that come now wait until `open`. */
  shut(): void {
    this.#isShut = true;
  }

  /** Lets go of those that wait, and of all that come. */
  open(): void {
    this.#isShut = false;
    for (const go of this.#waiting.splice(0)) go();
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  pass(): Promise<void> {
    return this.#isShut ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve();
  }
}
