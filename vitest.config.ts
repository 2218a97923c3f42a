import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** One run for every TypeScript suite. Two forks, because the machines that run it have two cores. */
export default defineConfig({
  resolve: {
    alias: [
      {
        find: /^fast-check$/,
        replacement: fileURLToPath(new URL("scripts/seeded-fast-check.ts", import.meta.url)),
      },
    ],
  },
  test: {
    include: ["{generator,clients/typescript,server,conformance,scripts}/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**", "**/.venv/**"],
    pool: "forks",
    maxWorkers: 2,
    // What a busy machine may take: a test that hangs is found as surely, one that is slow is not taken for it.
    testTimeout: 40_000,
    hookTimeout: 90_000,
    expect: { poll: { timeout: 20_000 } },
    passWithNoTests: false,
    // As main.ts does for users: the AWS SDK's advice on future versions of Node.js would stand between the results.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true" },
  },
});
