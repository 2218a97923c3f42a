/**
 * `npm test`: sets up all it needs, runs every suite, and ends with one line that sums them up.
 *
 * All suites run even after a failure, so that one run shows everything that is wrong. `npm test -- NAME` runs the suites
 * whose name contains NAME; `-- --list` names them.
 */
import { ensureBuilt, ensureGo, ensureNodeModules, ensurePython } from "./setup.mjs";
import { requireNodeForTests } from "./toolchain.mjs";

const HELP = `npm test [-- NAME…] runs everything, or the suites whose names contain one of the NAMEs.
  --list   name the suites and their allotments
  --help   this text
Exit code 0 when everything passed, 1 otherwise.
`;

/** @param {string} name @param {() => unknown} make @returns {Promise<boolean>} */
async function prepare(name, make) {
  try {
    await make();
    return true;
  } catch (error) {
    process.stdout.write(`\n✗ ${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    return false;
  }
}

/** @param {string[]} names */
async function main(names) {
  const started = Date.now();
  const total = { passed: 0, failed: 0, skipped: 0 };
  const prepared = [
    await prepare("Node.js", requireNodeForTests),
    await prepare("npm packages", ensureNodeModules),
    await prepare("Python", ensurePython),
    await prepare("Go", ensureGo),
  ];
  total.failed += prepared.filter((ok) => !ok).length;
  const { runCommand } = await import("./run-command.mjs");
  const { SUITES, TOTAL_SECONDS } = await import("./suites.mjs");
  if (!(await prepare("build", ensureBuilt))) total.failed += 1;
  const chosen = SUITES.filter(
    (suite) => names.length === 0 || names.some((name) => suite.name.includes(name)),
  );
  if (chosen.length === 0) {
    process.stdout.write(`no suite is named like ${names.join(", ")}; see npm test -- --list\n`);
    total.failed += 1;
  }
  /** @type {string[]} */
  const failures = [];
  /** @type {Map<string, number>} */
  const reasons = new Map();
  for (const suite of chosen) {
    process.stdout.write(`\n▶ ${suite.name}\n`);
    const left = Math.max(1, TOTAL_SECONDS - (Date.now() - started) / 1000);
    const outcome = await runCommand(suite.command, { ...suite, seconds: Math.min(suite.seconds, left) });
    const counts = suite.count?.(outcome.output) ?? {
      passed: outcome.ok ? 1 : 0,
      failed: outcome.ok ? 0 : 1,
      skipped: 0,
    };
    const ranNothing = counts.passed + counts.failed === 0;
    if ((!outcome.ok || ranNothing) && counts.failed === 0) counts.failed = 1;
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.skipped += counts.skipped;
    for (const [reason, count] of Object.entries(counts.reasons ?? {}))
      reasons.set(reason, (reasons.get(reason) ?? 0) + count);
    const verdict = counts.failed > 0 ? "✗" : "✓";
    process.stdout.write(
      `${verdict} ${suite.name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped in ${outcome.seconds.toFixed(1)} s\n`,
    );
    if (counts.failed > 0) failures.push(`  ${suite.name}${suite.advice ? ` → ${suite.advice}` : ""}`);
  }
  if (failures.length > 0) process.stdout.write(`\nfailed:\n${failures.join("\n")}\n`);
  process.stdout.write(`\nin ${((Date.now() - started) / 1000).toFixed(0)} s\n`);
  for (const [reason, count] of reasons) process.stdout.write(`skipped ${count}: ${reason}\n`);
  // What should have been there is named where everybody looks.
  const missing = [...reasons.keys()].filter((reason) => reason.startsWith("missing: "));
  const note = missing.length === 0 ? "" : ` (${missing.join("; ")})`;
  process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped${note}\n`);
  process.exitCode = total.failed > 0 ? 1 : 0;
}

const args = process.argv.slice(2);
if (args.includes("--help")) {
  process.stdout.write(HELP);
} else if (args.includes("--list")) {
  const { SUITES } = await import("./suites.mjs");
  for (const suite of SUITES) process.stdout.write(`${String(suite.seconds).padStart(4)} s  ${suite.name}\n`);
} else {
  await main(args);
}
