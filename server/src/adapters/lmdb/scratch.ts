/**
 * Room for one value at a time, used again for the next: a value that is written inside a transaction is in lmdb's pages when
 * the call returns. A thousand buffers of their own would cost more than writing them.
 */
export class Scratch {
  #bytes = Buffer.allocUnsafeSlow(64 * 1024);

  /** Bytes to fill; what was taken before is overwritten. */
  take(length: number): Buffer {
    if (length > this.#bytes.length) {
      if (length > KEPT_MAX) return Buffer.allocUnsafeSlow(length);
      this.#bytes = Buffer.allocUnsafeSlow(Math.max(length, this.#bytes.length * 2));
    }
    return this.#bytes.subarray(0, length);
  }
}

/** A larger value gets bytes of its own, which are given back. */
const KEPT_MAX = 1024 * 1024;
