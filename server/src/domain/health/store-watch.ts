/**
 * Asks a store again and again whether it answers, so that health can say since when it does not, without a caller having to
 * wait for it. Nothing is refused on its word: whoever needs the store asks the store.
 */

import type { Log } from "../../log.js";

/** What is known of a store's connection. */
export interface StoreState {
  /** Set while it does not answer. */
  readonly lost?: {
    /** Wall clock, epoch-ms, of the first answer that was missing. */
    readonly since: number;
    readonly detail: string;
  };
}

export interface StoreWatch {
  state(): StoreState;
  /** Ends the asking. */
  stop(): void;
}

export interface StoreWatchOptions {
  /** The store's name in the log. */
  readonly name: string;
  /** Rejects when the store does not answer. At most one call runs at a time, whatever its length. */
  readonly ping: (signal: AbortSignal) => Promise<void>;
  /** From one answer to the next question, ms. */
  readonly intervalMs: number;
  /** An answer that takes longer counts as missing, ms. */
  readonly timeoutMs: number;
  /** Wall clock, epoch-ms. */
  readonly now: () => number;
  readonly log: Pick<Log, "warn" | "info">;
}

/** Begins with the next interval: a store that has just been opened answers. */
export function watchStore(options: StoreWatchOptions): StoreWatch {
  const { name, ping, intervalMs, timeoutMs, now, log } = options;
  let state: StoreState = {};
  let isStopped = false;
  let timer: NodeJS.Timeout;

  function schedule(): void {
    if (isStopped) return;
    timer = setTimeout(() => void ask(), intervalMs);
    timer.unref();
  }

  async function ask(): Promise<void> {
    const giveUp = new AbortController();
    const late = setTimeout(() => {
      lose(`no answer within ${timeoutMs} ms`);
      giveUp.abort();
    }, timeoutMs);
    late.unref();
    try {
      await ping(giveUp.signal);
      if (!giveUp.signal.aborted) regain();
    } catch (error) {
      if (!giveUp.signal.aborted) lose(error instanceof Error ? error.message : String(error));
    } finally {
      clearTimeout(late);
    }
    schedule();
  }

  function lose(detail: string): void {
    if (isStopped) return;
    if (state.lost === undefined) log.warn({ store: name, detail }, "a store does not answer");
    state = { lost: { since: state.lost?.since ?? now(), detail } };
  }

  function regain(): void {
    if (state.lost === undefined || isStopped) return;
    log.info({ store: name, lost_ms: now() - state.lost.since }, "a store answers again");
    state = {};
  }

  schedule();
  return {
    state: () => state,
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
