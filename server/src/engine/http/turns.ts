/**
 * Gives out the engine's thread to one request at a time, with a look at the network in between: probes, new requests and
 * the end of time-outs never wait for more than one.
 */
export class Turns {
  private last: Promise<void> = Promise.resolve();

  /** Resolves when it is the caller's turn; what it does before it next awaits is its turn. */
  next(): Promise<void> {
    const turn = this.last.then(() => new Promise<void>((resolve) => setImmediate(resolve)));
    this.last = turn;
    return turn;
  }
}
