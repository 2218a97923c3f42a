/** Runs work over a list that is replaced from time to time by a newer one, so many at once and the first ones first. */

export interface PollQueue<Item> {
  /** What is not begun of the earlier list is left out. Resolves when every item of this one is over or left out. */
  replace(items: readonly Item[], signal?: AbortSignal): Promise<void>;
}

interface Batch<Item> {
  /** Last one first. */
  readonly waiting: Item[];
  readonly signal: AbortSignal | undefined;
  running: number;
  readonly end: () => void;
}

/** @param work must not reject */
export function createPollQueue<Item>(
  inFlightMax: number,
  work: (item: Item, signal: AbortSignal | undefined) => Promise<void>,
): PollQueue<Item> {
  let current: Batch<Item> | undefined;
  let running = 0;

  function pump(): void {
    while (current !== undefined && running < inFlightMax && !current.signal?.aborted) {
      const item = current.waiting.pop();
      if (item === undefined) return;
      void run(item, current);
    }
  }

  async function run(item: Item, batch: Batch<Item>): Promise<void> {
    running += 1;
    batch.running += 1;
    try {
      await work(item, batch.signal);
    } finally {
      running -= 1;
      batch.running -= 1;
      pump();
      endIfOver(batch);
    }
  }

  function endIfOver(batch: Batch<Item>): void {
    const isOver = batch.waiting.length === 0 || batch.signal?.aborted === true;
    if (isOver && batch.running === 0) batch.end();
  }

  return {
    replace: (items, signal) =>
      new Promise((end) => {
        const superseded = current;
        current = { waiting: items.toReversed(), signal, running: 0, end };
        if (superseded !== undefined) {
          superseded.waiting.length = 0;
          endIfOver(superseded);
        }
        const mine = current;
        pump();
        endIfOver(mine);
      }),
  };
}
