/**
 * One version for every package: changesets moves the `package.json` files together, this copies the number into the
 * places that npm does not know. `--check` compares and changes nothing.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./setup.mjs";

const SOURCE = "clients/typescript/package.json";

/** Each place: the file, and the pattern whose second group is the version. */
const PLACES = /** @type {const} */ ([
  ["generator/package.json", /("version": ")([^"]+)(")/],
  ["server/package.json", /("version": ")([^"]+)(")/],
  ["conformance/package.json", /("version": ")([^"]+)(")/],
  ["clients/python/package.json", /("version": ")([^"]+)(")/],
  ["clients/go/package.json", /("version": ")([^"]+)(")/],
  ["openapi.yaml", /(^ {2}version: )(\S+)()$/m],
  ["clients/python/pyproject.toml", /(^version = ")([^"]+)(")/m],
  ["clients/python/src/hevlayer/_version.py", /(^__version__ = ")([^"]+)(")/m],
  ["clients/go/version.go", /(Version = ")([^"]+)(")/],
  ["clients/typescript/src/version.ts", /(VERSION = ")([^"]+)(")/],
]);

const version = JSON.parse(readFileSync(join(ROOT, SOURCE), "utf8")).version;
const check = process.argv.includes("--check");
const different = [];
for (const [file, pattern] of PLACES) {
  const path = join(ROOT, file);
  const text = readFileSync(path, "utf8");
  const found = pattern.exec(text)?.[2];
  if (found === version) continue;
  different.push(`${file} says ${found ?? "nothing"}, ${SOURCE} says ${version}`);
  if (!check) writeFileSync(path, text.replace(pattern, `$1${version}$3`));
}
if (different.length > 0) process.stdout.write(`${different.join("\n")}\n`);
if (check && different.length > 0) process.exit(1);
