/**
 * What `docs/engine.md` shows runs as written, against the engine as a user installs it: the packed gateway in an empty
 * folder, started with `hevlayer-gateway engine --port`.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "./free-port.js";
import { samplesOf } from "./readmes.js";
import { KEY, ROOT } from "./running-gateway.js";
import { ensureBuilt } from "./setup.mjs";

const run = promisify(execFile);
const FILE = "docs/engine.md";
const SHOWN_URL = "http://127.0.0.1:8081";
const INSTALL_TIMEOUT_MS = 180_000;
const START_TIMEOUT_MS = 30_000;

let folder: string;
let url: string;
const children: ChildProcess[] = [];

/** Starts the installed engine and resolves with where it says it listens, or rejects with what it complained of. */
async function startEngine(env: Record<string, string> = {}): Promise<string> {
  const port = await freePort();
  const bin = join(folder, "node_modules/.bin/hevlayer-gateway");
  const child = spawn(bin, ["engine", "--port", String(port)], {
    env: { ...process.env, LAYER_DATA_DIR: join(folder, `data-${port}`), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  return new Promise((resolve, reject) => {
    let printed = "";
    const fail = () => reject(new Error(`the engine did not start: ${printed}`));
    const timer = setTimeout(fail, START_TIMEOUT_MS);
    child.stderr.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
    });
    child.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
      if (!printed.includes(`http://127.0.0.1:${port}`)) return;
      clearTimeout(timer);
      resolve(`http://127.0.0.1:${port}`);
    });
    child.once("exit", fail);
  });
}

beforeAll(ensureBuilt, INSTALL_TIMEOUT_MS);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hevlayer-engine-docs-"));
  await writeFile(
    join(folder, "package.json"),
    JSON.stringify({ name: "sample", private: true, type: "module" }),
  );
  const packed = await run("npm", ["pack", "--silent", "--pack-destination", folder], {
    cwd: join(ROOT, "server"),
    timeout: INSTALL_TIMEOUT_MS,
  });
  const tarball = join(folder, packed.stdout.trim().split("\n").at(-1) ?? "");
  await run("npm", ["install", "--silent", "--no-audit", "--no-fund", "--prefer-offline", tarball], {
    cwd: folder,
    timeout: INSTALL_TIMEOUT_MS,
  });
  // The client is a development dependency here; what is tested is the engine's installation.
  const scope = join(folder, "node_modules/@turbopuffer");
  await mkdir(scope, { recursive: true });
  await symlink(join(ROOT, "node_modules/@turbopuffer/turbopuffer"), join(scope, "turbopuffer"));
  url = await startEngine();
}, INSTALL_TIMEOUT_MS);

afterAll(async () => {
  for (const child of children) child.kill("SIGTERM");
  await Promise.all(
    children.map((child) => child.exitCode ?? new Promise((resolve) => child.once("exit", resolve))),
  );
  await rm(folder, { recursive: true, force: true });
});

describe("the samples of the engine's guide run as written", () => {
  it.each(samplesOf(FILE, ["bash"]))("$name", async ({ text }) => {
    const script = `set -eu\n${text.replaceAll("curl -s ", "curl -sSf ").replaceAll(SHOWN_URL, url)}`;
    expect((await run("bash", ["-c", script])).stdout).toContain('"title":"Trail shoe"');
  });

  it.each(samplesOf(FILE, ["ts"]))("$name", async ({ text }) => {
    const file = join(folder, "sample.mts");
    await writeFile(file, text.replaceAll(SHOWN_URL, url));
    const { stdout } = await run(join(ROOT, "node_modules/.bin/tsx"), [file], { cwd: folder });
    expect(stdout).toContain("Trail");
  });

  it("refuses the well-known key under a name that is not this machine's", async () => {
    const statusUnder = (host: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const headers = { host, authorization: `Bearer ${KEY}` };
        get(`${url}/v1/namespaces`, { headers }, (response) => {
          response.resume();
          resolve(response.statusCode);
        }).on("error", reject);
      });
    expect(await Promise.all(["localhost:8081", "127.0.0.1", "[::1]:8081"].map(statusUnder))).toEqual([
      200, 200, 200,
    ]);
    expect(await Promise.all(["evil.example", "localhost.evil.example:8081"].map(statusUnder))).toEqual([
      403, 403,
    ]);
  });

  it("shows the health there is, and the rules of trouble that are taken", async () => {
    const [health, rules] = samplesOf(FILE, ["json"]).map(({ text }) => text);
    const found = (await (await fetch(`${url}/health`)).json()) as object;
    expect(Object.keys(JSON.parse(health ?? ""))).toEqual(Object.keys(found));
    expect(found).toMatchObject({ status: "ok", format: 2, languages_without_stemmer: ["greek"] });
    const troubled = await startEngine({ LAYER_ENGINE_FAULTS: rules ?? "" });
    const query = () =>
      fetch(`${troubled}/v2/namespaces/a/query`, {
        method: "POST",
        headers: { authorization: `Bearer ${KEY}` },
        body: "{}",
      });
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push((await query()).status);
    expect(statuses).toEqual([429, 429, 429, 404]);
  }, 60_000);
});
