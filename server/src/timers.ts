/** The only source of delays inside the domain. Code takes `Timers` as a parameter so that a test can let time pass by hand. */

export interface Timers {
  /** Runs `run` once after `ms`, unless the returned function is called before. */
  after(ms: number, run: () => void): () => void;
}

/** The host's timers. */
export const systemTimers: Timers = {
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms`. */
export function pause(timers: Timers, ms: number): Promise<void> {
  return new Promise((resolve) => void timers.after(ms, resolve));
}

/** What `work` resolves to, or undefined when that takes longer than `ms`; the work goes on then. Rejects with it. */
export function within<T>(timers: Timers, ms: number, work: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const cancel = timers.after(ms, () => resolve(undefined));
    work.then(resolve, reject).finally(cancel);
  });
}
