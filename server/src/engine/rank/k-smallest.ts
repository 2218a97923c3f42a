/**
 * The k smallest of many numbers, as a heap with the greatest on top: what it costs to look at one that is not among them
 * is a comparison. Callers use it to drop nearly all candidates before they are put in order.
 */
export class KSmallest {
  private readonly heap: Float64Array;
  private size = 0;

  constructor(private readonly k: number) {
    this.heap = new Float64Array(k);
  }

  /** The k-th smallest value so far, infinity until there are k. */
  get worst(): number {
    return this.size < this.k ? Number.POSITIVE_INFINITY : (this.heap[0] as number);
  }

  /** Takes a value in; `true` when `worst` may have changed. NaN is never taken. */
  offer(value: number): boolean {
    if (!(value < this.worst)) return false;
    if (this.size < this.k) this.rise(this.size++, value);
    else this.sink(value);
    return this.size === this.k;
  }

  private rise(from: number, value: number): void {
    const { heap } = this;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((heap[parent] as number) >= value) break;
      heap[at] = heap[parent] as number;
      at = parent;
    }
    heap[at] = value;
  }

  /** Puts a value in place of the greatest. */
  private sink(value: number): void {
    const { heap, size } = this;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && (heap[child + 1] as number) > (heap[child] as number)) child++;
      if ((heap[child] as number) <= value) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = value;
  }
}
