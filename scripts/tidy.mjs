/**
 * House rules that no linter knows: sizes, drawers, banned words and calls. Each finding says where and what to do.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./setup.mjs";

/** Where a hand-written file stops fitting in one reading. */
const LINES_MAX = 600;
const DOCUMENT_LINES_MAX = { "README.md": 150, "ARCHITECTURE.md": 300, "CONTRIBUTING.md": 150 };
const GENERATED = /\/(_)?generated\/|_gen\.go$|^generator\/test\/cases\/|package-lock\.json$/;
const CODE = /\.(ts|mjs|cjs|py|go)$/;
const DRAWERS = /(^|\/)(utils?|helpers?|common|misc|lib)(\/|\.[a-z]+$)/;

/** @type {{ name: string, files: RegExp, except?: RegExp, pattern: RegExp, say: string }[]} */
const BANNED = [
  {
    name: "unfinished mark",
    files: CODE,
    except: /^scripts\/tidy\.mjs$/,
    pattern: /\b(TODO|FIXME|XXX|HACK)\b/,
    say: "finish it, or open an issue and cite its number in the docs",
  },
  {
    name: "focused test",
    files: /\.test\.ts$/,
    pattern: /\b(describe|it|test)\.only\(/,
    say: "remove .only, it hides the other tests",
  },
  {
    name: "silently skipped test",
    files: /\.test\.ts$/,
    pattern: /\b(describe|it|test)\.skip\(/,
    say: "use skipIf with a reason in the test's name",
  },
  {
    name: "environment read outside config",
    files: /^server\/src\/.*\.ts$/,
    except: /^server\/src\/(config|main|cli)\.ts$|^server\/src\/engine\/main\.ts$|\.test\.ts$/,
    pattern: /process\.env/,
    say: "take the value from the parsed config",
  },
  {
    name: "exit outside the command line",
    files: /^(server|generator|conformance)\/src\/.*\.ts$/,
    except: /(main|cli)\.ts$|\.test\.ts$/,
    pattern: /process\.exit\(/,
    say: "throw, and let the command line decide",
  },
  {
    name: "type check switched off",
    files: /\.ts$/,
    pattern: /@ts-(ignore|nocheck)/,
    say: "let the types say it",
  },
];

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: ROOT,
  encoding: "utf8",
  timeout: 10_000,
})
  .split("\n")
  .filter((file) => file && !GENERATED.test(file));

/** @type {string[]} */
const findings = [];
for (const file of files) {
  if (DRAWERS.test(file))
    findings.push(`${file}: a drawer where unrelated things meet; name the file after what it holds`);
  const limit = CODE.test(file)
    ? LINES_MAX
    : /** @type {Record<string, number>} */ (DOCUMENT_LINES_MAX)[file];
  const rules = BANNED.filter((rule) => rule.files.test(file) && !rule.except?.test(file));
  if (limit === undefined && rules.length === 0) continue;
  let text;
  try {
    text = readFileSync(join(ROOT, file), "utf8");
  } catch {
    continue;
  }
  const lines = text.split("\n");
  if (limit !== undefined && lines.length > limit) {
    findings.push(`${file}: ${lines.length} lines, at most ${limit}; look for the second noun and split`);
  }
  for (const rule of rules) {
    const at = lines.findIndex((line) => rule.pattern.test(line));
    if (at >= 0) findings.push(`${file}:${at + 1}: ${rule.name}; ${rule.say}`);
  }
}

const reasons = readFileSync(join(ROOT, "ARCHITECTURE.md"), "utf8").split("## Dependencies")[1] ?? "";
for (const file of files.filter((each) => /(^|\/)package\.json$/.test(each))) {
  const { dependencies, devDependencies, peerDependencies } = JSON.parse(
    readFileSync(join(ROOT, file), "utf8"),
  );
  for (const name of Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies }))
    if (!name.startsWith("@types/") && !reasons.includes(`\`${name}\``))
      findings.push(
        `${file}: ${name} has no reason in the table of ARCHITECTURE.md, "Dependencies"; give it one`,
      );
}

if (findings.length > 0) {
  process.stdout.write(`${findings.join("\n")}\n`);
  process.exit(1);
}
process.stdout.write(`${files.length} files tidy\n`);
