/** The command line of `hevlayer-conformance`. */
import { parseArgs } from "node:util";

export interface CliOptions {
  drivers: string[];
  scenarios: string[];
  server?: string;
  junit?: string;
  json?: string;
  list: boolean;
  help: boolean;
}

export const HELP = `hevlayer-conformance: judge the clients and a gateway by the scenarios of this repository

usage: hevlayer-conformance [options]

  --driver NAME     run only this driver; may repeat. Known: http, typescript, python, python-async, go. Default all.
                    http is the control: it always runs first, and a scenario it fails is no client's fault.
  --scenario GLOB   run only scenarios whose id matches; may repeat. * is any text, for example 'documents/*'.
                    The coverage gate is judged only when every scenario runs.
  --server URL      run against this server instead of starting the reference gateway. Its key comes from
                    LAYER_GATEWAY_API_KEY. Scenarios that need a gateway with a scripted upstream are left out.
  --junit FILE      write JUnit XML, one suite per driver
  --json FILE       write the results as JSON
  --list            print ids, titles and operations of the selected scenarios, and run nothing
  --help            print this

exit status: 0 all green, 1 something is red or a gate does not hold, 2 the command line or a scenario file is wrong

A gate does not hold when no scenario ran, when a driver never called an operation of openapi.yaml, or when an entry of
known-failing/ matches nothing. The last line is: N passed, N failed, N skipped. Skipped are the known failures.
`;

/** Parses arguments. Throws Error with a one-line message on a bad one. */
export function parseOptions(args: readonly string[]): CliOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      driver: { type: "string", multiple: true, default: [] },
      scenario: { type: "string", multiple: true, default: [] },
      server: { type: "string" },
      junit: { type: "string" },
      json: { type: "string" },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.server !== undefined && !/^https?:\/\//.test(values.server)) {
    throw new Error(`--server must be an http or https URL, got ${values.server}`);
  }
  return {
    drivers: values.driver,
    scenarios: values.scenario,
    list: values.list,
    help: values.help,
    ...(values.server === undefined ? {} : { server: values.server }),
    ...(values.junit === undefined ? {} : { junit: values.junit }),
    ...(values.json === undefined ? {} : { json: values.json }),
  };
}
