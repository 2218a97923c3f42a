/**
 * Writes to an engine's namespace as fast as it acknowledges and saves its table in between, printing the number of each
 * acknowledged write, until it is killed. `engine-kill.test.ts` runs it, kills it, and looks at what is left.
 *
 * Arguments: the directory, the number of the first write.
 */

import { writeSync } from "node:fs";
import { Engine } from "../src/engine/engine.js";
import { writeBody } from "./engine-history.js";

const [dataDirectory = "", first = "1"] = process.argv.slice(2);
const engine = Engine.open({ dataDirectory });

for (let write = Number(first); ; write++) {
  engine.write("w", writeBody(write));
  // Synchronous, so that a line is out before the next step begins.
  writeSync(1, `${write}\n`);
  // Sometimes no step of saving fits between two writes, sometimes a few, sometimes all that there are.
  for (let step = 0; step < (write * 7) % 40; step++) engine.tidy(0, 0);
}
