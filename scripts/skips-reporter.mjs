/**
 * A vitest reporter that says why tests were skipped, a line for each reason. The reason is in the name of the test or of a
 * suite around it, `(skipped: …)` or `(missing: …)`, or was given to `context.skip`. `missing` is for what `npm test` usually
 * brings along itself.
 */

export const WITHOUT_REASON = "without a reason";

export default class SkipsReporter {
  /** @param {ReadonlyArray<import("vitest/node").TestModule>} modules */
  onTestRunEnd(modules) {
    /** @type {Map<string, number>} */
    const counts = new Map();
    for (const module of modules)
      for (const test of module.children.allTests("skipped")) {
        const reason = reasonOf(test);
        counts.set(reason, (counts.get(reason) ?? 0) + 1);
      }
    for (const [reason, count] of counts) process.stdout.write(`skipped ${count} ${reason}\n`);
  }
}

/** @param {import("vitest/node").TestCase} test */
function reasonOf(test) {
  const result = test.result();
  const named = /\((skipped|missing): ([^()]*)\)/.exec(test.fullName);
  if (named) return `${named[1] === "missing" ? "missing: " : ""}${named[2]}`;
  return (result.state === "skipped" && result.note) || WITHOUT_REASON;
}
