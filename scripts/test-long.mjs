/**
 * `npm run test:long [-- PATH…]`: suites at length: 100 crash rounds, ten times the runs of every property, the TypeScript
 * client on every Node.js that it supports.
 * Not part of `npm test`; run it after changing what is stored, ranked or parsed, and before a release.
 */
import { runCommand } from "./run-command.mjs";

const paths = process.argv.slice(2);
const TEST_TIMEOUT_MS = 900_000;
const { ok } = await runCommand(
  [
    ...["npx", "--no-install", "vitest", "run", `--testTimeout=${TEST_TIMEOUT_MS}`],
    ...(paths.length === 0 ? ["server", "clients/typescript"] : paths),
  ],
  { seconds: 3_600, env: { LAYER_TEST_LONG: "1" } },
);
process.exitCode = ok ? 0 : 1;
