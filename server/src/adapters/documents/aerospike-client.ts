/**
 * The part of the npm package `aerospike` that the document cache uses. The package is an optional peer of more than a
 * hundred megabytes, so its own types are not at hand; these name nothing that is not called.
 *
 * The native client binds libuv's default loop: it belongs on the main thread, never in a worker.
 */

import { loadOptionalPackage } from "../optional-package.js";

/** `null` as a value removes the bin. */
export type AerospikeBins = Record<string, Buffer | string | number | null>;

export interface AerospikeKey {
  readonly ns: string;
  readonly set: string;
  /** Comes back from scans only for records written with `policy.key.SEND`. */
  readonly key?: unknown;
}

export interface AerospikeRecord {
  readonly key: AerospikeKey;
  readonly bins: Readonly<Record<string, unknown>>;
  /** Generation. */
  readonly gen: number;
}

export interface AerospikeStream {
  on(event: "data", listener: (record: AerospikeRecord) => void): unknown;
  on(event: "error", listener: (error: unknown) => void): unknown;
  on(event: "end", listener: () => void): unknown;
  abort(): void;
}

export interface AerospikeScan {
  select(bins: string[]): void;
  partitions(begin: number, count: number): void;
  foreach(policy: object): AerospikeStream;
}

export interface AerospikeClient {
  connect(): Promise<unknown>;
  close(releaseEventLoop?: boolean): void;
  get(key: AerospikeKey, policy: object): Promise<AerospikeRecord>;
  put(key: AerospikeKey, bins: AerospikeBins, meta: object, policy: object): Promise<unknown>;
  remove(key: AerospikeKey, policy: object): Promise<unknown>;
  /** Answers in the order of `records`; a missing record has status 2. */
  batchRead(
    records: { key: AerospikeKey; bins: string[] }[],
    policy: object,
  ): Promise<{ status: number; record: AerospikeRecord }[]>;
  scan(ns: string, set: string): AerospikeScan;
  infoAny(request: string): Promise<string>;
  /** What every server answers; `node_id` is its name. */
  infoAll(
    request: string,
    policy: object,
  ): Promise<{ readonly host: { readonly node_id?: string }; readonly info?: string }[]>;
}

export interface AerospikeModule {
  client(config: object): AerospikeClient;
  readonly Key: new (ns: string, set: string, key: string) => AerospikeKey;
  /** Must come before the first connection; a later call throws. */
  setupGlobalCommandQueue(policy: object): void;
  /** Of the module, before any client: what a client logs while it looks for its nodes ignores the client's own level. */
  setDefaultLogging(options: { level: number }): void;
  /** Lets the process end once no client is left. */
  releaseEventLoop(): void;
  readonly policy: {
    readonly gen: { readonly EQ: number };
    readonly exists: {
      readonly CREATE: number;
      readonly UPDATE: number;
      readonly REPLACE: number;
      readonly CREATE_OR_REPLACE: number;
    };
    readonly key: { readonly SEND: number };
  };
  readonly ttl: { readonly NEVER_EXPIRE: number; readonly NAMESPACE_DEFAULT: number };
  readonly log: { readonly OFF: number };
}

/**
 * Loads the package and keeps it from writing to standard error: what it would say reaches us as error codes.
 * @throws PackageMissing when it is not installed
 */
export async function loadAerospike(
  load: () => Promise<unknown> = () => import("aerospike" as string),
): Promise<AerospikeModule> {
  const loaded = (await loadOptionalPackage({
    name: "aerospike",
    versions: "6",
    neededBy: "AEROSPIKE_HOSTS",
    load,
  })) as { default?: AerospikeModule } & AerospikeModule;
  const aerospike = loaded.default ?? loaded;
  aerospike.setDefaultLogging({ level: aerospike.log.OFF });
  return aerospike;
}
