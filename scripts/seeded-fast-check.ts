/**
 * fast-check as every test of a run gets it. `npm test` tries the same cases on every machine, so that a red run is about what
 * was changed; `npm run test:long` tries others each time, and says with which seed it failed.
 */
import { createRequire } from "node:module";
import type fastCheck from "fast-check";

// The name is that of this file while tests run, to whatever is imported.
const fc = createRequire(import.meta.url)("fast-check") as typeof fastCheck;

/** `FAST_CHECK_SEED` replays a run. */
const given = process.env.FAST_CHECK_SEED;
const isLong = process.env.LAYER_TEST_LONG === "1";
if (given !== undefined || !isLong) fc.configureGlobal({ seed: Number(given ?? 1) });

export default fc;
