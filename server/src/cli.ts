/**
 * The command line: which command, what it prints for people, and its exit code. Logs go to standard error; standard
 * output has only what is printed here.
 */

import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { systemClock } from "./clock.js";
import { startEngine } from "./compose.js";
import { type Config, ConfigError, parseConfig } from "./config.js";
import { reportConfig } from "./config-report.js";
import { examine } from "./doctor/doctor.js";
import { StartError } from "./errors.js";
import { createLog } from "./log.js";
import { serve } from "./serve.js";
import { limits, settings } from "./settings.js";
import { readVersion } from "./version.js";

export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly print: (text: string) => void;
  readonly complain: (text: string) => void;
  /** Resolves when the process has been told to stop. */
  readonly stopped: Promise<unknown>;
}

/** Runs a command to its end and gives the exit code: 0 done, 1 could not start or is not well, 2 wrong command line. */
export async function runCli(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const { print, complain } = surroundings;
  const command = readCommand(args);
  if ("problem" in command) {
    complain(`hevlayer-gateway: ${command.problem}; see hevlayer-gateway --help`);
    return 2;
  }
  const environment = { ...surroundings.environment, ...command.environment };
  try {
    switch (command.name) {
      case "help":
        print(helpText());
        return 0;
      case "version":
        print(readVersion());
        return 0;
      case "engine":
        await runEngine(parseConfig(environment), surroundings);
        return 0;
      case "serve":
        await serve(parseConfig(environment), surroundings);
        return 0;
      case "doctor":
        return (await runDoctor(parseConfig(environment), surroundings)) ? 0 : 1;
      case "config":
        print(reportConfig(environment));
        return 0;
    }
  } catch (error) {
    // Anything else is a defect, and its stack trace is wanted.
    if (!(error instanceof ConfigError || error instanceof StartError)) throw error;
    complain(error.message);
    return 1;
  }
}

async function runEngine({ upstream, logLevel }: Config, { print, stopped }: Surroundings): Promise<void> {
  if (upstream.kind === "remote") {
    throw new StartError("TPUF_URL or TURBOPUFFER_REGION is set, so there is no engine to run; unset it");
  }
  const engine = await startEngine(upstream, createLog(logLevel));
  try {
    print(
      `Layer's engine ${readVersion()} speaks Turbopuffer's wire on ${engine.url()}\n  data  ${upstream.dataDir}`,
    );
    await stopped;
  } finally {
    await engine.close();
  }
}

/** Resolves with whether everything can be used. */
async function runDoctor(config: Config, { print }: Surroundings): Promise<boolean> {
  const { lines, isHealthy } = await examine(config, {
    clock: systemClock,
    // What an adapter would log is in the findings, in words for people.
    log: createLog("silent"),
    newId: randomUUID,
    packages: {},
    nodeVersion: process.version,
    version: readVersion(),
  });
  print(lines.join("\n"));
  return isHealthy;
}

const commands = ["serve", "engine", "doctor", "config"] as const;
type CommandName = (typeof commands)[number] | "help" | "version";
type Command =
  | { readonly problem: string }
  | {
      readonly name: CommandName;
      /** What options say instead of the environment. */
      readonly environment?: Readonly<Record<string, string>>;
    };

function readCommand(args: readonly string[]): Command {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        help: { type: "boolean", short: "h" },
        version: { type: "boolean", short: "v" },
        port: { type: "string" },
      },
    });
    if (values.help) return { name: "help" };
    if (values.version) return { name: "version" };
    const [given = "serve", extra] = positionals;
    const name = commands.find((candidate) => candidate === given);
    if (name === undefined) return { problem: `unknown command '${given}'` };
    if (extra !== undefined) return { problem: `unexpected argument '${extra}'` };
    return withPort(name, values.port);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { problem: message.split(".", 1)[0]?.replace(/^Unknown/, "unknown") ?? message };
  }
}

/** `--port` of the command that listens; the engine alone shares its machine with no gateway's PORT. */
function withPort(name: CommandName, port: string | undefined): Command {
  const alone = name === "engine" ? { PORT: "0" } : {};
  if (port === undefined) return { name, environment: alone };
  if (name !== "serve" && name !== "engine") return { problem: `--port does not go with '${name}'` };
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    return { problem: `--port ${port} is not a port from 0 to 65535` };
  }
  return { name, environment: { ...alone, [name === "engine" ? "LAYER_ENGINE_PORT" : "PORT"]: port } };
}

function helpText(): string {
  const variables = Object.values(settings).flatMap(({ name, defaultText, unit, meaning }) => [
    `  ${name}`,
    `      ${meaning} (${unit}; default ${defaultText})`,
  ]);
  return `Usage: hevlayer-gateway [serve | engine | doctor | config] [--port PORT] [--help] [--version]

A gateway in front of Turbopuffer, with an embedded engine for development, tests and small data.

Commands
  serve     run the gateway (the default), with the engine unless a remote upstream is set
  engine    run the embedded engine alone
  doctor    check everything the gateway is configured to use, a line for each finding: ok, off (not configured), note
            (works, but read it) or wrong (with what to do); writes only probes that it removes again
  config    print the effective configuration, where each value comes from, and where each kind of state lives; secrets
            are masked

Options
  --port PORT      of serve and engine: listen there, whatever PORT or LAYER_ENGINE_PORT says; 0 takes any free one
  -h, --help       print this text
  -v, --version    print the version

Environment
${variables.join("\n")}

Signals
  SIGTERM, SIGINT   answer 503 to new requests, finish those in flight within ${limits.drainTimeoutMs} ms, stop; a second
                    one stops at once

Exit codes
  0  stopped by a signal, or printed what was asked for
  1  could not start: a variable, the address, the data directory or a store is wrong; one line for each says what to
     do. Of doctor: something is wrong
  2  the command line is wrong`;
}
