/**
 * What `npm test` runs: each suite with its allotment in seconds and the way its tests are counted.
 *
 * An allotment is what a suite may take on a busy machine, not what it takes; the whole has `TOTAL_SECONDS`. A suite that
 * outgrows its own moves its longer loops to `npm run test:long`; the total never grows.
 */
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { ROOT, VENV_PYTHON } from "./setup.mjs";
import { WITHOUT_REASON } from "./skips-reporter.mjs";

/** What all of it may take, setting up included, in seconds. */
export const TOTAL_SECONDS = 700;

/**
 * @typedef {{ passed: number, failed: number, skipped: number, reasons?: Record<string, number> }} Counts `reasons` says why
 *   how many were skipped.
 * @typedef {{
 *   name: string,
 *   seconds: number,
 *   command: string[],
 *   cwd?: string,
 *   env?: Record<string, string>,
 *   quiet?: boolean,
 *   count?: (output: string) => Counts,
 *   advice?: string,
 * }} Suite A suite without `count` is one check: it passes or fails as a whole.
 */

/** @param {RegExp} pattern @param {string} text */
const last = (pattern, text) => Number([...text.matchAll(pattern)].at(-1)?.[1] ?? 0);

/** @type {(output: string) => Counts} */
export function countVitest(output) {
  const text = stripVTControlCharacters(output);
  const line = [...text.matchAll(/^\s*Tests\s+(.*)$/gm)].at(-1)?.[1] ?? "";
  const skips = [...text.matchAll(/^skipped (\d+) (.+)$/gm)];
  const reasons = Object.fromEntries(skips.map(([, count, reason]) => [reason, Number(count)]));
  return {
    passed: last(/(\d+) passed/g, line),
    // Nobody would miss a test that is skipped without a word.
    failed: last(/(\d+) failed/g, line) + (reasons[WITHOUT_REASON] ?? 0),
    skipped: last(/(\d+) skipped/g, line),
    reasons,
  };
}

/** @type {(output: string) => Counts} */
export function countPytest(output) {
  const line =
    [...stripVTControlCharacters(output).matchAll(/^.*\d+ (?:passed|failed|error).* in [\d.]+s.*$/gm)].at(
      -1,
    )?.[0] ?? "";
  const failed = last(/(\d+) failed/g, line) + last(/(\d+) errors?/g, line);
  return { passed: last(/(\d+) passed/g, line), failed, skipped: last(/(\d+) skipped/g, line) };
}

/** @type {(output: string) => Counts} `go test -v` prints one line a test. */
export function countGo(output) {
  const results = [...output.matchAll(/^\s*--- (PASS|FAIL|SKIP): /gm)].map((match) => match[1]);
  /** @param {string} verdict */
  const of = (verdict) => results.filter((result) => result === verdict).length;
  return { passed: of("PASS"), failed: of("FAIL"), skipped: of("SKIP") };
}

/** @type {(output: string) => Counts} */
export function countConformance(output) {
  const line = [
    ...stripVTControlCharacters(output).matchAll(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/gm),
  ].at(-1);
  return { passed: Number(line?.[1] ?? 0), failed: Number(line?.[2] ?? 0), skipped: Number(line?.[3] ?? 0) };
}

const vitest = ["npx", "--no-install", "vitest", "run", "--reporter=default"];
const skips = "--reporter=./scripts/skips-reporter.mjs";
const python = join(ROOT, "clients/python");
const go = join(ROOT, "clients/go");
const goFolders = ["clients/go", "server/test/vendor/go", "conformance/drivers/go"];
const pythonFolders = [
  "clients/python",
  "server/test/vendor/python",
  "conformance/drivers/python",
  "conformance/schemathesis",
];

/** @type {Suite[]} In the order they run: the cheap checks that explain the later failures come first. */
export const SUITES = [
  {
    name: "generated code is fresh",
    seconds: 20,
    quiet: true,
    command: ["npm", "run", "--silent", "generate", "--", "--check"],
    advice: "npm run generate",
  },
  {
    name: "settings page is fresh",
    seconds: 20,
    quiet: true,
    command: ["npm", "run", "--silent", "docs:config", "--", "--check"],
    advice: "npm run docs:config",
  },
  {
    name: "metrics page is fresh",
    seconds: 20,
    quiet: true,
    command: ["npm", "run", "--silent", "docs:metrics", "--", "--check"],
    advice: "npm run docs:metrics",
  },
  {
    name: "spec lint",
    seconds: 20,
    quiet: true,
    command: ["npm", "run", "--silent", "lint:spec"],
    advice: "mend openapi.yaml where the lines above point",
  },
  {
    name: "TypeScript compiles",
    seconds: 60,
    quiet: true,
    command: ["npm", "run", "--silent", "typecheck"],
    advice:
      "a handler that is missing is an operation of openapi.yaml that server/src/handlers does not serve yet",
  },
  {
    name: "biome",
    seconds: 20,
    quiet: true,
    command: ["npm", "run", "--silent", "lint:ts"],
    advice: "npx biome check --write",
  },
  {
    name: "import rules",
    seconds: 30,
    quiet: true,
    command: ["npm", "run", "--silent", "lint:imports"],
    advice: "ARCHITECTURE.md has the table of who may import whom",
  },
  { name: "house rules", seconds: 10, quiet: true, command: ["node", "scripts/tidy.mjs"] },
  {
    name: "one version",
    seconds: 10,
    quiet: true,
    command: ["node", "scripts/version.mjs", "--check"],
    advice: "node scripts/version.mjs",
  },
  {
    name: "ruff",
    seconds: 10,
    quiet: true,
    command: [VENV_PYTHON, "-m", "ruff", "check", ...pythonFolders],
  },
  {
    name: "ruff format",
    seconds: 10,
    quiet: true,
    command: [VENV_PYTHON, "-m", "ruff", "format", "--check", ...pythonFolders],
    advice: `.venv/bin/ruff format ${pythonFolders.join(" ")}`,
  },
  { name: "mypy", seconds: 60, quiet: true, cwd: python, command: [VENV_PYTHON, "-m", "mypy"] },
  {
    name: "gofmt",
    seconds: 10,
    quiet: true,
    command: ["node", "scripts/gofmt.mjs", ...goFolders],
    advice: `gofmt -w ${goFolders.join(" ")}`,
  },
  ...goFolders.map((folder) => ({
    name: `go vet ${folder}`,
    seconds: 60,
    quiet: true,
    cwd: join(ROOT, folder),
    command: ["go", "vet", "./..."],
  })),
  {
    name: "TypeScript tests",
    seconds: 450,
    command: [...vitest, skips, "generator", "clients", "server", "conformance"],
    count: countVitest,
  },
  {
    name: "Python tests",
    seconds: 60,
    cwd: python,
    command: [VENV_PYTHON, "-m", "pytest", "-q"],
    count: countPytest,
  },
  {
    name: "Go tests",
    seconds: 60,
    quiet: true,
    cwd: go,
    command: ["go", "test", "-v", "./..."],
    count: countGo,
  },
  {
    name: "guides and commands",
    seconds: 180,
    command: [...vitest, skips, "scripts"],
    count: countVitest,
  },
  {
    name: "conformance",
    seconds: 90,
    command: ["npm", "run", "--silent", "conformance"],
    count: countConformance,
  },
  {
    name: "schemathesis",
    seconds: 75,
    command: ["npm", "run", "--silent", "fuzz"],
    count: countConformance,
  },
];
