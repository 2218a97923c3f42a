/** Writes `docs/config.md` from the server's own table of settings; `--check` compares and changes nothing. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { settings } from "../server/src/settings.js";
import { ROOT } from "./running-gateway.js";

const PATH = "docs/config.md";

const rows = Object.values(settings).map(
  ({ name, defaultText, unit, meaning }) => `| \`${name}\` | ${unit} | ${defaultText} | ${meaning} |`,
);
const page = `<!-- Written by scripts/config-page.ts from server/src/settings.ts; edits are lost. -->

# Settings

The gateway reads its settings from the environment, once, at start. A blank variable counts as absent. A wrong one is
reported with its value and its rule, all of them together, before anything starts (exit code 1).

| variable | unit | default | meaning |
|---|---|---|---|
${rows.join("\n")}
`;

if (process.argv.includes("--check")) {
  const stale = (() => {
    try {
      return readFileSync(join(ROOT, PATH), "utf8") !== page;
    } catch {
      return true;
    }
  })();
  if (stale) {
    process.stdout.write(`${PATH} is stale: run npm run docs:config\n`);
    process.exitCode = 1;
  }
} else {
  writeFileSync(join(ROOT, PATH), page);
}
