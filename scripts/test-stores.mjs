/**
 * `npm run test:stores`: the storage suites against the servers of `compose.yaml`, or against others where the environment
 * names them already.
 */
import { runCommand } from "./run-command.mjs";

const servers = {
  AEROSPIKE_HOSTS: "127.0.0.1:3000",
  AEROSPIKE_NAMESPACE: "hevlayer",
  LAYER_TEST_S3_ENDPOINT: "http://127.0.0.1:7070",
  AWS_ACCESS_KEY_ID: "layer",
  AWS_SECRET_ACCESS_KEY: "layer-on-loopback",
  LAYER_TEST_DATABASE_URL: "postgres://layer:layer-on-loopback@127.0.0.1:5433/layer",
};
const suites = ["documents", "blobs", "queues"].map((folder) => `server/src/adapters/${folder}`);
const { ok } = await runCommand(["npx", "--no-install", "vitest", "run", ...suites], {
  seconds: 300,
  env: Object.fromEntries(Object.entries(servers).filter(([name]) => !process.env[name])),
});
process.exitCode = ok ? 0 : 1;
