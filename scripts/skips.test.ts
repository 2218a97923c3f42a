/** Why tests were skipped is told by a reporter, counted with the suite, and a skip without a word is a failure. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runCommand } from "./run-command.mjs";
import { ROOT } from "./running-gateway.js";
import { countVitest } from "./suites.mjs";

let folder: string;
beforeAll(async () => {
  // Inside the repository, where vitest looks for tests.
  folder = await mkdtemp(join(ROOT, "scripts/skips-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function counts(tests: string) {
  await writeFile(
    join(folder, "sample.test.ts"),
    `import { describe, expect, it } from "vitest";\nit("passes", () => expect(1).toBe(1));\n${tests}`,
  );
  const reporter = "--reporter=./scripts/skips-reporter.mjs";
  const command = ["npx", "--no-install", "vitest", "run", "--reporter=default", reporter, folder];
  return countVitest((await runCommand(command, { seconds: 60, quiet: true })).output);
}

it("counts skipped tests by the reason in their names or of their context", async () => {
  expect(
    await counts(`
      describe.skipIf(true)("with a cluster (skipped: HOSTS is not set)", () => {
        it("reads", () => {});
        it("writes", () => {});
      });
      describe.skipIf(true)("with a database (missing: there are no binaries)", () => it("claims", () => {}));
      it("jumps", (context) => context.skip("the clock is not ours"));
    `),
  ).toEqual({
    passed: 1,
    failed: 0,
    skipped: 4,
    reasons: {
      "HOSTS is not set": 2,
      "missing: there are no binaries": 1,
      "the clock is not ours": 1,
    },
  });
});

it("takes a skip without a reason for a failure", async () => {
  expect(await counts(`it.skipIf(true)("something", () => {});`)).toMatchObject({ failed: 1, skipped: 1 });
});
