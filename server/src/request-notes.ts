/**
 * What is learnt of a request while it is served, for its log line and its metrics when it is over. One object a request,
 * written by whoever learns something; nothing here is read to decide anything.
 */

export class RequestNotes {
  /** Form of a query. */
  shape?: "native" | "vector" | "nearest_to_id" | "batch" | "raw";
  /** Legs of a batch query. */
  legs?: number;
  /** Rows a write stamps, or ids a fetch asks for. */
  rows?: number;
  /** Whether the query was held to the watermark. */
  stableFilter?: boolean;
  /** Whether it was sent a second time, held to the watermark, after upstream had answered 429. */
  retried?: boolean;

  #upstreamCalls = 0;
  #openCalls = 0;
  #openedAt = 0;
  #upstreamMs = 0;

  /** A call of upstream begins. @param now monotonic, ms */
  upstreamCalled(now: number): void {
    this.#upstreamCalls++;
    if (this.#openCalls++ === 0) this.#openedAt = now;
  }

  /** A call of upstream has its answer, or will have none. @param now monotonic, ms */
  upstreamAnswered(now: number): void {
    if (--this.#openCalls === 0) this.#upstreamMs += now - this.#openedAt;
  }

  /** Calls of upstream made for this request. */
  get upstreamCalls(): number {
    return this.#upstreamCalls;
  }

  /** Time during which at least one of them was open, ms. @param now monotonic, ms: a call may outlive its request */
  upstreamMs(now: number): number {
    return this.#upstreamMs + (this.#openCalls > 0 ? now - this.#openedAt : 0);
  }
}
