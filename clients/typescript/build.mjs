/**
 * Builds the package for publishing: ES modules in `dist`, CommonJS in `dist/cjs`, each with its own declarations. Writes
 * nothing that is up to date, so that several packings at once do not disturb each other.
 */
import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const compiler = createRequire(import.meta.url).resolve("typescript/bin/tsc");

execFileSync(process.execPath, [compiler, "-b", "tsconfig.json", "tsconfig.cjs.json"], {
  cwd: here,
  stdio: "inherit",
});
// Without it, the files beside it would count as ES modules like the rest of the package.
const marker = new URL("dist/cjs/package.json", import.meta.url);
if (!existsSync(marker)) writeFileSync(marker, '{ "type": "commonjs" }\n');
