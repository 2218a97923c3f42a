/**
 * The TypeScript files of every golden case compile against the client's real runtime under its strict options, and give
 * callers the types they promise.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, it } from "vitest";

const CASES = fileURLToPath(new URL("cases", import.meta.url));
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const RUNTIME = join(ROOT, "clients/typescript/src");
const COMPILE_TIMEOUT_MS = 60_000;

const cases = readdirSync(CASES).filter((name) => readdirSync(join(CASES, name)).includes("typescript"));

/** Callers of some cases, as a user would write them; `@ts-expect-error` marks what must not compile. */
const CALLERS: Readonly<Record<string, string>> = {
  "path-and-query-parameters": `
    const thing = await operations.getThing("shelf", "name", { since: 0, deep: false, includeAttributes: ["a"] });
    const id: string = thing.id;
    const other: unknown = thing.anything;
    // @ts-expect-error a required option is missing
    await operations.getThing("shelf", "name");
    // @ts-expect-error not one of the values
    await operations.getThing("shelf", "name", { since: 0, order: "odd" });
    export { id, other };`,
  "nullable-and-optional-fields": `
    const state = await operations.putThing({ name: "a", parent: null, weight: null });
    const stable: number | null = state.stable_as_of;
    // @ts-expect-error required, though it may be null
    await operations.putThing({ name: "a" });
    export { stable };`,
  "enums-are-open-in-answers": `
    const answer = await operations.findThing({ mode: "exact" });
    if (answer.state === "warm" || answer.state === "a state of tomorrow") console.log(answer.state);
    // @ts-expect-error closed where we write
    await operations.findThing({ mode: "exactly" });`,
  "unions-tuples-and-big-integers": `
    const answer = await operations.queryThings({ ids: ["a", 1, 2n], between: [0, 1], filters: ["a", "Eq", 1] });
    const id: string | number | bigint = answer.id;
    // @ts-expect-error a pair has two
    await operations.queryThings({ between: [0] });
    export { id };`,
  pages: `
    for await (const thing of operations.iterThings({ cursor: "c" })) console.log(thing.id);
    for await (const page of operations.iterThings().pages()) console.log(page.next_cursor?.length);
    for await (const event of operations.iterShelfEvents("s")) console.log(event.sha);
    // @ts-expect-error a listing without pages
    operations.iterKeys();
    // @ts-expect-error pages carry no performance
    operations.iterThings({ withPerf: true });`,
  "fields-from-headers": `
    const plain = await operations.queryThings({ id: "a" });
    const { data, perf } = await operations.queryThings({ id: "a" }, { withPerf: true });
    const both: (number | string | null)[] = [plain.stable_as_of, data.next_cursor, perf.cacheStatus];
    export { both };`,
  "passthrough-and-fall-through": `
    await operations.queryUpstreamThing("t");
    // @ts-expect-error the body is required
    await operations.queryThing("t");`,
  "answers-without-json": `
    const nothing: void = await operations.deleteThing("t");
    const text: string = await operations.getMetrics();
    export { nothing, text };`,
};

it("has callers for cases that exist", () => {
  expect(cases).toEqual(expect.arrayContaining(Object.keys(CALLERS)));
});

it("compiles every case against the runtime, and its callers", { timeout: COMPILE_TIMEOUT_MS }, () => {
  const callers = Object.fromEntries(
    Object.entries(CALLERS).map(([name, text]) => [
      join(CASES, name, "typescript/caller.ts"),
      `import { Operations } from "./operations.js";\ndeclare const operations: Operations;\n${text}\n`,
    ]),
  );
  const files = cases.flatMap((name) =>
    ["errors.ts", "operations.ts", "types.ts"].map((file) => join(CASES, name, "typescript", file)),
  );
  expect(problemsOf(files, callers)).toEqual([]);
});

function problemsOf(files: readonly string[], virtual: Readonly<Record<string, string>>): string[] {
  const { config } = ts.readConfigFile(join(ROOT, "tsconfig.base.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const all: ts.CompilerOptions = {
    ...options,
    noEmit: true,
    composite: false,
    declaration: false,
    types: ["node"],
    typeRoots: [join(ROOT, "node_modules/@types")],
    // `../call.js` of a case means the client's own file.
    rootDirs: [RUNTIME, ...cases.map((name) => join(CASES, name))],
  };
  const host = ts.createCompilerHost(all);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (path) => path in virtual || fileExists(path);
  host.getSourceFile = (path, language, ...rest) => {
    const text = virtual[path];
    return text === undefined
      ? getSourceFile(path, language, ...rest)
      : ts.createSourceFile(path, text, language);
  };
  const program = ts.createProgram([...files, ...Object.keys(virtual)], all, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map(
      ({ file, messageText }) =>
        `${file?.fileName.slice(CASES.length) ?? ""}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`,
    );
}
