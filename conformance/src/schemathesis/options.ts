/** The command line of the fuzz run. */
import { parseArgs } from "node:util";

export interface FuzzOptions {
  seed: number;
  /** How long requests are made up, in seconds. */
  seconds: number;
  help: boolean;
}

export const HELP = `npm run fuzz: schemathesis against a gateway over its embedded engine

usage: npm run fuzz -- [options]

  --seed N      the same seed makes the same requests. Default 1.
  --seconds N   how long requests are made up. Default 40, which is enough for every operation.
  --help        print this

No answer may be a 5xx or one that openapi.yaml does not describe (the gateway checks its own answers too), no route may
serve a caller without a key, and every operation must have succeeded at least once.

exit status: 0 all of that holds, 1 it does not, 2 the command line is wrong. The last line is: N passed, N failed; it
counts operations.
`;

/** Parses arguments. Throws Error with a one-line message on a bad one. */
export function parseFuzzOptions(args: readonly string[]): FuzzOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: "string", default: "1" },
      seconds: { type: "string", default: "40" },
      help: { type: "boolean", default: false },
    },
  });
  return {
    seed: whole("seed", values.seed),
    seconds: whole("seconds", values.seconds),
    help: values.help,
  };
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || !Number.isSafeInteger(value)) {
    throw new Error(`--${name} must be a whole number of at least 1, got ${text}`);
  }
  return value;
}
