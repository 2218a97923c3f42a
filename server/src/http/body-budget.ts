/**
 * A bound on the memory that request bodies take together. Every byte is reserved before it is kept and given back when
 * the answer is out; whoever would exceed the bound is told to come back.
 */

export interface BodyBudget {
  readonly limitBytes: number;
  /** Takes `bytes` when they fit. */
  reserve(bytes: number): boolean;
  release(bytes: number): void;
  /** Bytes reserved now. */
  readonly inFlightBytes: number;
}

export function createBodyBudget(limitBytes: number): BodyBudget {
  let inFlight = 0;
  return {
    limitBytes,
    reserve(bytes) {
      if (inFlight + bytes > limitBytes) return false;
      inFlight += bytes;
      return true;
    },
    release(bytes) {
      inFlight -= bytes;
    },
    get inFlightBytes() {
      return inFlight;
    },
  };
}
