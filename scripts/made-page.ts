/** A page that is made from the server's own tables: written, or with `--check` compared only. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./running-gateway.js";

/**
 * @param file path from the root of the repository
 * @param command what makes it anew, for whoever is told that it is stale; the process ends with 1 then
 */
export function writeOrCheck(file: string, page: string, command: string): void {
  if (!process.argv.includes("--check")) writeFileSync(join(ROOT, file), page);
  else if (textOf(file) !== page) {
    process.stdout.write(`${file} is stale: run ${command}\n`);
    process.exitCode = 1;
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(join(ROOT, file), "utf8");
  } catch {
    return undefined;
  }
}
