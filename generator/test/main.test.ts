import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { main } from "../src/main.js";
import { targetNames } from "../src/targets.js";
import { SPEC, specWith } from "./fixture.js";

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "hevlayer-generate-"));
  await writeFile(join(root, "openapi.yaml"), SPEC);
  await writeFile(join(root, "redocly.yaml"), "extends: []\nrules: { struct: error }\n");
});
afterEach(() => rm(root, { recursive: true }));

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await main(
    [...args, "--root", root],
    (line) => out.push(line),
    (line) => err.push(line),
  );
  return { code, out: out.join("\n"), err: err.join("\n") };
}

const OPERATIONS = "clients/typescript/src/generated/operations.ts";

describe("generate", () => {
  it("writes all targets, and nothing the second time", async () => {
    expect(await run()).toMatchObject({ code: 0, err: "" });
    const first = await stat(join(root, OPERATIONS));
    expect((await run()).out).toMatch(/ 0 changed$/);
    expect((await stat(join(root, OPERATIONS))).mtimeMs).toBe(first.mtimeMs);
    expect(await run("--check")).toMatchObject({ code: 0 });
  });

  it("generates only the targets asked for", async () => {
    await run("--target", "typescript");
    await expect(stat(join(root, OPERATIONS))).resolves.toBeTruthy();
    await expect(stat(join(root, "server"))).rejects.toThrow("ENOENT");
  });

  it("removes generated files that nothing emits, and no others", async () => {
    await run("--target", "typescript");
    const folder = join(root, "clients/typescript/src/generated");
    await writeFile(
      join(folder, "old.ts"),
      (await readFile(join(root, OPERATIONS), "utf8")).split("\n")[0] ?? "",
    );
    await writeFile(join(folder, "mine.ts"), "export {};\n");
    expect((await run("--target", "typescript", "--check")).err).toContain(
      "extra    clients/typescript/src/generated/old.ts",
    );
    await run("--target", "typescript");
    await expect(stat(join(folder, "old.ts"))).rejects.toThrow("ENOENT");
    await expect(stat(join(folder, "mine.ts"))).resolves.toBeTruthy();
  });
});

describe("--check", () => {
  it("names each stale, missing and extra file, writes nothing, and fails", async () => {
    await run("--target", "typescript");
    await writeFile(join(root, OPERATIONS), "edited\n");
    await rm(join(root, "clients/typescript/src/generated/errors.ts"));
    const { code, err } = await run("--target", "typescript", "--check");
    expect(code).toBe(1);
    expect(err.split("\n")).toEqual([
      `stale    ${OPERATIONS}`,
      "missing  clients/typescript/src/generated/errors.ts",
      "generated files differ from the spec; run npm run generate",
    ]);
    expect(await readFile(join(root, OPERATIONS), "utf8")).toBe("edited\n");
  });
});

describe("mistakes", () => {
  it("in the spec are one line each, without a stack trace", async () => {
    await writeFile(join(root, "openapi.yaml"), specWith("x-hev-kind: layer", "x-hev-kind: own"));
    const { code, err } = await run();
    expect(code).toBe(1);
    expect(err).toMatch(
      /^\S*openapi\.yaml:15: .*x-hev-kind: "own" is not one of passthrough, upstream, layer$/,
    );
  });

  it("against a house rule stop generation", async () => {
    await writeFile(join(root, "openapi.yaml"), specWith("items: things,", "items: rows,"));
    const { code, err } = await run("--target", "typescript");
    expect(code).toBe(1);
    expect(err).toMatch(/openapi\.yaml:18: .*items names rows/);
    await expect(stat(join(root, "clients"))).rejects.toThrow("ENOENT");
  });

  it("in the command line exit 2 and point to the help", async () => {
    expect(await run("--target", "cobol")).toMatchObject({
      code: 2,
      err: expect.stringContaining("unknown target cobol"),
    });
    expect(await run("--chek")).toMatchObject({ code: 2, err: expect.stringContaining("--chek") });
  });

  it("of a missing spec name the file", async () => {
    await rm(join(root, "openapi.yaml"));
    const { code, err } = await run();
    expect(code).toBe(1);
    expect(err).toMatch(/openapi\.yaml:1: the spec cannot be read: ENOENT/);
  });
});

describe("--lint", () => {
  it("passes a correct spec", async () => {
    expect(await run("--lint")).toMatchObject({ code: 0, err: "" });
  });

  it("reports house rules and standard rules alike, in the order of the file", async () => {
    const text = specWith("version: 1.0.0 }", "version: 1.0.0, colour: red }");
    await writeFile(join(root, "openapi.yaml"), text.replace("items: things,", "items: rows,"));
    const { code, err } = await run("--lint");
    expect(code).toBe(1);
    expect(err.split("\n").map((line) => line.replace(/^\S*openapi\.yaml:/, ""))).toEqual([
      expect.stringMatching(/^2: .*colour.*\(struct\)$/),
      expect.stringMatching(/^18: .*items names rows.*\(hev\/pages-fit\)$/),
    ]);
  });
});

describe("--list and --help", () => {
  it("name every target and every option", async () => {
    expect((await run("--list")).out.split("\n")).toEqual(targetNames());
    const { out } = await run("--help");
    for (const option of ["--target", "--check", "--lint", "--list", "--spec", "--root", "--help"])
      expect(out).toContain(option);
  });
});
