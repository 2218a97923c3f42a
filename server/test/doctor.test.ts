/** What `hevlayer-gateway doctor` finds, on real stores where one can be had here and with every fault it names. */

import { existsSync } from "node:fs";
import { chmod, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../src/clock.js";
import { parseConfig } from "../src/config.js";
import type { DoctorDependencies } from "../src/doctor/dependencies.js";
import { examine } from "../src/doctor/doctor.js";
import { createLog } from "../src/log.js";
import { AerospikeDouble } from "./aerospike-double.js";
import { served, spawnGateway } from "./gateway-process.js";
import { type MotoServer, motoCredentials, startMoto } from "./moto-server.js";
import { findPostgres, type PostgresServer, startPostgres } from "./postgres-server.js";
import { startGateway } from "./running-gateway.js";
import { type ScriptedUpstream, startScriptedUpstream } from "./scripted-upstream.js";
import { startUnconditionalProxy } from "./unconditional-proxy.js";

const found = findPostgres();
const reason = "reason" in found ? ` (missing: ${found.reason})` : "";
const KEY = "store-key-of-the-test";

let folder: string;
let upstream: ScriptedUpstream;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "hevlayer-doctor-"));
  upstream = await startScriptedUpstream();
  upstream.onRequest((_call, response) => void response.end('{"namespaces":[]}'));
});
afterEach(async () => {
  await upstream.stop();
  await rm(folder, { recursive: true, force: true });
});

async function doctor(environment: Record<string, string>, fields: Partial<DoctorDependencies> = {}) {
  let ids = 0;
  const { lines, isHealthy } = await examine(parseConfig(environment), {
    clock: systemClock,
    log: createLog("silent"),
    newId: () => `test-${process.pid}-${ids++}`,
    packages: {},
    nodeVersion: process.version,
    version: "1.2.3",
    ...fields,
  });
  /** The findings on one dependency, verdict first. */
  const on = (subject: string): string[] =>
    lines
      .filter((line) => line.slice(7).startsWith(subject))
      .map((line) => `${line.slice(0, 7).trim()} ${line.slice(23)}`);
  return { on, isHealthy, text: lines.join("\n") };
}

const remote = () => ({ TPUF_URL: upstream.url, TURBOPUFFER_API_KEY: KEY });

describe("the doctor on embedded defaults", () => {
  it("finds all well before the first start, and makes nothing", async () => {
    const dataDir = path.join(folder, "data");
    const { isHealthy, text } = await doctor({ LAYER_DATA_DIR: dataDir, LAYER_ENGINE_PORT: "0" });
    expect(isHealthy, text).toBe(true);
    expect(text).toContain(`${dataDir}/blobs will be made`);
    expect(existsSync(dataDir)).toBe(false);
  });

  it("finds all well beside the gateway that runs there", async () => {
    const gateway = spawnGateway(folder);
    try {
      const url = await served(gateway);
      const port = /engine +http:\S+:(\d+)/.exec(gateway.stdout())?.[1] ?? "";
      const { isHealthy, text, on } = await doctor({ LAYER_DATA_DIR: folder, LAYER_ENGINE_PORT: port });
      expect(isHealthy, text).toBe(true);
      expect(on("upstream")[1]).toBe(`ok an engine serves on port ${port} already, with this key`);
      expect(on("document cache")[1]).toBe("ok records can be written, replaced by version and removed");
      expect(on("blob store")[1]).toContain("ok conditional writes settle races");
      expect(on("queue store")[1]).toBe("ok a queue can be made and removed");
      expect(await fetch(`${url}/health`)).toMatchObject({ status: 200 });
    } finally {
      gateway.child.kill("SIGTERM");
      await gateway.exit;
    }
  });

  it("says that a directory is none, for each store in it", async () => {
    const file = path.join(folder, "file");
    await writeFile(file, "");
    const { on, isHealthy } = await doctor({ LAYER_DATA_DIR: file, LAYER_ENGINE_PORT: "0" });
    expect(isHealthy).toBe(false);
    for (const subject of ["upstream", "document cache", "blob store", "queue store"])
      expect(on(subject)[0]).toBe(`wrong ${file} is not a directory; set LAYER_DATA_DIR to one`);
  });

  const isRoot = process.getuid?.() === 0;
  it.skipIf(isRoot)(
    `says that a directory may not be written${isRoot ? " (skipped: root may write everywhere)" : ""}`,
    async () => {
      await chmod(folder, 0o500);
      const { on } = await doctor({ LAYER_DATA_DIR: folder, LAYER_ENGINE_PORT: "0" });
      expect(on("blob store")[0]).toContain("wrong");
    },
  );

  it("says what damage costs: warmth in the cache, a backup elsewhere", async () => {
    const gateway = await startGateway({ LAYER_DATA_DIR: folder });
    await gateway.stop({ keepData: true });
    for (const store of ["cache", "blobs", "queue"])
      await truncate(path.join(folder, store, "data.mdb"), 5_000);
    const { on, isHealthy } = await doctor({ LAYER_DATA_DIR: folder, LAYER_ENGINE_PORT: "0" });
    expect(isHealthy).toBe(false);
    expect(on("document cache")[0]).toMatch(/^note .*the next start begins with an empty cache$/);
    expect(on("blob store")[0]).toMatch(/^wrong .*restore .*blobs from a backup$/);
    expect(on("queue store")[0]).toMatch(/^wrong .*restore .*queue from a backup$/);
  });

  it("says that something else has the engine's port", async () => {
    const holder = net.createServer((socket) => socket.resume().end("no HTTP here\r\n"));
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
    const port = String((holder.address() as net.AddressInfo).port);
    const { on } = await doctor({ LAYER_DATA_DIR: folder, LAYER_ENGINE_PORT: port });
    await new Promise((resolve) => holder.close(resolve));
    expect(on("upstream")[1]).toContain(`wrong port ${port} is taken`);
  });

  it.each(["v18.20.4", "v20.18.0", "v20.9.0"])("says that Node.js %s is too old", async (nodeVersion) => {
    const settings = { LAYER_DATA_DIR: folder, LAYER_ENGINE_PORT: "0" };
    const { on } = await doctor(settings, { nodeVersion });
    expect(on("gateway")).toEqual([`wrong Node.js ${nodeVersion} is too old; install 20.18.1 or newer`]);
  });

  it.each(["v20.18.1", "v20.19.0", "v22.0.0", "v24.0.0-nightly"])("takes Node.js %s", async (nodeVersion) => {
    const settings = { LAYER_DATA_DIR: folder, LAYER_ENGINE_PORT: "0" };
    const { on } = await doctor(settings, { nodeVersion });
    expect(on("gateway")[0]).toMatch(/^ok/);
  });
});

describe("the doctor on Turbopuffer", () => {
  it("presents the key and compares clocks", async () => {
    const { on, isHealthy } = await doctor(remote());
    expect(isHealthy).toBe(true);
    expect(on("upstream")).toEqual([
      `ok ${upstream.url} answers and takes the key`,
      expect.stringMatching(/^ok its clock and ours agree to \d\.\d s$/),
    ]);
    expect(upstream.calls[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
    expect(on("blob store")[0]).toMatch(/^off not configured: set S3_BUCKET/);
  });

  it.each([
    [401, "refuses the key (401); set TURBOPUFFER_API_KEY"],
    [404, "answers 404 to a listing; check that TPUF_URL is the base URL"],
  ])("says what a %i means, without the key", async (status, words) => {
    upstream.onRequest((_call, response) => {
      response.statusCode = status;
      response.end("{}");
    });
    const { on, isHealthy, text } = await doctor(remote());
    expect(isHealthy).toBe(false);
    expect(on("upstream")[0]).toContain(`wrong ${upstream.url} ${words}`);
    expect(text).not.toContain(KEY);
  });

  it("takes no page of another server for a listing, and no half of one", async () => {
    upstream.onRequest((_call, response) => void response.end("<html>welcome</html>"));
    const page = await doctor(remote());
    expect(page.isHealthy).toBe(false);
    expect(page.on("upstream")[0]).toContain(`wrong ${upstream.url} answers a listing with something else`);
    upstream.onRequest((_call, response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write("{", () => response.destroy());
    });
    const half = await doctor(remote());
    expect(half.on("upstream")[0]).toContain(`wrong ${upstream.url} does not answer (`);
  });

  it("says that nobody answers, on any port", async () => {
    const { on } = await doctor({ TPUF_URL: "http://127.0.0.1:1", TURBOPUFFER_API_KEY: KEY });
    expect(on("upstream")[0]).toContain("http://127.0.0.1:1 does not answer (ECONNREFUSED)");
  });

  it.each([
    [-60_000, "60.0 s ahead of"],
    [60_000, "60.0 s behind"],
  ])("says that clocks differ by %i ms", async (offset, words) => {
    // A whole second that stands still: a slow answer, or a header without fractions, is no part of the difference.
    const now = Math.floor(Date.now() / 1000) * 1000;
    upstream.onRequest((_call, response) => {
      response.setHeader("date", new Date(now + offset).toUTCString());
      response.end('{"namespaces":[]}');
    });
    const clock = { ...systemClock, now: () => now };
    const { on, isHealthy } = await doctor(remote(), { clock });
    expect(isHealthy).toBe(false);
    expect(on("upstream")[1]).toBe(`wrong this machine's clock is ${words} its clock; set both by NTP`);
  });
});

describe("the doctor on S3", () => {
  let moto: MotoServer;
  beforeAll(async () => {
    process.env.AWS_ACCESS_KEY_ID = motoCredentials.accessKeyId;
    process.env.AWS_SECRET_ACCESS_KEY = motoCredentials.secretAccessKey;
    moto = await startMoto("layer");
  });
  afterAll(() => moto?.stop());
  const on = async (S3_BUCKET: string, S3_ENDPOINT: string) => {
    const examined = await doctor({ ...remote(), S3_BUCKET, S3_ENDPOINT });
    return { ...examined, findings: examined.on("blob store") };
  };

  it("proves conditional writes and leaves nothing behind", async () => {
    const { findings, isHealthy, text } = await on("layer", moto.endpoint);
    expect(isHealthy, text).toBe(true);
    expect(findings.slice(0, 2)).toEqual([
      `ok ${moto.endpoint} answers and lists the bucket layer`,
      "ok conditional writes settle races; reading, writing and deleting are allowed",
    ]);
    expect(await (await fetch(`${moto.endpoint}/layer?list-type=2&prefix=probes/`)).text()).not.toContain(
      "<Key>",
    );
  });

  it("says that the bucket is missing", async () => {
    const { findings, isHealthy } = await on("absent", moto.endpoint);
    expect(isHealthy).toBe(false);
    expect(findings).toEqual(["wrong blob ping: bucket absent does not exist; create it or set S3_BUCKET"]);
  });

  it("says that a server ignores conditions", async () => {
    const proxy = await startUnconditionalProxy(moto.port);
    const { findings, isHealthy } = await on("layer", proxy.endpoint);
    proxy.close();
    expect(isHealthy).toBe(false);
    expect(findings[1]).toContain("wrong the object store lacks conditional writes");
  });

  it("says which permissions are missing", async () => {
    upstream.onRequest((_call, response) => {
      response.statusCode = 403;
      response.setHeader("content-type", "application/xml");
      response.end('<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>no</Message></Error>');
    });
    const { findings } = await on("layer", upstream.url);
    expect(findings[0]).toContain(
      "refused the credentials (AccessDenied); allow s3:ListBucket on the bucket",
    );
  });

  it("says that nobody answers", async () => {
    const { findings } = await on("layer", "http://127.0.0.1:1");
    expect(findings[0]).toContain(
      "not reachable (ECONNREFUSED); check S3_ENDPOINT, S3_REGION and the network",
    );
  });
});

describe.skipIf("reason" in found)(`the doctor on PostgreSQL${reason}`, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    if (!("reason" in found)) server = await startPostgres(found);
  });
  afterAll(() => server?.stop());
  const on = async (DATABASE_URL: string, settings: Record<string, string> = {}) => {
    const examined = await doctor({ ...remote(), DATABASE_URL, ...settings });
    return { ...examined, findings: examined.on("queue store") };
  };
  async function run(database: string, ...statements: string[]): Promise<void> {
    const client = new pg.Client({ connectionString: await server.url(database) });
    await client.connect();
    for (const statement of statements) await client.query(statement);
    await client.end();
  }

  it("finds all well before and after the first start", async () => {
    const url = await server.url("well");
    const before = await on(url);
    expect(before.isHealthy, before.text).toBe(true);
    expect(before.findings[2]).toContain("ok user layer may make the tables in schema public");
    const gateway = await startGateway({ ...remote(), LAYER_DATA_DIR: folder, DATABASE_URL: url });
    await gateway.stop({ keepData: true });
    const after = await on(url);
    expect(after.isHealthy, after.text).toBe(true);
    expect(after.findings).toEqual([
      expect.stringMatching(/^ok PostgreSQL \d+.* at .*\/well answers$/),
      expect.stringMatching(/^ok its clock and ours agree/),
      expect.stringMatching(/^ok its tables are at step (\d+) of \1$/),
    ]);
    await run("well", "insert into layer_queue_migrations (version) values (900)");
    expect((await on(url)).findings[2]).toContain("step 900 of");
    await run(
      "well",
      "create role reader login",
      "grant select on layer_queue_migrations, layer_queues, layer_queue_items, layer_queue_dropped to reader",
    );
    const reader = await on(url.replace("layer@", "reader@"));
    expect(reader.isHealthy).toBe(false);
    expect(reader.findings[2]).toContain("lacks insert on layer_queues, update on layer_queues");
  });

  it("says what to grant to a user who may not make tables", async () => {
    const url = await server.url("bare");
    await run("bare", "create role visitor login");
    const { findings, isHealthy } = await on(url.replace("layer@", "visitor@"));
    expect(isHealthy).toBe(false);
    expect(findings[2]).toBe(
      "wrong user visitor may not make tables; run: grant create on schema public to visitor",
    );
  });

  it("says that a database takes no writes", async () => {
    await run("frozen", "alter database frozen set default_transaction_read_only = on");
    const { findings } = await on(await server.url("frozen"));
    expect(findings[0]).toContain("takes no writes");
  });

  it("says that pools would use up the server's connections", async () => {
    const pools = { LAYER_QUEUE_DATA_POOL_MAX_CONNECTIONS: "50" };
    const { findings, isHealthy } = await on(await server.url("well"), pools);
    expect(isHealthy).toBe(true);
    expect(findings[1]).toContain("note each gateway may take 52 of its 60 connections");
  });

  it("says that the database is missing, or that nobody answers, without the password", async () => {
    const absent = await on((await server.url("well")).replace("well", "absent"));
    expect(absent.findings[0]).toContain("the database of DATABASE_URL does not exist");
    const nobody = await on("postgres://layer:hunter2@127.0.0.1:1/layer");
    expect(nobody.findings[0]).toMatch(
      /^wrong 127\.0\.0\.1:1\/layer: .*\(ECONNREFUSED\); check DATABASE_URL/,
    );
    expect(nobody.text).not.toContain("hunter2");
  });
});

describe("the doctor on Aerospike", () => {
  const settings = () => ({ ...remote(), AEROSPIKE_HOSTS: "cache:3000", AEROSPIKE_NAMESPACE: "layer" });
  async function on(prepare: (cluster: AerospikeDouble) => void, environment: Record<string, string> = {}) {
    const cluster = new AerospikeDouble(Date.now);
    prepare(cluster);
    const packages = { aerospike: async () => cluster.module() };
    const examined = await doctor({ ...settings(), ...environment }, { packages });
    return { ...examined, cluster, findings: examined.on("document cache") };
  }

  it("tries conditional writes and removes the record", async () => {
    const { findings, isHealthy, cluster, on: about } = await on(() => undefined);
    expect(isHealthy).toBe(true);
    expect(findings).toEqual([
      "ok Aerospike 8.1.0.0 at cache:3000 answers and has the namespace layer",
      "ok records can be written, replaced by version and removed",
    ]);
    expect([...cluster.records.values()].some(({ bins }) => String(bins.mark).includes("doctor"))).toBe(
      false,
    );
    expect(about("replicas")[0]).toContain(
      "note gateways that share a cache or a queue find each other through S3",
    );
  });

  it("says that nobody answers, and what the gateway does then", async () => {
    const { findings, isHealthy } = await on((cluster) => {
      cluster.isUp = false;
    });
    expect(isHealthy).toBe(false);
    expect(findings).toEqual([
      expect.stringMatching(/^wrong no node of AEROSPIKE_HOSTS=cache:3000 answers \(code -10, lost\); check/),
    ]);
  });

  it("names the namespaces there are when ours is not among them", async () => {
    const { findings } = await on(() => undefined, { AEROSPIKE_NAMESPACE: "absent" });
    expect(findings[0]).toContain("has no namespace absent, only test, layer; add it to aerospike.conf");
  });

  it("notes what the namespace lacks, and refuses one that takes no writes", async () => {
    const noted = await on((cluster) => {
      Object.assign(cluster.settings, { "nsup-period": "0", "max-record-size": "131072" });
      cluster.expires = false;
    });
    expect(noted.isHealthy, noted.text).toBe(true);
    expect(noted.findings.slice(1, 3)).toEqual([
      expect.stringContaining("note the namespace expires nothing (nsup-period 0)"),
      "note documents over 131072 bytes are not cached: raise max-record-size",
    ]);
    const full = await on((cluster) => {
      cluster.settings.stop_writes = "true";
    });
    expect(full.isHealthy).toBe(false);
  });

  it("says that writes are refused, and that conditions are ignored", async () => {
    const denied = await on((cluster) => cluster.fail("put", 81, 100));
    expect(denied.isHealthy).toBe(false);
    expect(denied.findings.at(-1)).toMatch(/^wrong .*; let AEROSPIKE_USER read and write the namespace/);
    const ignorant = await on((cluster) => {
      cluster.ignoresConditions = true;
    });
    expect(ignorant.findings[1]).toContain("wrong a record was replaced although its condition did not hold");
  });

  it.each([
    ["ERR_MODULE_NOT_FOUND", "npm install aerospike@6"],
    ["ERR_DLOPEN_FAILED", "apt-get install libyaml-0-2"],
  ])("says what to install on %s", async (code, words) => {
    const packages = { aerospike: () => Promise.reject(Object.assign(new Error("no"), { code })) };
    const { on: about } = await doctor(settings(), { packages });
    expect(about("document cache")).toEqual([expect.stringContaining(words)]);
  });
});
