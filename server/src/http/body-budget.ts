/**
 * A bound on the memory that request bodies, and the copies made of them, take together. Every byte is reserved before it is
 * kept and given back when the answer is out; whoever would exceed the bound is told to come back.
 *
 * A request that has the memory to itself may exceed it: otherwise one that is larger than the bound would be told to come back
 * for ever.
 */

export interface BodyBudget {
  readonly limitBytes: number;
  /** Takes `bytes` for a request that has taken `own` before, when they fit or nobody else has any. */
  reserve(bytes: number, own: number): boolean;
  release(bytes: number): void;
  /** Bytes reserved now. */
  readonly inFlightBytes: number;
}

/** @param onReleased told of bytes that were given back */
export function createBodyBudget(limitBytes: number, onReleased?: (bytes: number) => void): BodyBudget {
  let inFlight = 0;
  return {
    limitBytes,
    reserve(bytes, own) {
      if (inFlight + bytes > limitBytes && inFlight > own) return false;
      inFlight += bytes;
      return true;
    },
    release(bytes) {
      inFlight -= bytes;
      if (bytes > 0) onReleased?.(bytes);
    },
    get inFlightBytes() {
      return inFlight;
    },
  };
}
