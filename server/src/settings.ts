/**
 * Every environment variable the gateway reads, as data: the parser (`config.ts`), `--help` and `docs/config.md` are
 * all made from this table, so none of them can name a variable or a default the others do not.
 */

import {
  filePath,
  flag,
  integer,
  optionalDatabaseUrl,
  optionalHttpUrl,
  optionalPath,
  optionalText,
  type Parsed,
  parseOrigins,
  type Setting,
  secret,
  text,
} from "./setting-kinds.js";

export type { Parsed, Setting } from "./setting-kinds.js";

/** The key of the embedded engine when none is configured. Well known, hence refused on anything but loopback. */
export const LOCAL_KEY = "tpuf_local";
/** Where a gateway listens that is told nothing. */
export const PORT_DEFAULT = 8080;

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
/** 1 to 65535. */
const PORT_NUMBER = String.raw`[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5]`;
/** An address of Aerospike's: name or IPv4 address, or IPv6 in brackets, a TLS name where there is one, a port. */
const HOST_AND_PORT = String.raw`([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[A-Za-z0-9._-]+)?:(${PORT_NUMBER})`;
const logLevels = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

/** The table. Keys are the names of the fields in the parsed configuration. */
export const settings = {
  host: text("HOST", "127.0.0.1", {
    unit: "address",
    meaning: "address to listen on; anything but loopback needs a TURBOPUFFER_API_KEY of your own",
    pattern: /^[A-Za-z0-9.:_-]+$/,
    rule: "must be a host name or an IP address without a port",
  }),
  port: integer("PORT", PORT_DEFAULT, {
    unit: "TCP port",
    meaning: "port to listen on; 0 takes any free one",
    min: 0,
    max: 65_535,
  }),
  dataDir: filePath("LAYER_DATA_DIR", "./.hevlayer", {
    unit: "path",
    meaning:
      "where the engine and the embedded stores keep their files, made when absent; beside a remote upstream there is no default, and without it those stores are off, since private caches on two hosts would serve each other's stale rows",
  }),
  enginePort: integer("LAYER_ENGINE_PORT", 8081, {
    unit: "TCP port",
    meaning: "loopback port of the embedded engine's own Turbopuffer endpoint; 0 takes any free one",
    min: 0,
    max: 65_535,
  }),
  engineHeapMib: integer("LAYER_ENGINE_HEAP_MIB", 0, {
    unit: "MiB",
    meaning:
      "heap of the embedded engine's process, which bounds what a namespace and a write may take (docs/engine.md); 0 leaves it to Node: about a quarter of the machine's memory, 4 GiB at most",
    min: 0,
    max: 1_048_576,
  }),
  engineFaults: optionalText("LAYER_ENGINE_FAULTS", {
    unit: "JSON list of rules",
    meaning:
      "trouble that the embedded engine simulates, for tests of callers: statuses, latency, resets, half bodies; docs/engine.md has the rules",
    pattern: /^\[[\s\S]*\]$/,
    rule: "must be a JSON list of fault rules",
  }),
  engineIndexLagMs: integer("LAYER_ENGINE_INDEX_LAG_MS", 0, {
    unit: "milliseconds",
    meaning:
      "for tests of callers: how long after a write the embedded engine's metadata says that indexing is under way",
    min: 0,
    max: 86_400_000,
  }),
  upstreamUrl: optionalHttpUrl("TPUF_URL", {
    unit: "URL",
    meaning:
      "serve the Turbopuffer endpoint at this URL instead of the embedded engine; wins over the region",
  }),
  upstreamRegion: optionalText("TURBOPUFFER_REGION", {
    unit: "region",
    meaning: "serve https://{region}.turbopuffer.com instead of the embedded engine",
    pattern: /^[a-z0-9-]{1,63}$/,
    rule: "must be a region name such as aws-us-east-1",
  }),
  storeKey: secret("TURBOPUFFER_API_KEY", {
    unit: "secret",
    meaning: `the store's key: what callers present and what goes upstream; the embedded engine alone has a default, ${LOCAL_KEY}`,
    pattern: /^[\x21-\x7e]+$/,
    rule: "must be printable ASCII without spaces",
  }),
  upstreamTimeoutMs: integer("LAYER_UPSTREAM_TIMEOUT_MS", 60_000, {
    unit: "ms",
    meaning: "how long one upstream call may take; also the deadline of a write (contract)",
    min: 1,
    max: 3_600_000,
  }),
  bodyBudgetBytes: integer("LAYER_BODY_BUDGET_BYTES", 1024 * MIB, {
    unit: "bytes",
    meaning:
      "request bodies held in memory at once, after decompression; above it a request is answered 429 (twice the largest body)",
    min: MIB,
    max: Number.MAX_SAFE_INTEGER,
  }),
  corsOrigins: {
    name: "LAYER_CORS_ORIGINS",
    fallback: [] as readonly string[],
    defaultText: "none",
    unit: "origins",
    meaning: "comma-separated origins whose pages may call the gateway, or * for any",
    secret: false,
    parse: parseOrigins,
  },
  workers: integer("LAYER_WORKERS", 1, {
    unit: "processes",
    meaning:
      "processes that serve requests on the same port; more than one need a blob store that they share (LAYER_DATA_DIR or S3_BUCKET) (contract)",
    min: 1,
    max: 64,
  }),
  metricsPublic: flag("LAYER_METRICS_PUBLIC", {
    meaning: "name namespaces on /metrics to callers without a key too; otherwise those get sums (contract)",
  }),
  listCacheTtlMs: integer("NAMESPACE_LIST_CACHE_TTL_MS", 10_000, {
    unit: "ms",
    meaning: "how long a page of the namespace listing is reused; 0 turns the cache off (contract)",
    min: 0,
    max: 86_400_000,
  }),
  consistencyPollIntervalMs: integer("CONSISTENCY_POLL_INTERVAL_MS", 1_000, {
    unit: "ms",
    meaning:
      "how often upstream is asked how far a namespace is indexed while it is catching up or just written to (contract)",
    min: 1,
    max: 3_600_000,
  }),
  consistencyStablePollIntervalMs: integer("CONSISTENCY_STABLE_POLL_INTERVAL_MS", 60_000, {
    unit: "ms",
    meaning: "the same once it has caught up (contract)",
    min: 1,
    max: 86_400_000,
  }),
  consistencyMarginMs: integer("CONSISTENCY_SAFETY_MARGIN_MS", 500, {
    unit: "ms",
    meaning:
      "what upstream's nodes and metadata may trail an acknowledged write by; the watermark stays so far behind, and clocks of gateways and upstream should agree as well (contract)",
    min: 1,
    max: 600_000,
  }),
  drainMarkerPath: filePath("LAYER_DRAIN_MARKER_PATH", "/tmp/layer-gateway-draining", {
    unit: "path",
    meaning: "while this file exists the gateway answers 503 gateway_draining",
  }),
  cacheMaxBytes: integer("LAYER_CACHE_MAX_BYTES", 4 * GIB, {
    unit: "bytes",
    meaning: "bound of the embedded document cache; above it the records read longest ago go (chosen)",
    min: MIB,
    max: Number.MAX_SAFE_INTEGER,
  }),
  cacheBudgetMs: integer("LAYER_CACHE_BUDGET_MS", 200, {
    unit: "ms",
    meaning:
      "longest a call of the document cache may hold a request up, a thousand documents at a time; above it the request goes on without, and the next two seconds as well (contract); Aerospike's own limit of 200 ms stands beside it",
    min: 10,
    max: 60_000,
  }),
  aerospikeHosts: optionalText("AEROSPIKE_HOSTS", {
    unit: "addresses",
    meaning:
      "host:port,… of an Aerospike cluster that replicas share as their document cache, instead of the embedded one; with TLS host:tls-name:port,…; needs the package aerospike",
    pattern: new RegExp(`^${HOST_AND_PORT}(,${HOST_AND_PORT})*$`),
    rule: "must be host:port or host:tls-name:port with a port from 1 to 65535, several joined by commas",
  }),
  aerospikeNamespace: text("AEROSPIKE_NAMESPACE", "hevlayer", {
    unit: "name",
    meaning: "Aerospike namespace of the document cache (contract)",
    pattern: /^[A-Za-z0-9_-]{1,31}$/,
    rule: "must be 1 to 31 of the characters A-Z a-z 0-9 _ -",
  }),
  aerospikeSetPrefix: text("AEROSPIKE_SET_PREFIX", "tpuf_", {
    unit: "name",
    meaning: "begins the name of every Aerospike set of this gateway (contract)",
    pattern: /^[A-Za-z0-9_-]{1,19}$/,
    rule: "must be 1 to 19 of the characters A-Z a-z 0-9 _ -",
  }),
  aerospikeClusterName: optionalText("AEROSPIKE_CLUSTER_NAME", {
    unit: "name",
    meaning: "refuse an Aerospike cluster of any other name",
    pattern: /^[\x21-\x7e]{1,64}$/,
    rule: "must be 1 to 64 printable ASCII characters without spaces",
  }),
  aerospikeUser: optionalText("AEROSPIKE_USER", {
    unit: "name",
    meaning: "user of an Aerospike cluster with access control",
    pattern: /^[\x21-\x7e]{1,63}$/,
    rule: "must be 1 to 63 printable ASCII characters without spaces",
  }),
  aerospikePassword: secret("AEROSPIKE_PASSWORD", {
    unit: "secret",
    meaning: "password of AEROSPIKE_USER",
    pattern: /^[^\0]+$/,
    rule: "must not hold a NUL",
  }),
  aerospikeTlsCaFile: optionalPath("AEROSPIKE_TLS_CA_FILE", {
    unit: "path",
    meaning: "certificates by which an Aerospike cluster is trusted; turns TLS on",
  }),
  aerospikeTlsCertFile: optionalPath("AEROSPIKE_TLS_CERT_FILE", {
    unit: "path",
    meaning: "certificate that the gateway shows to an Aerospike cluster; with AEROSPIKE_TLS_KEY_FILE",
  }),
  aerospikeTlsKeyFile: optionalPath("AEROSPIKE_TLS_KEY_FILE", {
    unit: "path",
    meaning: "private key of AEROSPIKE_TLS_CERT_FILE, without a passphrase",
  }),
  s3Bucket: optionalText("S3_BUCKET", {
    unit: "name",
    meaning:
      "S3 bucket that replicas share as their blob store, instead of the embedded one; credentials come from the AWS chain (environment, profile, container, instance)",
    pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$/,
    rule: "must be a bucket name of 3 to 63 of the characters A-Z a-z 0-9 . _ -",
  }),
  s3Region: text("S3_REGION", "us-east-1", {
    unit: "region",
    meaning: "region of the bucket (contract)",
    pattern: /^[A-Za-z0-9-]{1,63}$/,
    rule: "must be a region name such as us-east-1",
  }),
  s3Endpoint: optionalHttpUrl("S3_ENDPOINT", {
    unit: "URL",
    meaning: "an S3-compatible server, addressed path-style, instead of AWS",
  }),
  databaseUrl: optionalDatabaseUrl("DATABASE_URL", {
    unit: "secret",
    meaning:
      "postgres://user:password@host:port/database of the PostgreSQL that replicas share as their queue store, instead of the embedded one; needs the package pg",
  }),
  queueDataConnections: integer("LAYER_QUEUE_DATA_POOL_MAX_CONNECTIONS", 8, {
    unit: "connections",
    meaning: "PostgreSQL connections for enqueueing, claiming and moving (contract)",
    min: 1,
    max: 1_000,
  }),
  queueControlConnections: integer("LAYER_QUEUE_CONTROL_POOL_MAX_CONNECTIONS", 2, {
    unit: "connections",
    meaning: "PostgreSQL connections for status and administration, which claims cannot starve (contract)",
    min: 1,
    max: 1_000,
  }),
  queueIdleInTransactionTimeoutMs: integer("LAYER_QUEUE_IDLE_IN_TRANSACTION_TIMEOUT_MS", 5_000, {
    unit: "ms",
    meaning: "PostgreSQL ends a transaction of ours that does nothing for as long (contract)",
    min: 1,
    max: 3_600_000,
  }),
  validateResponses: flag("LAYER_VALIDATE_RESPONSES", {
    meaning: "check every answer against openapi.yaml and turn one that breaks it into a 500; for tests",
  }),
  logLevel: {
    name: "LAYER_LOG_LEVEL",
    fallback: "info" as LogLevel,
    defaultText: "info",
    unit: "level",
    meaning: `least severe log line written: ${logLevels.join(", ")}`,
    secret: false,
    parse: (value: string): Parsed<LogLevel> => {
      const level = logLevels.find((candidate) => candidate === value);
      return level
        ? { ok: true, value: level }
        : { ok: false, rule: `must be one of ${logLevels.join(", ")}` };
    },
  },
} as const satisfies Record<string, Setting<unknown>>;

/** The parsed value of every setting. */
export type SettingValues = {
  readonly [K in keyof typeof settings]: ReturnType<(typeof settings)[K]["parse"]> extends Parsed<infer T>
    ? T | (typeof settings)[K]["fallback"]
    : never;
};

/** Fixed bounds: not worth a variable, but each with its unit and origin. */
export const limits = {
  /** Bytes of one request body after decompression (contract). */
  bodyMaxBytes: 512 * MIB,
  /** The same for a body that is parsed into values (chosen: four times 10,000 ids of 64 escaped bytes). */
  parsedBodyMaxBytes: 16 * MIB,
  /** Idle keep-alive, ms: above the 60 s that load balancers and SDK pools keep a connection for. */
  keepAliveTimeoutMs: 75_000,
  /** Time for a client to send its headers, ms (chosen: Node's own default). */
  headersTimeoutMs: 60_000,
  /** Time for a client to send a whole request, ms (chosen: 512 MiB at 14 Mbit/s). */
  requestTimeoutMs: 300_000,
  /** Time for requests in flight to finish after SIGTERM, ms (chosen: under Kubernetes' 30 s grace). */
  drainTimeoutMs: 25_000,
  /** Time for a worker to leave after that, ms (chosen: its loops, its part among the replicas and its stores, and a second). */
  workerLeaveTimeoutMs: 9_000,
  /** How often the drain marker file is looked for, ms (chosen). */
  drainMarkerPollMs: 1_000,
  /** Longest a write may still be applied after its sender has given up or died, ms (contract). */
  writeDeadlineMs: 60_000,
  /** How long a readiness answer may wait for the upstream, ms (chosen: under common probe periods). */
  readinessTimeoutMs: 2_000,
  /** How often a store is asked whether it still answers, ms (chosen: an S3 request costs cents a month at this rate). */
  storeWatchIntervalMs: 10_000,
  /** How long that answer may take, ms (chosen). */
  storeWatchTimeoutMs: 3_000,
  /** Time to store watermarks and tell the other replicas at the end, ms (chosen: drain, this and stores take 30 s at most). */
  replicaLeaveTimeoutMs: 2_000,
  /** Time for background work to leave its jobs to the next owner, ms (chosen). */
  jobsStopTimeoutMs: 3_000,
  /** Time for the stores to end their connections at the end, ms (chosen: as above). */
  storeCloseTimeoutMs: 3_000,
} as const;
