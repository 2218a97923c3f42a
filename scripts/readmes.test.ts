/**
 * Every sample of the guides runs as written, in a project made the way the guide says, against a running gateway.
 *
 * The packages are installed from a checkout, as the guides say, in the form that a release would publish: the npm tarball,
 * a wheel, the Go module.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { samplesOf } from "./readmes.js";
import { KEY, ROOT, type RunningGateway, startGateway } from "./running-gateway.js";

const run = promisify(execFile);
const INSTALL_TIMEOUT_MS = 120_000;
const SAMPLE_TIMEOUT_MS = 60_000;

let gateway: RunningGateway;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hevlayer-readmes-"));
  gateway = await startGateway();
  const seed = {
    upsert_rows: [{ id: "sku-17", vector: [0.1, 0.2], title: "Trail shoe", price: 89 }],
    distance_metric: "cosine_distance",
    schema: { title: { type: "string", full_text_search: true } },
  };
  const written = await fetch(`${gateway.url}/v2/namespaces/products`, {
    method: "POST",
    headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
    body: JSON.stringify(seed),
  });
  expect(written.status, await written.text()).toBe(200);
});

afterAll(async () => {
  await gateway.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Installs a client in `project` as its guide says for a checkout. */
async function installAsTheGuideSays(guide: string, project: string, path = process.env.PATH): Promise<void> {
  const [sample] = samplesOf(guide, ["bash"]);
  const env = {
    ...process.env,
    PATH: path,
    LAYER_CHECKOUT: ROOT,
    npm_config_audit: "false",
    npm_config_fund: "false",
    npm_config_prefer_offline: "true",
  };
  const script = `set -eu\n${sample?.text ?? expect.unreachable(`${guide} does not say how`)}`;
  await run("bash", ["-c", script], { cwd: project, env, timeout: INSTALL_TIMEOUT_MS });
}

/** Runs a program of a sample with the environment the guides name. */
function runSample(command: string, args: string[], cwd: string) {
  const env = { ...process.env, LAYER_GATEWAY_URL: gateway.url, LAYER_GATEWAY_API_KEY: KEY };
  return run(command, args, { cwd, env, timeout: SAMPLE_TIMEOUT_MS });
}

describe("the TypeScript samples run as written", () => {
  let project: string;

  beforeAll(async () => {
    project = join(folder, "typescript");
    await mkdir(project);
    await writeFile(
      join(project, "package.json"),
      JSON.stringify({ name: "sample", private: true, type: "module" }),
    );
    await installAsTheGuideSays("clients/typescript/README.md", project);
  }, INSTALL_TIMEOUT_MS);

  const samples = ["README.md", "clients/typescript/README.md", "docs/reads.md"].flatMap((file) =>
    samplesOf(file, ["ts"]),
  );

  it.each(samples)("$name", { timeout: SAMPLE_TIMEOUT_MS }, async ({ text }) => {
    const file = join(project, `sample-${Math.random().toString(36).slice(2)}.mts`);
    await writeFile(file, text);
    await runSample(join(ROOT, "node_modules/.bin/tsx"), [file], project);
  });

  it("type-checks them strictly against the packed declarations", {
    timeout: SAMPLE_TIMEOUT_MS,
  }, async () => {
    const files = await Promise.all(
      samples.map(async ({ text }, index) => {
        const file = join(project, `checked-${index}.mts`);
        await writeFile(file, text);
        return file;
      }),
    );
    const flags = [
      "--noEmit",
      "--strict",
      "--exactOptionalPropertyTypes",
      "--module",
      "nodenext",
      "--target",
      "es2022",
    ];
    const types = ["--types", "node", "--typeRoots", join(ROOT, "node_modules/@types")];
    await run(join(ROOT, "node_modules/.bin/tsc"), [...flags, ...types, ...files], {
      cwd: project,
      timeout: SAMPLE_TIMEOUT_MS,
    });
  });
});

describe("the Python samples run as written", () => {
  let python: string;

  beforeAll(async () => {
    const environment = join(folder, "python");
    await run(process.env.PYTHON ?? "python3", ["-m", "venv", environment], { timeout: INSTALL_TIMEOUT_MS });
    python = join(environment, "bin/python");
    const path = `${join(environment, "bin")}:${process.env.PATH ?? ""}`;
    await installAsTheGuideSays("clients/python/README.md", folder, path);
  }, INSTALL_TIMEOUT_MS);

  it.each(["README.md", "clients/python/README.md"].flatMap((file) => samplesOf(file, ["python"])))(
    "$name",
    { timeout: SAMPLE_TIMEOUT_MS },
    async ({ text }) => {
      await runSample(python, ["-W", "error", "-c", text], folder);
    },
  );
});

describe("the Go samples run as written", () => {
  const samples = ["README.md", "clients/go/README.md"].flatMap((file) => samplesOf(file, ["go"]));

  it.each(samples)("$name", { timeout: SAMPLE_TIMEOUT_MS }, async ({ text }) => {
    const project = await mkdtemp(join(folder, "go-"));
    await writeFile(join(project, "main.go"), text);
    await run("go", ["mod", "init", "sample"], { cwd: project });
    await installAsTheGuideSays("clients/go/README.md", project);
    await runSample("go", ["run", "."], project);
  });
});

describe("the curl samples run as written", () => {
  it.each(samplesOf("README.md", ["bash"]))("$name", { timeout: SAMPLE_TIMEOUT_MS }, async ({ text }) => {
    const script = `set -eu\n${text.replaceAll("curl -s ", "curl -sf ").replaceAll("http://localhost:8080", gateway.url)}`;
    const { stdout } = await runSample("bash", ["-c", script], folder);
    expect(stdout).toContain("Trail shoe");
  });
});
