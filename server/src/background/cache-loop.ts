/** What keeps the document cache honest: a look at the dirty flags about once a second. */

import type { ConfiguredCache } from "../domain/cache/create-cache-layer.js";
import type { Log } from "../log.js";
import { createLoop, type Loop } from "./loop.js";

/** From the end of one look to the next, ms. Hits go on for 15 s without one. */
const LOOK_INTERVAL_MS = 1_000;

/** @param cache undefined where there is none: the loop then does nothing */
export function createCacheLoop(
  cache: Pick<ConfiguredCache, "runOnce"> | undefined,
  log: Pick<Log, "error">,
  random: () => number,
): Loop {
  return createLoop(async (signal) => cache?.runOnce(signal), {
    intervalMs: LOOK_INTERVAL_MS,
    random,
    onFailure: (error) => log.error({ err: error }, "a look at the dirty flags failed"),
  });
}
