/**
 * `npm run fuzz`: every operation of openapi.yaml called with what schemathesis makes up, against a gateway over its
 * embedded engine that checks its own answers. `schemathesis/hooks.py` knows what exists there.
 */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startGateway } from "../reference-gateway.js";
import { loadSpec } from "../spec.js";
import { type FuzzOptions, HELP, parseFuzzOptions } from "./options.js";
import { type Answers, answersTable, failedOperations, judge } from "./verdict.js";

const packageRoot = fileURLToPath(new URL("../..", import.meta.url));
const repository = join(packageRoot, "..");

/** The well-known local key: it opens this gateway alone. */
const KEY = "tpuf_local";

/** What starting, shrinking a failure and reporting may add to the time asked for, in seconds. */
const OVERTIME_S = 25;

const CHECKS = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_headers_conformance",
  "response_schema_conformance",
  "ignored_auth",
];

/** Namespaces that hooks.py leads requests to, and what they hold at first. */
const SEEDED = ["products", "catalog", "settings", "spare-1"];
const SEED = {
  upsert_rows: [
    { id: "sku-17", vector: [0.1, 0.2], title: "Trail shoe", price: 89 },
    { id: "sku-18", vector: [0.3, 0.1], title: "Rain jacket", price: 129 },
  ],
  distance_metric: "cosine_distance",
  schema: { title: { type: "string", full_text_search: true } },
};

async function main(args: readonly string[]): Promise<number> {
  const options = parseFuzzOptions(args);
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const spec = loadSpec(join(repository, "openapi.yaml"));
  const folder = await mkdtemp(join(tmpdir(), "hevlayer-fuzz-"));
  const gateway = await startGateway({ root: repository, key: KEY });
  try {
    for (const namespace of SEEDED) await seed(gateway.url, namespace);
    const exitCode = await schemathesis(gateway.url, folder, options);
    const answers = JSON.parse(await readOr(join(folder, "answers.json"), "{}")) as Answers;
    const failed = failedOperations(await readOr(join(folder, "report.xml"), ""));
    const { operations, problems } = judge(spec, exitCode, failed, answers);
    process.stdout.write(`\n${answersTable(answers)}\n`);
    for (const [where, what] of problems) process.stdout.write(`FAIL ${where}: ${what}\n`);
    if (problems.size > 0) process.stdout.write(`\nthe gateway's log ends:\n${gateway.output()}\n`);
    process.stdout.write(`${Math.max(0, operations - problems.size)} passed, ${problems.size} failed\n`);
    return problems.size > 0 ? 1 : 0;
  } finally {
    await gateway.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function seed(url: string, namespace: string): Promise<void> {
  const answer = await fetch(`${url}/v2/namespaces/${namespace}`, {
    method: "POST",
    headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
    body: JSON.stringify(SEED),
    signal: AbortSignal.timeout(10_000),
  });
  if (answer.status !== 200) throw new Error(`seeding ${namespace}: ${answer.status} ${await answer.text()}`);
  await answer.body?.cancel();
}

/** Runs it to its end. @returns its exit code, null when it was stopped */
function schemathesis(
  url: string,
  folder: string,
  { seed: random, seconds }: FuzzOptions,
): Promise<number | null> {
  const python = join(repository, ".venv/bin/python");
  const child = spawn(
    python,
    [
      ...["-m", "schemathesis.cli", "run", join(repository, "openapi.yaml"), "--url", url, "--no-color"],
      ...["--header", `Authorization: Bearer ${KEY}`, "--checks", CHECKS.join(",")],
      ...["--seed", String(random), "--max-time", String(seconds), "--workers", "1"],
      ...["--generation-database", "none", "--request-timeout", "10", "--warnings", "off"],
      ...["--report-junit-path", join(folder, "report.xml")],
    ],
    {
      cwd: folder,
      env: {
        ...process.env,
        SCHEMATHESIS_HOOKS: "hooks",
        PYTHONPATH: join(packageRoot, "schemathesis"),
        PYTHONDONTWRITEBYTECODE: "1",
        HEVLAYER_ANSWERS: join(folder, "answers.json"),
      },
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  const stop = setTimeout(() => child.kill("SIGKILL"), (seconds + OVERTIME_S) * 1000);
  return new Promise((resolve, reject) => {
    child.once("error", (cause) =>
      reject(new Error(`${python} could not be run; npm test makes it`, { cause })),
    );
    child.once("close", resolve);
  }).finally(() => clearTimeout(stop)) as Promise<number | null>;
}

async function readOr(path: string, fallback: string): Promise<string> {
  return readFile(path, "utf8").catch(() => fallback);
}

// Exiting runs the hooks that end the gateway; dying of the signal itself would leave it behind.
process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (cause: unknown) => {
    process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n`);
    process.exitCode = 2;
  },
);
