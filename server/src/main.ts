#!/usr/bin/env node
/** The process: environment, output and signals in; an exit code out. */

import { runCli } from "./cli.js";

// Standard error has one line for each problem. The AWS SDK's advice on future versions is not one: ours is pinned.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";

const stopped = new Promise<void>((resolve) => {
  let asked = false;
  const stop = () => {
    // Whoever asks twice does not want to wait for requests in flight.
    if (asked) process.exit(1);
    asked = true;
    resolve();
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
});

process.exit(
  await runCli(process.argv.slice(2), {
    environment: process.env,
    print: (text) => process.stdout.write(`${text}\n`),
    complain: (text) => process.stderr.write(`${text}\n`),
    stopped,
  }),
);
