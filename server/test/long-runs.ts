/** How long the tests that can run for ever do: briefly in `npm test`, at length in `npm run test:long`. */

export const isLong = process.env.LAYER_TEST_LONG === "1";

/** Runs of a property: `usual`, or ten times as many at length. */
export function runs(usual: number): number {
  return isLong ? usual * 10 : usual;
}
