/**
 * Keeps a remote cache from slowing anybody down: a bound on calls in flight and on those that wait, a deadline for each,
 * and a breaker.
 *
 * closed: calls pass. One failure that says the store is gone opens it.
 * open: calls are refused at once. After a pause a probe runs; while it does, calls are still refused.
 * The probe's success closes the breaker, its failure begins another pause.
 */

import { CacheUnavailable } from "../../ports/document-cache.js";

export interface CallGateOptions {
  /** Calls in flight. */
  readonly concurrency: number;
  /** Calls that may wait for their turn; further ones are refused. */
  readonly waitersMax: number;
  /** From the failure to the probe, in ms. */
  readonly pauseMs: number;
  /** Asks the store whether it is back; rejects when not. Must end by itself. */
  readonly probe: () => Promise<void>;
  readonly onOpen: (reason: string) => void;
  readonly onClose: () => void;
}

export class CallGate {
  readonly #options: CallGateOptions;
  readonly #waiting: (() => void)[] = [];
  #inFlight = 0;
  #openReason: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: CallGateOptions) {
    this.#options = options;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Why calls are refused; undefined while they pass. */
  get openReason(): string | undefined {
    return this.#openReason;
  }

  /**
   * Runs a call within `budgetMs`, the wait for its turn included. What the call does after that is nobody's concern; its
   * place is free again only when it ends.
   * @param call is told how much of its time is left, in ms
   * @throws CacheUnavailable when it is refused, gets no turn (`busy`) or no answer (`timeout`); otherwise whatever the call
   *   rejects with
   */
  async run<T>(budgetMs: number, call: (leftMs: number) => Promise<T>): Promise<T> {
    this.#refuse();
    const started = performance.now();
    let isSent = false;
    let timer: NodeJS.Timeout | undefined;
    const tooLate = (): CacheUnavailable =>
      isSent
        ? new CacheUnavailable("timeout", `document cache did not answer within ${budgetMs} ms`)
        : new CacheUnavailable("busy", `no turn at the document cache within ${budgetMs} ms`);
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(tooLate()), budgetMs);
    });
    const inTurn = this.#inTurn(() => {
      const leftMs = budgetMs - (performance.now() - started);
      // Nobody waits for it any more.
      if (leftMs <= 0) throw tooLate();
      isSent = true;
      return call(leftMs);
    });
    try {
      return await Promise.race([late, inTurn]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Refuses calls from now on, until a probe succeeds. */
  open(reason: string): void {
    if (this.#openReason !== undefined || this.#isClosed) return;
    this.#openReason = reason;
    this.#options.onOpen(reason);
    this.#schedule();
  }

  /** Ends the probing and refuses calls for good. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #refuse(): void {
    if (this.#isClosed) throw new CacheUnavailable("closed", "document cache was closed");
    if (this.#openReason !== undefined)
      throw new CacheUnavailable("down", `document cache is down: ${this.#openReason}`);
  }

  async #inTurn<T>(call: () => Promise<T>): Promise<T> {
    if (this.#inFlight >= this.#options.concurrency) {
      if (this.#waiting.length >= this.#options.waitersMax)
        throw new CacheUnavailable(
          "busy",
          `${this.#options.waitersMax} calls wait for the document cache already`,
        );
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#inFlight += 1;
    try {
      this.#refuse();
      return await call();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#inFlight -= 1;
    }
  }

  #schedule(): void {
    this.#timer = setTimeout(async () => {
      try {
        await this.#options.probe();
      } catch {
        if (!this.#isClosed) this.#schedule();
        return;
      }
      if (this.#isClosed) return;
      this.#openReason = undefined;
      this.#options.onClose();
    }, this.#options.pauseMs);
    this.#timer.unref();
  }
}
