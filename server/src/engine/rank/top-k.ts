/** The best k of many without sorting the rest: a bounded heap whose root is the worst kept so far. */

/** Orders two candidates: negative when the first comes earlier in the result. Never 0 for distinct candidates. */
export type Order = (a: number, b: number) => number;

/** The first `k` of the candidates `0..count-1` in order. Costs count × log k. */
export function topK(count: number, k: number, order: Order): number[] {
  if (k >= count) return Array.from({ length: count }, (_, i) => i).sort(order);
  const heap: number[] = [];
  for (let candidate = 0; candidate < count; candidate++) {
    if (heap.length < k) {
      heap.push(candidate);
      siftUp(heap, order);
    } else if (k > 0 && order(candidate, heap[0] as number) < 0) {
      heap[0] = candidate;
      siftDown(heap, order);
    }
  }
  return heap.sort(order);
}

function siftUp(heap: number[], order: Order): void {
  let at = heap.length - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (order(heap[at] as number, heap[parent] as number) <= 0) return;
    swap(heap, at, parent);
    at = parent;
  }
}

function siftDown(heap: number[], order: Order): void {
  let at = 0;
  for (;;) {
    const left = 2 * at + 1;
    let worst = at;
    if (left < heap.length && order(heap[left] as number, heap[worst] as number) > 0) worst = left;
    if (left + 1 < heap.length && order(heap[left + 1] as number, heap[worst] as number) > 0)
      worst = left + 1;
    if (worst === at) return;
    swap(heap, at, worst);
    at = worst;
  }
}

function swap(heap: number[], a: number, b: number): void {
  const kept = heap[a] as number;
  heap[a] = heap[b] as number;
  heap[b] = kept;
}
