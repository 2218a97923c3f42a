/** Bounded concurrency over a list. */

/**
 * Maps `items` with at most `inFlightMax` calls running, results in the order of `items`. The first failure rejects, and
 * no further call is started.
 */
export async function mapConcurrently<Item, Result>(
  items: readonly Item[],
  inFlightMax: number,
  map: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results = new Array<Result>(items.length);
  let next = 0;
  let failed = false;
  async function work(): Promise<void> {
    while (next < items.length && !failed) {
      const index = next++;
      try {
        results[index] = await map(items[index] as Item, index);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(inFlightMax, items.length) }, work));
  return results;
}
