/** The gateway over the stores that replicas share: how it starts with them, without them, and what it says of their loss. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { compose, type Gateway } from "../src/compose.js";
import type { OptionalPackages } from "../src/compose-stores.js";
import { parseConfig } from "../src/config.js";
import type { ReportedStore } from "../src/domain/health/health.js";
import { StartError } from "../src/errors.js";
import { createLog } from "../src/log.js";
import { AerospikeDouble } from "./aerospike-double.js";
import { startFaultProxy } from "./fault-proxy.js";
import { served, spawnGateway } from "./gateway-process.js";
import { type MotoServer, motoCredentials, startMoto } from "./moto-server.js";
import { findPostgres, type PostgresServer, startPostgres } from "./postgres-server.js";
import { startGateway } from "./running-gateway.js";
import { startUnconditionalProxy } from "./unconditional-proxy.js";

const found = findPostgres();
const reason = "reason" in found ? ` (missing: ${found.reason})` : "";
const remote = { TPUF_URL: "http://127.0.0.1:1", TURBOPUFFER_API_KEY: "store-key-of-the-test" };

const WATCH_MS = 100;

let moto: MotoServer;
let plainProxy: { endpoint: string; close(): void };
beforeAll(async () => {
  // The SDK's own chain of credentials, as in production.
  process.env.AWS_ACCESS_KEY_ID = motoCredentials.accessKeyId;
  process.env.AWS_SECRET_ACCESS_KEY = motoCredentials.secretAccessKey;
  moto = await startMoto("layer");
  plainProxy = await startUnconditionalProxy(moto.port);
});
afterAll(() => {
  plainProxy?.close();
  moto?.stop();
});

const gateways: Gateway[] = [];
afterEach(async () => {
  for (const gateway of gateways.splice(0)) await gateway.close();
});

async function start(environment: Record<string, string>, packages: OptionalPackages = {}): Promise<Gateway> {
  const config = parseConfig({ ...remote, ...environment });
  const log = createLog("silent");
  const gateway = await compose(config, { log, packages, watchIntervalMs: WATCH_MS });
  gateways.push(gateway);
  return gateway;
}

async function refusal(environment: Record<string, string>, packages?: OptionalPackages): Promise<string> {
  const failure = await start(environment, packages).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(StartError);
  const { message } = failure as StartError;
  expect(message).not.toContain("\n");
  return message;
}

/** The state that health reports of a store: since when it is lost, or undefined. */
function lostSince(report: ReportedStore): number | undefined {
  return "state" in report ? report.state().lost?.since : undefined;
}

const missing = (name: string) => () =>
  Promise.reject(Object.assign(new Error(`Cannot find package '${name}'`), { code: "ERR_MODULE_NOT_FOUND" }));

describe("a gateway in front of a remote upstream", () => {
  it("keeps nothing of its own unless it is told where, and says what to set", async () => {
    const { stores } = await start({});
    expect([stores.documentCache, stores.blobStore, stores.queueStore]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(stores.reports.queueStore).toEqual({
      adapter: "none",
      detail: expect.stringContaining("set DATABASE_URL"),
    });
  });
});

describe("a gateway with a blob store on S3", () => {
  it("stores blobs in the bucket", async () => {
    const { stores } = await start({ S3_BUCKET: "layer", S3_ENDPOINT: moto.endpoint });
    const body = new TextEncoder().encode("a body");
    expect(await stores.blobStore?.putIfAbsent("tests/one", body)).toMatchObject({ status: "stored" });
    expect(stores.reports.blobStore).toMatchObject({
      adapter: "s3",
      location: `${moto.endpoint}/layer`,
    });
  });

  it("says since when the bucket does not answer, and forgets it once it does", async () => {
    const proxy = await startFaultProxy(moto.port);
    try {
      const { stores } = await start({ S3_BUCKET: "layer", S3_ENDPOINT: proxy.endpoint });
      const before = Date.now();
      const fault = { kind: "slow-down" as const, method: "GET", times: Number.POSITIVE_INFINITY };
      proxy.inject(fault);
      const since = () => lostSince(stores.reports.blobStore);
      await expect.poll(since).toBeGreaterThanOrEqual(before);
      const first = since();
      await new Promise((resolve) => setTimeout(resolve, 3 * WATCH_MS));
      expect(since()).toBe(first);
      fault.times = 0;
      await expect.poll(since).toBeUndefined();
    } finally {
      await proxy.close();
    }
  });

  it("does not start where nobody answers, and names place and variable", async () => {
    expect(await refusal({ S3_BUCKET: "layer", S3_ENDPOINT: "http://127.0.0.1:1" })).toBe(
      "S3_BUCKET=layer S3_ENDPOINT=http://127.0.0.1:1: blob ping: the object store is not reachable (ECONNREFUSED)",
    );
  });

  it("does not start without its bucket", async () => {
    expect(await refusal({ S3_BUCKET: "absent", S3_ENDPOINT: moto.endpoint })).toContain(
      "bucket absent does not exist; create it or set S3_BUCKET",
    );
  });

  it("does not start over a server that ignores conditions", async () => {
    expect(await refusal({ S3_BUCKET: "layer", S3_ENDPOINT: plainProxy.endpoint })).toContain(
      "the object store lacks conditional writes",
    );
  });
});

describe.skipIf("reason" in found)(`a gateway with a queue on PostgreSQL${reason}`, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    if (!("reason" in found)) server = await startPostgres(found);
  });
  afterAll(() => server?.stop());

  it("brings the tables up to date and serves from them", async () => {
    const { stores } = await start({ DATABASE_URL: await server.url("wired") });
    expect(await stores.queueStore?.create("pipeline", new Uint8Array())).toBe("created");
    expect(stores.reports.queueStore).toMatchObject({
      adapter: "postgresql",
      location: expect.stringMatching(/\/wired$/),
    });
  });

  // A server given by LAYER_TEST_DATABASE_URL is not ours to kill.
  const isForeign = "url" in found;
  it.skipIf(isForeign)("says since when the server is gone, and serves from it when it is back", async () => {
    const { stores } = await start({ DATABASE_URL: await server.url("lost") });
    const before = Date.now();
    await server.kill();
    const since = () => lostSince(stores.reports.queueStore);
    await expect.poll(since).toBeGreaterThanOrEqual(before);
    await server.start();
    await expect.poll(since).toBeUndefined();
    expect(await stores.queueStore?.create("pipeline", new Uint8Array())).toBe("created");
  });

  it("does not start without its database", async () => {
    const url = (await server.url("wired")).replace("wired", "absent");
    expect(await refusal({ DATABASE_URL: url })).toContain("the database of DATABASE_URL does not exist");
  });
});

describe("a gateway whose PostgreSQL does not answer", () => {
  it("does not start, and says where it looked without the password", async () => {
    const message = await refusal({ DATABASE_URL: "postgres://layer:hunter2@127.0.0.1:1/layer" });
    expect(message).toBe(
      "DATABASE_URL (127.0.0.1:1/layer): queue migrate: PostgreSQL is not reachable or failed (ECONNREFUSED)",
    );
  });
});

describe("an optional package that is missing", () => {
  it("is one line that says what to install", async () => {
    expect(await refusal({ AEROSPIKE_HOSTS: "127.0.0.1:1" }, { aerospike: missing("aerospike") })).toBe(
      "AEROSPIKE_HOSTS is set but the package aerospike is not installed: npm install aerospike@6",
    );
    expect(await refusal({ DATABASE_URL: "postgres://127.0.0.1:1/layer" }, { pg: missing("pg") })).toBe(
      "DATABASE_URL is set but the package pg is not installed: npm install pg@8",
    );
  });
});

describe("a gateway with Aerospike", () => {
  it("starts degraded while nobody answers there, and says so and since when", async () => {
    const aerospike = new AerospikeDouble(Date.now);
    aerospike.isUp = false;
    const before = Date.now();
    const { stores } = await start(
      { AEROSPIKE_HOSTS: "127.0.0.1:3000" },
      { aerospike: async () => aerospike.module() },
    );
    expect(stores.reports.aerospike()).toEqual({
      connected: false,
      generation: 0,
      last_error: expect.stringContaining("-10"),
    });
    const { documentCache } = stores.reports;
    const lost = "state" in documentCache ? documentCache.state().lost : undefined;
    expect(lost?.since).toBeGreaterThanOrEqual(before);
  });

  it("counts connections and keeps the last failure when it is back", async () => {
    const aerospike = new AerospikeDouble(Date.now);
    const { stores } = await start(
      { AEROSPIKE_HOSTS: "127.0.0.1:3000" },
      { aerospike: async () => aerospike.module() },
    );
    expect(stores.reports.aerospike()).toEqual({ connected: true, generation: 1 });
    aerospike.isUp = false;
    await expect(stores.documentCache?.get("ns", ["1"], [])).rejects.toThrow();
    expect(stores.reports.aerospike()).toMatchObject({ connected: false, generation: 1 });
    aerospike.isUp = true;
    await expect
      .poll(() => stores.reports.aerospike())
      .toEqual({ connected: true, generation: 2, last_error: expect.stringContaining("-8") });
  });
});

describe("two gateways on one data directory", () => {
  it("serve beside each other where no engine keeps the second one out, and see what each has stored", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "hevlayer-shared-"));
    // A process of its own, as the second one would be: one process must not open the files twice.
    const first = spawnGateway(folder, remote);
    try {
      const url = await served(first);
      const { stores } = await start({ LAYER_DATA_DIR: folder });
      await stores.blobStore?.putIfAbsent("tests/shared", new Uint8Array([7]));
      await gateways.pop()?.close();
      const second = await start({ LAYER_DATA_DIR: folder });
      expect((await second.stores.blobStore?.get("tests/shared"))?.body).toEqual(Buffer.from([7]));
      const health = await (await fetch(`${url}/health`)).json();
      expect(health).toMatchObject({ stores: { blob_store: { adapter: "lmdb", status: "ok" } } });
    } finally {
      first.child.kill("SIGKILL");
      await first.exit;
      for (const gateway of gateways.splice(0)) await gateway.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe("a gateway over its own engine", () => {
  it("leaves nothing open when one of its stores cannot be opened", async () => {
    const bad = { AEROSPIKE_HOSTS: "", S3_BUCKET: "layer", S3_ENDPOINT: "http://127.0.0.1:1" };
    const good = await startGateway();
    await good.stop({ keepData: true });
    await expect(startGateway({ ...bad, LAYER_DATA_DIR: good.dataDir })).rejects.toThrow(StartError);
    // The engine would keep its directory, and this start out.
    const again = await startGateway({ LAYER_DATA_DIR: good.dataDir });
    expect((await again.request("/ready")).status).toBe(200);
    await again.stop();
  });
});
