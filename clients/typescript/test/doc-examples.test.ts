/** The example in each method's documentation compiles, runs as written, and reaches the operation it documents. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Hevlayer } from "../src/index.js";
import { type FaultServer, startFaultServer } from "./fault-server.js";

const SOURCE = fileURLToPath(new URL("../src", import.meta.url));
const TEXT = readFileSync(join(SOURCE, "generated/operations.ts"), "utf8");

interface DocExample {
  /** The method, or the one that a waiter asks. */
  method: string;
  code: string;
}

function examples(): DocExample[] {
  const pattern = /@example\n {3}\* ```ts\n([\s\S]*?) {3}\* ```[\s\S]*?\*\/\n {2}(\w+)[<(]/g;
  return [...TEXT.matchAll(pattern)].map(([, lines = "", method = ""]) => ({
    method: method.replace(/^waitFor/, "get"),
    code: lines.replace(/^ {3}\* ?/gm, ""),
  }));
}

/** Method and path of an operation, read from the table beside the class. */
function routeOf(operation: string): { method: string; path: RegExp } {
  const entry = new RegExp(`^ {2}${operation}: \\{\\n.*?method: "(\\w+)",\\n.*?path: "([^"]+)"`, "ms").exec(
    TEXT,
  );
  const [, method = "", path = ""] = entry ?? [];
  return { method, path: new RegExp(`^${path.replace(/\{\w+\}/g, "[^/]+")}(\\?.*)?$`) };
}

let server: FaultServer;
beforeAll(async () => {
  server = await startFaultServer({ body: { rows: [], namespaces: [], status: "completed" } });
});
afterAll(() => server.close());

describe("documented examples", () => {
  it("exist for every operation", () => {
    const operations = [...TEXT.matchAll(/^ {4}id: "(\w+)"/gm)].map(([, id]) => id);
    expect(operations.length).toBeGreaterThan(0);
    const documented = new Set(examples().map((example) => example.method));
    expect([...documented]).toEqual(operations);
  });

  it.each(examples())("of $method runs as written", async ({ method, code }) => {
    const client = new Hevlayer({ baseUrl: server.url });
    const call = new Function("client", `return (async () => { ${code} })();`) as (
      client: Hevlayer,
    ) => Promise<void>;
    await call(client);
    const route = routeOf(method);
    expect(server.requests.at(-1)).toMatchObject({
      method: route.method,
      target: expect.stringMatching(route.path),
    });
  });

  it("type-check strictly", { timeout: 60_000 }, () => {
    const text = `import type { Hevlayer } from "../src/index.js";\ndeclare const client: Hevlayer;\n${examples()
      .map(({ code }) => `{\n${code}}`)
      .join("\n")}\nexport {};\n`;
    const file = join(SOURCE, "../test/doc-examples.virtual.ts");
    const root = join(SOURCE, "../../..");
    const { config } = ts.readConfigFile(join(root, "tsconfig.base.json"), ts.sys.readFile);
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
    const all = { ...options, noEmit: true, composite: false, declaration: false };
    const host = ts.createCompilerHost(all);
    const { getSourceFile, fileExists } = host;
    host.fileExists = (path) => path === file || fileExists(path);
    host.getSourceFile = (path, language, ...rest) =>
      path === file ? ts.createSourceFile(path, text, language) : getSourceFile(path, language, ...rest);
    const problems = ts.getPreEmitDiagnostics(ts.createProgram([file], all, host));
    expect(problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"))).toEqual([]);
  });
});
