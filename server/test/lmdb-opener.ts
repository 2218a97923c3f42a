/** A process that opens the embedded files of a directory again and again, until its parent ends it: `lmdb-opener.ts <directory>`. */

import { openBytes, openEnvironment } from "../src/adapters/lmdb/environment.js";

const directory = process.argv[2] ?? "";
for (;;) {
  const environment = openEnvironment(directory);
  openBytes(environment, "entries");
  await environment.close();
}
