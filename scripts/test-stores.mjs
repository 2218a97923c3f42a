/**
 * `npm run test:stores`: the storage suites against the servers of `compose.yaml`, or against others where the environment
 * names them already.
 */
import { runCommand } from "./run-command.mjs";
import { storeServers } from "./store-servers.mjs";

const suites = [
  ...["documents", "blobs", "queues"].map((folder) => `server/src/adapters/${folder}`),
  "server/test/lease-processes.test.ts",
];
const { ok } = await runCommand(["npx", "--no-install", "vitest", "run", ...suites], {
  seconds: 300,
  env: Object.fromEntries(Object.entries(storeServers).filter(([name]) => !process.env[name])),
});
process.exitCode = ok ? 0 : 1;
