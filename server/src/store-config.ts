/**
 * Which adapter stands behind the document cache, the blob store and the queue store. A variable each switches to the store
 * that replicas share; otherwise the embedded one serves, where there is a directory for it.
 */

import path from "node:path";
import { databaseAddress } from "./setting-kinds.js";
import type { SettingValues } from "./settings.js";

/** Nothing is kept there. `detail` says what to set. */
export interface StoreOff {
  readonly kind: "off";
  readonly detail: string;
}

/** Files of this machine. */
interface EmbeddedStore {
  readonly kind: "embedded";
  /** Holds this store and nothing else. */
  readonly directory: string;
}

export interface AerospikeConfig {
  readonly kind: "aerospike";
  /** `host:port,…`. */
  readonly hosts: string;
  readonly namespace: string;
  readonly setPrefix: string;
  /** Time for a call on at most 1,000 records, in ms. */
  readonly budgetMs: number;
  readonly clusterName?: string;
  readonly user?: string;
  readonly password?: string;
  /** Absent: no TLS. */
  readonly tls?: { readonly caFile: string; readonly certFile?: string; readonly keyFile?: string };
}

export interface S3Config {
  readonly kind: "s3";
  readonly bucket: string;
  readonly region: string;
  readonly endpoint?: string;
}

export interface PostgresConfig {
  readonly kind: "postgresql";
  /** Secret: it may hold a password. */
  readonly url: string;
  readonly dataConnections: number;
  readonly controlConnections: number;
  readonly idleInTransactionTimeoutMs: number;
}

export type DocumentCacheConfig =
  | StoreOff
  | (EmbeddedStore & { readonly bytesMax: number })
  | AerospikeConfig;
export type BlobStoreConfig = StoreOff | EmbeddedStore | S3Config;
export type QueueStoreConfig = StoreOff | EmbeddedStore | PostgresConfig;

export interface StoresConfig {
  readonly documentCache: DocumentCacheConfig;
  readonly blobStore: BlobStoreConfig;
  readonly queueStore: QueueStoreConfig;
}

/**
 * @param dataDir undefined where embedded stores may not be used
 * @param problems settings that contradict each other are added here
 */
export function readStores(
  values: SettingValues,
  dataDir: string | undefined,
  problems: string[],
): StoresConfig {
  const embedded = (name: string, shared: string): StoreOff | EmbeddedStore =>
    dataDir === undefined
      ? {
          kind: "off",
          detail: `not configured: set ${shared}, or LAYER_DATA_DIR where this is the only host`,
        }
      : { kind: "embedded", directory: path.join(dataDir, name) };
  const cache = embedded("cache", "AEROSPIKE_HOSTS");
  return {
    documentCache:
      readAerospike(values, problems) ??
      (cache.kind === "off" ? cache : { ...cache, bytesMax: values.cacheMaxBytes }),
    blobStore: readS3(values) ?? embedded("blobs", "S3_BUCKET"),
    queueStore: readPostgres(values) ?? embedded("queue", "DATABASE_URL"),
  };
}

/** What stands there, in the word that health uses. */
export function adapterOf(store: DocumentCacheConfig | BlobStoreConfig | QueueStoreConfig): string {
  if (store.kind === "off") return "none";
  return store.kind === "embedded" ? "lmdb" : store.kind;
}

/** Where it is, for people, without what is secret; undefined for a store that is off. */
export function locationOf(
  store: DocumentCacheConfig | BlobStoreConfig | QueueStoreConfig,
): string | undefined {
  switch (store.kind) {
    case "off":
      return undefined;
    case "embedded":
      return store.directory;
    case "aerospike":
      return `${store.hosts}/${store.namespace}`;
    case "s3":
      return store.endpoint === undefined ? `s3://${store.bucket}` : `${store.endpoint}/${store.bucket}`;
    case "postgresql":
      return databaseAddress(store.url);
  }
}

function readAerospike(values: SettingValues, problems: string[]): AerospikeConfig | undefined {
  const { aerospikeHosts: hosts, aerospikeTlsCaFile: caFile } = values;
  const { aerospikeTlsCertFile: certFile, aerospikeTlsKeyFile: keyFile } = values;
  if ((values.aerospikeUser === undefined) !== (values.aerospikePassword === undefined))
    problems.push("AEROSPIKE_USER and AEROSPIKE_PASSWORD: must be set together");
  if ((certFile === undefined) !== (keyFile === undefined))
    problems.push("AEROSPIKE_TLS_CERT_FILE and AEROSPIKE_TLS_KEY_FILE: must be set together");
  if (certFile !== undefined && caFile === undefined)
    problems.push("AEROSPIKE_TLS_CERT_FILE: must come with AEROSPIKE_TLS_CA_FILE, which turns TLS on");
  if (hosts === undefined) return undefined;
  return {
    kind: "aerospike",
    hosts,
    namespace: values.aerospikeNamespace,
    setPrefix: values.aerospikeSetPrefix,
    budgetMs: values.cacheBudgetMs,
    ...(values.aerospikeClusterName === undefined ? {} : { clusterName: values.aerospikeClusterName }),
    ...(values.aerospikeUser === undefined ? {} : { user: values.aerospikeUser }),
    ...(values.aerospikePassword === undefined ? {} : { password: values.aerospikePassword }),
    ...(caFile === undefined
      ? {}
      : {
          tls: {
            caFile,
            ...(certFile === undefined ? {} : { certFile }),
            ...(keyFile === undefined ? {} : { keyFile }),
          },
        }),
  };
}

function readS3({ s3Bucket: bucket, s3Region: region, s3Endpoint }: SettingValues): S3Config | undefined {
  if (bucket === undefined) return undefined;
  return { kind: "s3", bucket, region, ...(s3Endpoint === undefined ? {} : { endpoint: s3Endpoint }) };
}

function readPostgres(values: SettingValues): PostgresConfig | undefined {
  if (values.databaseUrl === undefined) return undefined;
  return {
    kind: "postgresql",
    url: values.databaseUrl,
    dataConnections: values.queueDataConnections,
    controlConnections: values.queueControlConnections,
    idleInTransactionTimeoutMs: values.queueIdleInTransactionTimeoutMs,
  };
}
