/**
 * Golden cases: each folder under `cases/` holds a small spec and, for each target, the whole files it must give.
 *
 * `UPDATE_GOLDEN=1` rewrites the expected files of targets that have a folder in the case; make the folder to add a target.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { loadSpec } from "../src/load.js";
import type { EmittedFile, Target } from "../src/model.js";
import { loadTargets } from "../src/targets.js";
import { emitTarget } from "../src/write.js";

const CASES = fileURLToPath(new URL("cases", import.meta.url));
const UPDATE = process.env.UPDATE_GOLDEN === "1";

const targets = await loadTargets([]);
const cases = readdirSync(CASES).sort();

describe.each(cases)("%s", (name) => {
  const folder = join(CASES, name);
  const expected = targets.filter((target) => isFolder(join(folder, target.name)));

  it("has expected files for at least one target", () => {
    expect(expected.map((target) => target.name)).not.toEqual([]);
  });

  it.each(expected)("gives the expected $name files", async (target) => {
    const spec = join(folder, "spec.yaml");
    const { api, source } = await loadSpec(spec);
    const files = await emitTarget(target, api, { specPath: spec, document: source.value });
    const got = Object.fromEntries(files.map((file) => [shortPath(target, file), file.text]));
    if (UPDATE) rewrite(join(folder, target.name), got);
    expect(got).toEqual(readTree(join(folder, target.name)));
  });
});

it("covers every target with some case", () => {
  const covered = targets.filter((target) => cases.some((name) => isFolder(join(CASES, name, target.name))));
  expect(covered).toEqual(targets);
});

/** The path below the longest prefix that the target owns. */
function shortPath(target: Target, file: EmittedFile): string {
  const folders = target.owned.map((prefix) => prefix.slice(0, prefix.lastIndexOf("/") + 1));
  const owner =
    folders.filter((prefix) => file.path.startsWith(prefix)).sort((a, b) => b.length - a.length)[0] ?? "";
  return file.path.slice(owner.length);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function readTree(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const paths = files.map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(paths.map((path) => [relative(folder, path), readFileSync(path, "utf8")]));
}

function rewrite(folder: string, files: Readonly<Record<string, string>>): void {
  rmSync(folder, { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}
