/** `gofmt -l FOLDER…` that fails: gofmt itself lists unformatted files and exits 0. */
import { execFileSync } from "node:child_process";

const unformatted = execFileSync("gofmt", ["-l", ...process.argv.slice(2)], {
  encoding: "utf8",
  timeout: 10_000,
}).trim();
if (unformatted) {
  process.stdout.write(`not formatted by gofmt:\n${unformatted}\n`);
  process.exit(1);
}
