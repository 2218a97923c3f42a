/**
 * The Express files of every golden case compile under the server's strict options, and a server that leaves out one
 * operation, or answers what the spec does not declare, does not.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, it } from "vitest";

const CASES = fileURLToPath(new URL("cases", import.meta.url));
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const COMPILE_TIMEOUT_MS = 60_000;

/** Compiler messages for the given files, the ones in `virtual` taken from memory. */
function problemsOf(files: readonly string[], virtual: Readonly<Record<string, string>> = {}): string[] {
  const { config } = ts.readConfigFile(join(ROOT, "tsconfig.base.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const host = ts.createCompilerHost({ ...options, noEmit: true, composite: false });
  const { getSourceFile, fileExists } = host;
  host.fileExists = (path) => path in virtual || fileExists(path);
  host.getSourceFile = (path, language, ...rest) => {
    const text = virtual[path];
    return text === undefined
      ? getSourceFile(path, language, ...rest)
      : ts.createSourceFile(path, text, language);
  };
  const program = ts.createProgram(
    [...files, ...Object.keys(virtual)],
    {
      ...options,
      noEmit: true,
      composite: false,
      declaration: false,
      types: ["node"],
      typeRoots: [join(ROOT, "node_modules/@types")],
    },
    host,
  );
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
}

it("compiles the expected Express files of every case", { timeout: COMPILE_TIMEOUT_MS }, () => {
  const files = readdirSync(CASES, { recursive: true, encoding: "utf8" })
    .filter((path) => /[\\/]express[\\/]\w+\.ts$/.test(path))
    .map((path) => join(CASES, path));
  expect(files.length).toBeGreaterThan(0);
  expect(problemsOf(files)).toEqual([]);
});

const folder = join(CASES, "routes-in-order/express");
const implementation = (health: string, things: string) => `
import type { Handlers } from "./handlers.js";
export const handlers: Handlers<{ caller: string }> = {
  health: { ${health} },
  things: {
    getThing: async ({ path, context }) => ({ status: 200, json: { id: path.thing + context.caller } }),
    relayThing: async ({ bytes }) => ({ status: 418, headers: {}, body: bytes }),
    createThing: async ({ body }) => ({ status: 201, json: body }),
    ${things}
  },
};
`;
const ready = 'getReady: async () => ({ status: 503, json: { detail: "starting" } })';
const newest = 'getNewestThing: async () => ({ status: 200, json: { id: "a" } })';

it.each([
  ["takes a handler for every operation", ready, newest, undefined],
  ["refuses a missing operation", ready, "", /'getNewestThing' is missing/],
  [
    "refuses a body of the wrong type",
    ready,
    newest.replace('"a"', "1"),
    /'number' is not assignable to type 'string'/,
  ],
  [
    "refuses a status that the operation does not declare",
    ready.replace("503", "418"),
    newest,
    /not assignable to type 'Reply<"getReady">'/,
  ],
])("%s", { timeout: COMPILE_TIMEOUT_MS }, (_name, health, things, problem) => {
  const file = join(folder, "implementation.ts");
  const problems = problemsOf([], { [file]: implementation(health, things) });
  if (problem === undefined) expect(problems).toEqual([]);
  else expect(problems.join("\n")).toMatch(problem);
});
