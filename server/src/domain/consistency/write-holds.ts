/** Stamps of writes, and which of them may still land. */

/** `refused`: surely not applied. `unknown`: sent, and nothing heard. */
export type WriteOutcome = "applied" | "refused" | "unknown";

/** A write that has its stamp, until it is known what became of it. */
export interface WriteHold {
  /** Epoch-ms. */
  readonly stamp: number;
  /** The first call counts. */
  settle(outcome: WriteOutcome): void;
}

export interface WriteHolds {
  /** Takes the stamp of a write that is about to be sent; no watermark reaches it before it has settled. */
  begin(namespace: string): WriteHold;
}
