#!/usr/bin/env node
/** The process: environment, output and signals in; an exit code out. */

import { runCli } from "./cli.js";

// Standard error has one line for each problem. The AWS SDK's advice on future versions is not one: ours is pinned.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";

// A full disk below either of them is no reason to stop serving; only a command that prints has failed then.
let isOutputLost = false;
process.stdout.on("error", () => {
  isOutputLost = true;
});
process.stderr.on("error", () => undefined);

let isAsked = false;
const stopped = new Promise<void>((resolve) => {
  const stop = () => {
    // Whoever asks twice does not want to wait for requests in flight.
    if (isAsked) process.exit(1);
    isAsked = true;
    resolve();
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
});

const code = await runCli(process.argv.slice(2), {
  environment: process.env,
  print: (text) => process.stdout.write(`${text}\n`),
  complain: (text) => process.stderr.write(`${text}\n`),
  stopped,
});
// What standard output has to say about the last words, it says in a moment.
await new Promise(setImmediate);
process.exit(code === 0 && isOutputLost && !isAsked ? 1 : code);
