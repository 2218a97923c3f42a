#!/usr/bin/env node
/**
 * The command line of the generator: parse options, run, turn mistakes in the spec into one line each.
 */
import { realpathSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { houseFindings } from "./lint/house-rules.js";
import { loadSpec } from "./load.js";
import { SpecError } from "./spec-source.js";
import { loadTargets, targetNames } from "./targets.js";
import { applyDrift, type Drift, emitTarget, findDrift } from "./write.js";

const HELP = `usage: npm run generate -- [options]

Generates the clients and the server's route stubs from openapi.yaml.

  --target NAME   generate only this target; may be repeated (default: all)
  --check         write nothing; list stale, missing and extra files, exit 1 if there are any
  --lint          write nothing; check the spec against redocly.yaml and the house rules, exit 1 if one is broken
  --list          print the targets and exit
  --spec FILE     read this spec (default: openapi.yaml at the repository root)
  --root DIR      write below this folder (default: the repository root)
  --help          print this text and exit

exit codes: 0 done or up to date; 1 the spec is wrong or files have drifted; 2 the command line is wrong`;

const REPOSITORY = resolve(fileURLToPath(new URL("../..", import.meta.url)));

interface Options {
  targets: string[];
  check: boolean;
  lint: boolean;
  spec: string;
  root: string;
}

/** A wrong command line; `main` prints it and exits 2. */
class UsageError extends Error {}

/** Runs the command and returns its exit code. Output goes through `print`, mistakes through `complain`. */
export async function main(
  args: string[],
  print: (line: string) => void,
  complain: (line: string) => void,
): Promise<number> {
  try {
    const options = readOptions(args, print);
    if (!options) return 0;
    return options.lint ? await lint(options, print, complain) : await generate(options, print, complain);
  } catch (error) {
    if (error instanceof UsageError) {
      complain(`${error.message}; see --help`);
      return 2;
    }
    if (error instanceof SpecError) {
      complain(error.message);
      return 1;
    }
    throw error;
  }
}

function readOptions(args: string[], print: (line: string) => void): Options | undefined {
  let values: ReturnType<typeof parse>["values"];
  try {
    values = parse(args).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  if (values.help) {
    print(HELP);
    return undefined;
  }
  if (values.list) {
    for (const name of targetNames()) print(name);
    return undefined;
  }
  const targets = values.target ?? [];
  const unknown = targets.find((name) => !targetNames().includes(name));
  if (unknown !== undefined)
    throw new UsageError(`unknown target ${unknown}; known targets are ${targetNames().join(", ")}`);
  const root = resolve(values.root ?? REPOSITORY);
  return {
    targets,
    check: values.check ?? false,
    lint: values.lint ?? false,
    spec: resolve(values.spec ?? join(root, "openapi.yaml")),
    root,
  };
}

function parse(args: string[]) {
  return parseArgs({
    args,
    options: {
      target: { type: "string", multiple: true },
      check: { type: "boolean" },
      lint: { type: "boolean" },
      list: { type: "boolean" },
      spec: { type: "string" },
      root: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
}

async function lint(
  options: Options,
  print: (line: string) => void,
  complain: (line: string) => void,
): Promise<number> {
  // Loaded on demand: the linter alone takes longer to load than everything generation needs.
  const { lintSpec } = await import("./lint/lint.js");
  const problems = await lintSpec(options.spec, join(options.root, "redocly.yaml"));
  for (const problem of problems) complain(problem);
  if (problems.length === 0) print("the spec keeps every rule");
  return problems.length > 0 ? 1 : 0;
}

async function generate(
  options: Options,
  print: (line: string) => void,
  complain: (line: string) => void,
): Promise<number> {
  const { api, source } = await loadSpec(options.spec);
  const findings = [...houseFindings(source.root, api)];
  for (const { node, message } of findings) {
    complain(new SpecError(source.file, source.lineOf(node.path), message).message);
  }
  if (findings.length > 0) return 1;
  const targets = await loadTargets(options.targets);
  const context = { specPath: options.spec, document: source.value };
  const files = (await Promise.all(targets.map((target) => emitTarget(target, api, context)))).flat();
  const drift = await findDrift(options.root, targets, files);
  const changes = describe(drift);
  if (options.check) {
    for (const change of changes) complain(change);
    if (changes.length > 0) complain("generated files differ from the spec; run npm run generate");
    else print(`${files.length} files are up to date`);
    return changes.length > 0 ? 1 : 0;
  }
  await applyDrift(options.root, drift);
  for (const change of changes) print(change);
  print(`${files.length} files, ${changes.length} changed`);
  return 0;
}

function describe(drift: Drift): string[] {
  return [
    ...drift.stale.map((file) => `stale    ${file.path}`),
    ...drift.missing.map((file) => `missing  ${file.path}`),
    ...drift.extra.map((path) => `extra    ${path}`),
  ];
}

const invoked = process.argv[1];
if (invoked !== undefined && realpathSync(invoked) === fileURLToPath(import.meta.url)) {
  process.exitCode = await main(
    process.argv.slice(2),
    (line) => console.log(line),
    (line) => console.error(line),
  );
}
