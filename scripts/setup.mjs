/**
 * Brings the checkout to the state the other commands need, doing only what is missing or stale.
 *
 * Each step leaves a stamp beside what it made, the hash of the inputs it was made from; an equal stamp means that there
 * is nothing to do, so a second run costs milliseconds.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { requireGo, requirePython } from "./toolchain.mjs";

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
export const VENV_PYTHON = join(
  ROOT,
  ".venv",
  process.platform === "win32" ? "Scripts/python.exe" : "bin/python",
);

/** Longest time a single installation step may take, in ms: a slow registry, not a hung one. */
const STEP_TIMEOUT_MS = 8 * 60_000;

/**
 * Runs one command, showing its output only when it fails.
 * @param {string} label what the person sees while it runs
 * @param {string} command @param {string[]} args @param {import("node:child_process").SpawnOptions} [options]
 */
export function step(label, command, args, options = {}) {
  process.stderr.write(`  ${label} …\n`);
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: STEP_TIMEOUT_MS,
      ...options,
    });
    /** @type {Buffer[]} */
    const output = [];
    child.stdout?.on("data", (chunk) => output.push(chunk));
    child.stderr?.on("data", (chunk) => output.push(chunk));
    child.on("error", (error) =>
      reject(new Error(`${label}: ${command} could not be run: ${error.message}`)),
    );
    child.on("close", (code, signal) => {
      if (code === 0) return resolve(undefined);
      const tail = Buffer.concat(output).toString("utf8").trimEnd().split("\n").slice(-40).join("\n");
      reject(
        new Error(`${label} failed (${signal ?? `exit ${code}`}): ${command} ${args.join(" ")}\n${tail}`),
      );
    });
  });
}

/** @param {string[]} files paths relative to the root */
function fingerprint(files) {
  const hash = createHash("sha256");
  for (const file of files)
    hash
      .update(file)
      .update("\0")
      .update(readFileSync(join(ROOT, file)));
  return hash.digest("hex");
}

/**
 * @param {string} stampFile @param {string} wanted @param {() => Promise<unknown>} make
 */
async function unlessStamped(stampFile, wanted, make) {
  const path = join(ROOT, stampFile);
  if (existsSync(path) && readFileSync(path, "utf8") === wanted) return;
  await make();
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, wanted);
}

/** Installs the npm workspaces when `package-lock.json` or Node's ABI has changed since the last time. */
export async function ensureNodeModules() {
  const wanted = `${fingerprint(["package-lock.json"])} ${process.versions.modules}`;
  await unlessStamped("node_modules/.hevlayer-stamp", wanted, () =>
    step("installing npm packages", "npm", ["ci", "--no-audit", "--no-fund"]),
  );
}

/** Newest modification time under a folder, in ms. @param {string} folder @returns {number} */
function newest(folder) {
  let latest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    latest = Math.max(latest, entry.isDirectory() ? newest(path) : statSync(path).mtimeMs);
  }
  return latest;
}

const PACKAGES = ["generator", "clients/typescript", "server", "conformance"];

/**
 * Compiles the TypeScript packages when a source is newer than the last build began. The compiler's own record would not
 * do: it keeps its time when only a test has changed, and every start would compile again.
 */
export async function ensureBuilt() {
  const stamp = join(ROOT, "server/dist/.built");
  const sources = PACKAGES.flatMap((name) => [
    newest(join(ROOT, name, "src")),
    statSync(join(ROOT, name, "tsconfig.json")).mtimeMs,
  ]);
  const complete = PACKAGES.every((name) => existsSync(join(ROOT, name, "dist"))) && existsSync(stamp);
  if (complete && statSync(stamp).mtimeMs >= Math.max(...sources)) return;
  const began = new Date();
  await step("compiling TypeScript", "npm", ["run", "--silent", "build"]);
  writeFileSync(stamp, "");
  utimesSync(stamp, began, began);
}

const PYTHON_INPUTS = ["clients/python/pyproject.toml", "server/test/requirements.txt"];

/** Makes `.venv` and installs the Python client into it, with its tools and what the server's tests run. */
export async function ensurePython() {
  const python = requirePython();
  await unlessStamped(".venv/.hevlayer-stamp", fingerprint(PYTHON_INPUTS), async () => {
    if (!existsSync(VENV_PYTHON))
      await step("making the Python environment", python, ["-m", "venv", ".venv"]);
    const pip = ["-m", "pip", "install", "--quiet"];
    await step("installing Python packages", VENV_PYTHON, [...pip, "-e", "clients/python[dev]"]);
    await step("installing what the server's tests run", VENV_PYTHON, [
      ...pip,
      "-r",
      "server/test/requirements.txt",
    ]);
  });
}

/** The module that tests with Turbopuffer's Go client; the client of this repository has no dependencies to fetch. */
const GO_VENDOR_MODULE = "server/test/vendor/go";

/** Checks that Go is there and fetches the modules of the vendor tests when their list has changed. */
export async function ensureGo() {
  requireGo();
  const wanted = fingerprint([`${GO_VENDOR_MODULE}/go.mod`, `${GO_VENDOR_MODULE}/go.sum`]);
  await unlessStamped(".cache/go-modules-stamp", wanted, () =>
    step("fetching Go modules", "go", ["mod", "download"], { cwd: join(ROOT, GO_VENDOR_MODULE) }),
  );
}
