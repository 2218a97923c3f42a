/**
 * The package as users get it: packed, unpacked into a project of its own, imported and required, compiled against.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { closedUrl, type FaultServer, startFaultServer } from "./fault-server.js";

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
const INSTALLED = ["openapi-fetch", "openapi-typescript-helpers", "@types/node", "undici-types"];

let project: string;
let server: FaultServer;

beforeAll(async () => {
  server = await startFaultServer({ body: { status: "ok" } });
  project = await mkdtemp(join(tmpdir(), "hevlayer-package-"));
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", project], { cwd: PACKAGE });
  const [packed] = JSON.parse(stdout.slice(stdout.indexOf("["))) as [{ filename: string }];
  const modules = join(project, "node_modules");
  await mkdir(join(modules, "hevlayer"), { recursive: true });
  await run("tar", [
    "-xzf",
    join(project, packed.filename),
    "--strip-components=1",
    "-C",
    join(modules, "hevlayer"),
  ]);
  for (const name of INSTALLED) {
    await mkdir(dirname(join(modules, name)), { recursive: true });
    await symlink(dirname(require.resolve(`${name}/package.json`)), join(modules, name));
  }
}, 90_000);

afterAll(async () => {
  await server?.close();
  if (project) await rm(project, { recursive: true });
});

/** This one; the others that are supported too where tests run at length, since each has to be fetched. */
const LONG = ["node@18", "node@20", "node@22", "node@24", "bun@1", "deno@2"];
const RUNTIMES = ["Node.js in use", ...(process.env.LAYER_TEST_LONG ? LONG : [])];

/** The command that runs a file, from the npm package of the runtime. */
async function commandOf(runtime: string): Promise<[command: string, ...args: string[]]> {
  const [name = ""] = runtime.split("@");
  if (!LONG.includes(runtime)) return [process.execPath];
  const folder = join(project, runtime);
  await mkdir(folder);
  await writeFile(join(folder, "package.json"), "{}");
  await run("npm", ["install", "--no-audit", "--no-fund", runtime], { cwd: folder });
  const command = join(folder, "node_modules/.bin", name);
  return name === "deno" ? [command, "run", "--allow-all", "--node-modules-dir=manual"] : [command];
}

/** Does what differs between runtimes: gzip, redirects, time limits, cancelling, reasons of failures, size limits. */
const PROMISES = `import { Hevlayer } from "hevlayer";
  const [, , good, slow, detour, closed] = process.argv;
  const options = { apiKey: "some-key", fallbackToTurbopuffer: false, maxRetries: 0, compressRequests: true };
  const at = (baseUrl, more) => new Hevlayer({ ...options, baseUrl, ...more });
  const nameOf = (call) => call.then((answer) => answer.status, (error) => error.name);
  const text = "x".repeat(2000);
  const refused = await at(closed).getHealth().catch((error) => error);
  const unsent = await at(closed, { maxRetries: 1 }).writeNamespace("p", { deletes: [1] }).catch((error) => error);
  const redirected = await nameOf(at(detour).getHealth());
  const large = await nameOf(at(good, { maxResponseBytes: 5 }).getHealth());
  const slowly = await nameOf(at(slow, { timeout: 100 }).getHealth());
  const cancelled = await nameOf(at(slow).getHealth({ signal: AbortSignal.timeout(100) }));
  const written = await nameOf(at(good).writeNamespace("p", { upsert_rows: [{ id: 2n ** 64n - 1n, text }] }));
  await at(good).getHealth();
  console.log(JSON.stringify({
    written, redirected, slow: slowly, cancelled, large, refused: refused.name, writeAttempts: unsent.attempts,
  }));`;

const CALL = `new Hevlayer({ baseUrl: process.argv[2] }).getHealth().then((health) => console.log(health.status));`;

describe("the packed package", () => {
  it.each([
    ["imported", "use.mjs", `import { Hevlayer } from "hevlayer";\n${CALL}`],
    ["required", "use.cjs", `const { Hevlayer } = require("hevlayer");\n${CALL}`],
  ])("works when %s", async (_how, file, text) => {
    await writeFile(join(project, file), text);
    const { stdout } = await run(process.execPath, [join(project, file), server.url]);
    expect(stdout).toBe("ok\n");
  });

  it.each(RUNTIMES)(
    "keeps its promises on %s",
    async (runtime) => {
      const [command, ...args] = await commandOf(runtime);
      const slow = await startFaultServer({ fault: "silent" });
      const detour = await startFaultServer({ status: 307, headers: { location: server.url } });
      const file = join(project, "promises.mjs");
      await writeFile(file, PROMISES);
      const { stdout } = await run(command, [
        ...args,
        file,
        server.url,
        slow.url,
        detour.url,
        await closedUrl(),
      ]);
      await Promise.all([slow.close(), detour.close()]);
      expect(JSON.parse(stdout)).toEqual({
        written: "ok",
        redirected: "ok",
        slow: "APITimeoutError",
        cancelled: "CancelledError",
        refused: "APIConnectionError",
        writeAttempts: 2,
        large: "ResponseError",
      });
      expect(server.requests.at(-2)).toMatchObject({
        method: "POST",
        headers: { "content-encoding": "gzip", authorization: "Bearer some-key" },
        body: `{"upsert_rows":[{"id":18446744073709551615,"text":"${"x".repeat(2000)}"}]}`,
      });
    },
    180_000,
  );

  it("carries the licence", async () => {
    const text = await readFile(join(PACKAGE, "../../LICENSE"), "utf8");
    expect(await readFile(join(project, "node_modules/hevlayer/LICENSE"), "utf8")).toBe(text);
  });

  it("has one copy of every class for each way of loading", async () => {
    const text = `const { APIError, NotFoundError } = require("hevlayer");
      console.log(Object.getPrototypeOf(NotFoundError) === APIError);`;
    await writeFile(join(project, "classes.cjs"), text);
    expect((await run(process.execPath, [join(project, "classes.cjs")])).stdout).toBe("true\n");
  });

  it("type-checks from ES modules and from CommonJS, strictly", async () => {
    const text = `import { Hevlayer, type LayerResponse, type QueryNamespaceResult } from "hevlayer";
      const client = new Hevlayer({ baseUrl: process.env["X"], timeout: undefined });
      export async function use(): Promise<string | number | bigint | undefined> {
        const plain = await client.queryNamespace("p", { vector: new Float32Array(2), filters: ["a", "Eq", 1] });
        const both: LayerResponse<QueryNamespaceResult> = await client.queryNamespace("p", {}, { withPerf: true });
        for await (const row of client.iterNamespaces({ prefix: "x", pageSize: 10 })) console.log(row.name);
        // @ts-expect-error an option that the operation does not have
        await client.getHealth({ pageSize: 1 });
        // @ts-expect-error a filter that cannot be one
        await client.queryNamespace("p", { filters: ["a"] });
        // @ts-expect-error a metric that does not exist
        await client.writeNamespace("p", { distance_metric: "taxicab" });
        return plain.rows?.[0]?.id ?? both.data.stable_as_of ?? undefined;
      }\n`;
    await writeFile(join(project, "use.mts"), text);
    await writeFile(join(project, "use.cts"), text);
    const options = {
      module: "NodeNext",
      target: "ES2022",
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      types: ["node"],
    };
    await writeFile(
      join(project, "tsconfig.json"),
      JSON.stringify({ compilerOptions: options, files: ["use.mts", "use.cts"] }),
    );
    await run(process.execPath, [require.resolve("typescript/bin/tsc"), "-p", project]).catch(
      (error: { stdout?: string }) => {
        throw new Error(error.stdout);
      },
    );
  }, 60_000);

  it("stays small", async () => {
    const { build } = await import("esbuild");
    const entry = join(project, "bundle.mjs");
    await writeFile(entry, `export { Hevlayer } from "hevlayer";\n`);
    const outfile = join(project, "bundle.out.js");
    await build({
      entryPoints: [entry],
      bundle: true,
      minify: true,
      format: "esm",
      platform: "browser",
      outfile,
      logLevel: "error",
    });
    const { gzipSync } = await import("node:zlib");
    expect(gzipSync(await readFile(outfile)).byteLength).toBeLessThan(20 * 1024);
  });
});
