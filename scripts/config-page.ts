/** Writes `docs/config.md` from the server's own table of settings; `--check` compares and changes nothing. */
import { settings } from "../server/src/settings.js";
import { writeOrCheck } from "./made-page.js";

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

writeOrCheck("docs/config.md", page, "npm run docs:config");
