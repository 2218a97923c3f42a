/**
 * CONTRIBUTING's "add an operation", replayed on a copy of the tree from the very blocks it shows, and the ways in which
 * forgetting a step turns the checks red.
 */
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { samplesOf } from "./readmes.js";
import { copyTree, type TreeCopy } from "./tree-copy.js";

const run = promisify(execFile);
const STEP_TIMEOUT_MS = 120_000;

let tree: TreeCopy;

beforeAll(() => {
  tree = copyTree();
});

afterAll(() => {
  tree.remove();
});

/** Runs one of the repository's commands in the copy and gives its exit code and everything it said. */
async function command(...args: string[]): Promise<{ code: number; said: string }> {
  const env = { ...process.env, ...tree.env, NO_COLOR: "1" };
  try {
    const { stdout, stderr } = await run("npm", ["run", "--silent", ...args], {
      cwd: tree.folder,
      env,
      timeout: STEP_TIMEOUT_MS,
    });
    return { code: 0, said: stdout + stderr };
  } catch (error) {
    const failure = error as { code?: number; stdout?: string; stderr?: string };
    return { code: failure.code ?? -1, said: `${failure.stdout ?? ""}${failure.stderr ?? ""}` };
  }
}

/** Edits a file of the copy; an edit that changes nothing is a mistake in this test. */
function edit(file: string, change: (text: string) => string): void {
  const path = join(tree.folder, file);
  const before = readFileSync(path, "utf8");
  const after = change(before);
  expect(after, `${file} was not changed`).not.toBe(before);
  writeFileSync(path, after);
}

describe("add an operation", () => {
  const [paths, schemas, scenario] = samplesOf("CONTRIBUTING.md", ["yaml"]).map((sample) => sample.text);
  const [handler] = samplesOf("CONTRIBUTING.md", ["ts"]).map((sample) => sample.text);

  it("starts from a tree whose generated files are fresh", { timeout: STEP_TIMEOUT_MS }, async () => {
    const { code, said } = await command("generate", "--", "--check");
    expect(code, said).toBe(0);
  });

  it("asks for generation once the spec has changed", { timeout: STEP_TIMEOUT_MS }, async () => {
    edit("openapi.yaml", (text) =>
      text
        .replace(/^paths:\n/m, () => `paths:\n${paths}\n`)
        .replace(/^ {2}schemas:\n/m, () => `  schemas:\n${schemas}\n`),
    );
    const { code, said } = await command("generate", "--", "--check");
    expect(code).toBe(1);
    expect(said).toContain("clients/typescript/src/generated/operations.ts");
    expect(said).toContain("npm run generate");
  });

  it("refuses to compile without the handler", { timeout: STEP_TIMEOUT_MS }, async () => {
    const generated = await command("generate");
    expect(generated.code, generated.said).toBe(0);
    const { code, said } = await command("build");
    expect(code).not.toBe(0);
    expect(said).toContain("getVersion");
  });

  it("is green with the handler and a scenario, through every driver", {
    timeout: 2 * STEP_TIMEOUT_MS,
  }, async () => {
    edit("server/src/handlers/health.ts", (text) =>
      text.replace(/^ *getReady: async/m, (line) => `${handler}\n${line}`),
    );
    const built = await command("build");
    expect(built.code, built.said).toBe(0);
    writeFileSync(join(tree.folder, "conformance/scenarios/version.yaml"), scenario ?? "");
    const linted = await command("lint:spec");
    expect(linted.code, linted.said).toBe(0);
    const { code, said } = await command("conformance", "--", "--scenario", "version/*");
    expect(code, said).toBe(0);
    for (const driver of ["typescript", "python", "go", "http"]) expect(said).toContain(driver);
  });
});

describe("forgetting a step", () => {
  it("names a generated file that was edited by hand", { timeout: STEP_TIMEOUT_MS }, async () => {
    edit("clients/go/types_gen.go", (text) => `${text}\n// one more line\n`);
    const { code, said } = await command("generate", "--", "--check");
    expect(code).toBe(1);
    expect(said).toContain("clients/go/types_gen.go");
    expect(said).toContain("npm run generate");
  });

  it("names the files that a changed description makes stale", { timeout: STEP_TIMEOUT_MS }, async () => {
    edit("openapi.yaml", (text) =>
      text.replace("summary: Fetch one document by id", "summary: Fetch a single document by id"),
    );
    const { code, said } = await command("generate", "--", "--check");
    expect(code).toBe(1);
    expect(said).toContain("server/src/generated/handlers.ts");
  });

  it("names the operation whose handler was dropped", { timeout: STEP_TIMEOUT_MS }, async () => {
    edit("server/src/handlers/health.ts", (text) => text.replace("getReady: async", "getReadyNoMore: async"));
    const { code, said } = await command("build");
    expect(code).not.toBe(0);
    expect(said).toContain("getReady");
  });

  it("names the line and the rule of a hint that is wrong", { timeout: STEP_TIMEOUT_MS }, async () => {
    edit("openapi.yaml", (text) => text.replace("x-hev-access: read", "x-hev-access: reed"));
    const { code, said } = await command("lint:spec");
    expect(code).toBe(1);
    expect(said).toMatch(/openapi\.yaml:\d+/);
    expect(said).toContain("reed");
  });
});
