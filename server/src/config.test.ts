import path from "node:path";
import { describe, expect, it } from "vitest";
import { ConfigError, parseConfig } from "./config.js";
import { reportConfig } from "./config-report.js";
import { LOCAL_KEY, settings } from "./settings.js";
import { locationOf } from "./store-config.js";

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    parseConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("the configuration", () => {
  it("runs the embedded engine with the well-known key when nothing is set", () => {
    const config = parseConfig({});
    expect(config).toMatchObject({
      host: "127.0.0.1",
      port: 8080,
      usesLocalKey: true,
      upstream: {
        kind: "embedded",
        port: 8081,
        dataDir: path.resolve(".hevlayer"),
        storeKey: "tpuf_local",
        faults: undefined,
        indexLagMs: 0,
        heapMib: 0,
      },
      upstreamTimeoutMs: 60_000,
      bodyBudgetBytes: 1024 ** 3,
      corsOrigins: [],
      listCacheTtlMs: 10_000,
      cacheBudgetMs: 200,
      logLevel: "info",
    });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it("takes a blank variable for an absent one", () => {
    expect(parseConfig({ PORT: "", TPUF_URL: " ", TURBOPUFFER_API_KEY: "" })).toEqual(parseConfig({}));
  });

  it("serves a remote upstream by URL or by region, the URL first", () => {
    const TURBOPUFFER_API_KEY = "k";
    expect(parseConfig({ TPUF_URL: "https://tpuf.example.com/base/", TURBOPUFFER_API_KEY }).upstream).toEqual(
      {
        kind: "remote",
        url: "https://tpuf.example.com/base",
        storeKey: "k",
      },
    );
    expect(parseConfig({ TURBOPUFFER_REGION: "gcp-us-central1", TURBOPUFFER_API_KEY }).upstream).toEqual({
      kind: "remote",
      url: "https://gcp-us-central1.turbopuffer.com",
      storeKey: "k",
    });
    expect(
      parseConfig({ TPUF_URL: "http://a.example", TURBOPUFFER_REGION: "b", TURBOPUFFER_API_KEY }).upstream,
    ).toMatchObject({ url: "http://a.example" });
  });

  it("reports all problems together, each with variable, value and rule", () => {
    expect(
      problemsOf({
        PORT: "80.5",
        HOST: "a b",
        LAYER_UPSTREAM_TIMEOUT_MS: "0",
        NAMESPACE_LIST_CACHE_TTL_MS: "-1",
        LAYER_LOG_LEVEL: "loud",
        LAYER_CORS_ORIGINS: "https://ok.example, nonsense",
        LAYER_VALIDATE_RESPONSES: "1",
      }),
    ).toEqual([
      "HOST=a b: must be a host name or an IP address without a port",
      "PORT=80.5: must be a whole number from 0 to 65535",
      "LAYER_UPSTREAM_TIMEOUT_MS=0: must be a whole number from 1 to 3600000",
      "LAYER_CORS_ORIGINS=https://ok.example, nonsense: must be * or origins such as https://app.example.com, which 'nonsense' is not",
      "NAMESPACE_LIST_CACHE_TTL_MS=-1: must be a whole number from 0 to 86400000",
      "LAYER_VALIDATE_RESPONSES=1: must be true or false",
      "LAYER_LOG_LEVEL=loud: must be one of fatal, error, warn, info, debug, trace, silent",
    ]);
  });

  it("never repeats a key in a problem", () => {
    expect(problemsOf({ TURBOPUFFER_API_KEY: "my secret" })).toEqual([
      "TURBOPUFFER_API_KEY=[secret]: must be printable ASCII without spaces",
    ]);
  });

  it.each([
    "https://user:pass@tpuf.example.com",
    "ftp://tpuf.example.com",
    "tpuf.example.com",
    "https://x/?a=1",
  ])("refuses %s as an upstream, and does not go on to name a URL that it has refused", (url) => {
    const problems = problemsOf({ TPUF_URL: url, TURBOPUFFER_API_KEY: "k" });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(
      /^TPUF_URL=.*: must be an http or https URL without credentials, query or fragment$/,
    );
    expect(problems[0]).not.toContain("pass");
  });

  it("wants a key for a remote upstream", () => {
    expect(problemsOf({ TPUF_URL: "https://tpuf.example.com" })).toEqual([
      "TURBOPUFFER_API_KEY is not set: must be the store's key when TPUF_URL or TURBOPUFFER_REGION is set",
    ]);
  });

  it.each(["0.0.0.0", "::", "192.168.1.7", "gateway.internal"])(
    "refuses to listen on %s with the well-known key, however that came about",
    (HOST) => {
      for (const environment of [{ HOST }, { HOST, TURBOPUFFER_API_KEY: "tpuf_local" }]) {
        expect(problemsOf(environment)[0]).toContain(`HOST=${HOST}: must be a loopback address`);
      }
      expect(problemsOf({ HOST, TURBOPUFFER_API_KEY: "a-secret" })).toEqual([]);
    },
  );

  it.each(["127.0.0.1", "127.8.8.8", "::1", "localhost", "::ffff:127.0.0.1"])(
    "takes %s for loopback",
    (HOST) => {
      expect(problemsOf({ HOST })).toEqual([]);
    },
  );

  it("refuses one port for two servers", () => {
    expect(problemsOf({ PORT: "8081" })).toEqual(["LAYER_ENGINE_PORT=8081: must differ from PORT"]);
    expect(problemsOf({ PORT: "0", LAYER_ENGINE_PORT: "0" })).toEqual([]);
  });

  it("has a table whose every default passes its own rule", () => {
    for (const setting of Object.values(settings)) {
      if (setting.defaultText === "none") continue;
      expect(setting.parse(setting.defaultText), setting.name).toMatchObject({ ok: true });
    }
  });

  it("has the contract's defaults", () => {
    const contract = {
      HOST: "127.0.0.1",
      PORT: "8080",
      LAYER_DATA_DIR: "./.hevlayer",
      LAYER_UPSTREAM_TIMEOUT_MS: "60000",
      LAYER_ENGINE_PORT: "8081",
      LAYER_CACHE_MAX_BYTES: String(4 * 1024 ** 3),
      LAYER_CACHE_BUDGET_MS: "200",
      LAYER_BODY_BUDGET_BYTES: String(1024 ** 3),
      LAYER_CORS_ORIGINS: "none",
      LAYER_WORKERS: "1",
      LAYER_METRICS_PUBLIC: "false",
      CONSISTENCY_POLL_INTERVAL_MS: "1000",
      CONSISTENCY_STABLE_POLL_INTERVAL_MS: "60000",
      CONSISTENCY_SAFETY_MARGIN_MS: "500",
      TPUF_URL: "none",
      TURBOPUFFER_REGION: "none",
      TURBOPUFFER_API_KEY: "none",
      AEROSPIKE_HOSTS: "none",
      AEROSPIKE_NAMESPACE: "hevlayer",
      AEROSPIKE_SET_PREFIX: "tpuf_",
      AEROSPIKE_CLUSTER_NAME: "none",
      S3_BUCKET: "none",
      S3_REGION: "us-east-1",
      S3_ENDPOINT: "none",
      DATABASE_URL: "none",
      LAYER_QUEUE_DATA_POOL_MAX_CONNECTIONS: "8",
      LAYER_QUEUE_CONTROL_POOL_MAX_CONNECTIONS: "2",
      LAYER_QUEUE_IDLE_IN_TRANSACTION_TIMEOUT_MS: "5000",
      NAMESPACE_LIST_CACHE_TTL_MS: "10000",
      LAYER_DRAIN_MARKER_PATH: "/tmp/layer-gateway-draining",
    };
    /** Our own, of which the contract says nothing. */
    const own = {
      LAYER_ENGINE_FAULTS: "none",
      LAYER_ENGINE_HEAP_MIB: "0",
      LAYER_ENGINE_INDEX_LAG_MS: "0",
      AEROSPIKE_USER: "none",
      AEROSPIKE_PASSWORD: "none",
      AEROSPIKE_TLS_CA_FILE: "none",
      AEROSPIKE_TLS_CERT_FILE: "none",
      AEROSPIKE_TLS_KEY_FILE: "none",
      LAYER_VALIDATE_RESPONSES: "false",
      LAYER_LOG_LEVEL: "info",
    };
    const defaults = Object.values(settings).map(({ name, defaultText }) => [name, defaultText]);
    expect(Object.fromEntries(defaults)).toEqual({ ...contract, ...own });
    // What the command prints is what an operator compares with the contract.
    const [table = ""] = reportConfig({}).split("\n\n");
    const printed = table.split("\n").map((line) => line.split(/ {2,}/));
    expect(printed.filter(([, , source]) => source !== "default")).toEqual([]);
    expect(Object.fromEntries(printed)).toEqual({
      ...contract,
      ...own,
      // Two that depend on the engine, which runs.
      LAYER_DATA_DIR: path.resolve(".hevlayer"),
      TURBOPUFFER_API_KEY: LOCAL_KEY,
    });
    for (const { name, fallback, defaultText } of Object.values(settings)) {
      const words = fallback === undefined || `${fallback}` === "" ? "none" : `${fallback}`;
      expect(words, name).toBe(defaultText);
    }
  });
});

describe("the stores", () => {
  const remote = { TPUF_URL: "https://tpuf.example.com", TURBOPUFFER_API_KEY: "k" };
  const kinds = (environment: Record<string, string>) => {
    const { documentCache, blobStore, queueStore } = parseConfig(environment).stores;
    return [documentCache.kind, blobStore.kind, queueStore.kind];
  };

  it("are files beside the embedded engine", () => {
    expect(parseConfig({ LAYER_DATA_DIR: "/data", LAYER_CACHE_MAX_BYTES: "2000000" }).stores).toEqual({
      documentCache: { kind: "embedded", directory: "/data/cache", bytesMax: 2_000_000 },
      blobStore: { kind: "embedded", directory: "/data/blobs" },
      queueStore: { kind: "embedded", directory: "/data/queue" },
    });
  });

  it("are off beside a remote upstream, unless somebody says which directory is the only one", () => {
    expect(kinds(remote)).toEqual(["off", "off", "off"]);
    expect(kinds({ ...remote, LAYER_DATA_DIR: " " })).toEqual(["off", "off", "off"]);
    expect(kinds({ ...remote, LAYER_DATA_DIR: "/data" })).toEqual(["embedded", "embedded", "embedded"]);
    expect(parseConfig(remote).stores.blobStore).toEqual({
      kind: "off",
      detail: "not configured: set S3_BUCKET, or LAYER_DATA_DIR where this is the only host",
    });
  });

  it("are shared ones by a variable each, whatever the upstream", () => {
    const shared = {
      AEROSPIKE_HOSTS: "10.0.0.7:3000,[fe80::1]:65535,cache.example:layer:1",
      S3_BUCKET: "layer",
      DATABASE_URL: "postgres://layer:pw@db:5432/layer",
    };
    for (const upstream of [{}, remote, { ...remote, LAYER_DATA_DIR: "/data" }])
      expect(kinds({ ...upstream, ...shared })).toEqual(["aerospike", "s3", "postgresql"]);
    expect(kinds({ ...remote, DATABASE_URL: shared.DATABASE_URL })).toEqual(["off", "off", "postgresql"]);
  });

  it("take their options from the environment", () => {
    const { stores } = parseConfig({
      AEROSPIKE_HOSTS: "cache:3000",
      AEROSPIKE_CLUSTER_NAME: "prod",
      AEROSPIKE_USER: "layer",
      AEROSPIKE_PASSWORD: "a b",
      AEROSPIKE_TLS_CA_FILE: "/ca.pem",
      S3_BUCKET: "layer",
      S3_ENDPOINT: "http://minio:9000/",
      DATABASE_URL: "postgresql://layer@/layer?host=/run/pg",
      LAYER_QUEUE_DATA_POOL_MAX_CONNECTIONS: "3",
    });
    expect(stores).toEqual({
      documentCache: {
        kind: "aerospike",
        hosts: "cache:3000",
        namespace: "hevlayer",
        setPrefix: "tpuf_",
        budgetMs: 200,
        clusterName: "prod",
        user: "layer",
        password: "a b",
        tls: { caFile: "/ca.pem" },
      },
      blobStore: { kind: "s3", bucket: "layer", region: "us-east-1", endpoint: "http://minio:9000" },
      queueStore: {
        kind: "postgresql",
        url: "postgresql://layer@/layer?host=/run/pg",
        dataConnections: 3,
        controlConnections: 2,
        idleInTransactionTimeoutMs: 5_000,
      },
    });
  });

  it.each([
    [{ AEROSPIKE_HOSTS: "cache" }, "AEROSPIKE_HOSTS=cache: must be host:port or host:tls-name:port"],
    [{ AEROSPIKE_HOSTS: "cache:0" }, "AEROSPIKE_HOSTS=cache:0: must be host:port"],
    [{ AEROSPIKE_HOSTS: "a:3000,b:65536" }, "AEROSPIKE_HOSTS=a:3000,b:65536: must be host:port"],
    [{ AEROSPIKE_SET_PREFIX: "twenty_characters_on" }, "AEROSPIKE_SET_PREFIX=twenty_characters_on: must be"],
    [{ AEROSPIKE_USER: "u" }, "AEROSPIKE_USER and AEROSPIKE_PASSWORD: must be set together"],
    [
      { AEROSPIKE_TLS_CERT_FILE: "/c", AEROSPIKE_TLS_KEY_FILE: "/k" },
      "AEROSPIKE_TLS_CERT_FILE: must come with AEROSPIKE_TLS_CA_FILE",
    ],
    [
      { AEROSPIKE_TLS_CA_FILE: "/c", AEROSPIKE_TLS_KEY_FILE: "/k" },
      "AEROSPIKE_TLS_CERT_FILE and AEROSPIKE_TLS_KEY_FILE: must be set together",
    ],
    [{ S3_BUCKET: "a/b" }, "S3_BUCKET=a/b: must be a bucket name"],
    [{ S3_ENDPOINT: "minio:9000" }, "S3_ENDPOINT=minio:9000: must be an http or https URL"],
    [{ LAYER_CACHE_MAX_BYTES: "4GiB" }, "LAYER_CACHE_MAX_BYTES=4GiB: must be a whole number"],
    [{ LAYER_QUEUE_DATA_POOL_MAX_CONNECTIONS: "0" }, "LAYER_QUEUE_DATA_POOL_MAX_CONNECTIONS=0: must be"],
  ])("refuse %j", (environment, problem) => {
    expect(problemsOf(environment)).toEqual([expect.stringContaining(problem)]);
  });

  it("never repeat a database's address in a problem", () => {
    expect(problemsOf({ DATABASE_URL: "mysql://layer:hunter2@db/layer" })).toEqual([
      "DATABASE_URL=[secret]: must be postgres://user:password@host:port/database",
    ]);
  });

  it.each([
    [
      "postgres://layer:hunter2@db.example:5433/layer?sslmode=require&password=hunter2",
      "db.example:5433/layer",
    ],
    ["postgres://layer:hunter2@/layer?host=/run/pg", "/run/pg/layer"],
    ["postgres:///layer", "localhost/layer"],
  ])("tell where %s is without what is secret", (DATABASE_URL, place) => {
    expect(locationOf(parseConfig({ DATABASE_URL }).stores.queueStore)).toBe(place);
  });
});
