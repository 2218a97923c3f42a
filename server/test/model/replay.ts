/** `npx tsx server/test/model/replay.ts --seed N --steps N [--cache] [--only id,id,…]`: runs one history again, and says how it ends. */

import { parseArgs } from "node:util";
import { replicasOf } from "./explore.js";
import { createHistory } from "./history.js";
import { createModelReplica } from "./replica.js";
import { runHistory } from "./run.js";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    steps: { type: "string" },
    only: { type: "string" },
    cache: { type: "boolean", default: false },
  },
});
if (values.seed === undefined || values.steps === undefined) {
  console.error("usage: replay.ts --seed N --steps N [--cache] [--only id,id,…]");
  process.exit(2);
}
const seed = Number(values.seed);
const only = values.only === undefined ? undefined : new Set(values.only.split(",").map(Number));
const shape = { seed, steps: Number(values.steps), ...replicasOf(seed), cache: values.cache };
const history = createHistory(shape).filter(({ id }) => only?.has(id) ?? true);
if (only !== undefined) for (const step of history) console.log(JSON.stringify(step));
const { violation, ...counts } = await runHistory(history, { ...shape, createReplica: createModelReplica() });
console.log(JSON.stringify(counts));
console.log(violation === undefined ? "every promise was kept" : violation.message);
process.exitCode = violation === undefined ? 0 : 1;
