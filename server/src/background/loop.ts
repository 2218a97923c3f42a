/** Something done again and again, until it is stopped. */

import { setMaxListeners } from "node:events";

export interface Loop {
  /** One step, apart from the others. Never rejects: a failure goes to `onFailure`. */
  runOnce(): Promise<void>;
  start(): void;
  /** Starts no further step, aborts those under way and resolves when they have ended. */
  stop(): Promise<void>;
}

export interface LoopOptions {
  /** From the end of one step to the beginning of the next, ms; from beginning to beginning where steps overlap. */
  readonly intervalMs: number;
  /** 0 to 1: a tenth of the interval either way, so that replicas do not step together. */
  readonly random: () => number;
  /** Whether a step may begin while earlier ones run; it then has to bound itself. Default false. */
  readonly overlaps?: boolean;
  /** Must not throw. */
  readonly onFailure: (error: unknown) => void;
}

const JITTER = 0.2;

export function createLoop(step: (signal: AbortSignal) => Promise<void>, options: LoopOptions): Loop {
  const running = new Map<Promise<void>, AbortController>();
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  function runOnce(): Promise<void> {
    // Each step has a signal of its own: what is derived from one that lives as long as the process would live as long.
    const abort = new AbortController();
    // Every call under way listens. They are many in a step, and end with it: no leak that Node should warn of.
    setMaxListeners(0, abort.signal);
    const run = step(abort.signal)
      .catch((error: unknown) => {
        if (!abort.signal.aborted) options.onFailure(error);
      })
      .finally(() => running.delete(run));
    running.set(run, abort);
    return run;
  }

  function schedule(): void {
    if (isStopped) return;
    const intervalMs = options.intervalMs * (1 - JITTER / 2 + JITTER * options.random());
    timer = setTimeout(() => {
      const run = runOnce();
      if (options.overlaps === true) schedule();
      else void run.then(schedule);
    }, intervalMs);
    timer.unref();
  }

  return {
    runOnce,
    start() {
      if (timer === undefined) schedule();
    },
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      for (const abort of running.values()) abort.abort(new DOMException("stopped", "AbortError"));
      await Promise.all(running.keys());
    },
  };
}
