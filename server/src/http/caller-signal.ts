/**
 * Tells that the caller has left, with the few members of an `AbortSignal` that listeners use. Every request needs one and
 * almost none fires, so it is a plain object and not an event target.
 */
export class CallerSignal {
  aborted = false;
  reason: unknown;
  readonly #listeners: (() => void)[] = [];

  addEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.push(listener);
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    const index = this.#listeners.indexOf(listener);
    if (index >= 0) this.#listeners.splice(index, 1);
  }

  /** The caller has left: runs every listener once. */
  abort(): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = new Error("the caller has left");
    for (const listener of this.#listeners.splice(0)) listener();
  }
}
