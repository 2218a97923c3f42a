/**
 * The environment, read once, as one frozen object. All problems are found before any is reported, so that an operator
 * fixes a deployment in one round. The variables themselves are in `settings.ts`.
 */

import { isIP } from "node:net";
import { LOCAL_KEY, type LogLevel, type Setting, type SettingValues, settings } from "./settings.js";
import { readStores, type StoresConfig } from "./store-config.js";

/** Where rows live: the engine run by this gateway, or a Turbopuffer endpoint elsewhere. */
export type UpstreamConfig =
  | {
      readonly kind: "embedded";
      readonly port: number;
      readonly dataDir: string;
      readonly storeKey: string;
      /** Rules of simulated trouble as JSON text; undefined when there is none. */
      readonly faults: string | undefined;
      readonly indexLagMs: number;
      /** Heap of the engine's process; 0 leaves it to Node. */
      readonly heapMib: number;
    }
  | { readonly kind: "remote"; readonly url: string; readonly storeKey: string };

export interface Config {
  readonly host: string;
  readonly port: number;
  readonly upstream: UpstreamConfig;
  /** What stands behind the other three ports. */
  readonly stores: StoresConfig;
  /** True while the well-known key of the embedded engine is the one that opens the gateway. */
  readonly usesLocalKey: boolean;
  readonly upstreamTimeoutMs: number;
  readonly bodyBudgetBytes: number;
  readonly corsOrigins: readonly string[];
  /** Processes that serve requests. */
  readonly workers: number;
  /** Name namespaces on `/metrics` to everyone. */
  readonly metricsPublic: boolean;
  readonly listCacheTtlMs: number;
  /** Longest the document cache may hold a request up at a time, ms. */
  readonly cacheBudgetMs: number;
  /** Intervals of stable reads, ms. */
  readonly consistency: {
    readonly pollIntervalMs: number;
    readonly stablePollIntervalMs: number;
    readonly marginMs: number;
  };
  readonly drainMarkerPath: string;
  /** Check answers against the spec: for tests. */
  readonly validateResponses: boolean;
  readonly logLevel: LogLevel;
}

/** The environment cannot be used. `problems` has one line for each: variable, value, rule. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the configuration out of an environment; blank variables count as absent.
 * @throws ConfigError naming every variable that breaks its rule
 */
export function parseConfig(environment: Environment): Config {
  const problems: string[] = [];
  const values = readSettings(environment, problems);
  const embedded = isBlank(environment.TPUF_URL) && isBlank(environment.TURBOPUFFER_REGION);
  const usesLocalKey = embedded && (values.storeKey ?? LOCAL_KEY) === LOCAL_KEY;

  if (!embedded && isBlank(environment.TURBOPUFFER_API_KEY)) {
    problems.push(
      "TURBOPUFFER_API_KEY is not set: must be the store's key when TPUF_URL or TURBOPUFFER_REGION is set",
    );
  }
  if (usesLocalKey && !isLoopback(values.host)) {
    problems.push(
      `HOST=${values.host}: must be a loopback address while the well-known local key is in use; set TURBOPUFFER_API_KEY to a secret of your own`,
    );
  }
  if (embedded && values.port !== 0 && values.port === values.enginePort) {
    problems.push(`LAYER_ENGINE_PORT=${values.enginePort}: must differ from PORT`);
  }
  // Beside a remote upstream other hosts may run gateways too, so private stores need somebody's word that none do.
  const dataDir = embedded || !isBlank(environment.LAYER_DATA_DIR) ? values.dataDir : undefined;
  const stores = readStores(values, dataDir, problems);
  if (values.workers > 1 && stores.blobStore.kind === "off") {
    problems.push(
      `LAYER_WORKERS=${values.workers}: must be 1 without a blob store that workers share; set S3_BUCKET, or LAYER_DATA_DIR where this is the only host`,
    );
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(assemble(values, embedded, usesLocalKey, stores));
}

/** The value of every setting by itself; what breaks its rule is added to `problems`. */
function readSettings(environment: Environment, problems: string[]): SettingValues {
  return Object.fromEntries(
    Object.entries<Setting<unknown>>(settings).map(([key, setting]) => [
      key,
      read(setting, environment, problems),
    ]),
  ) as SettingValues;
}

/** True when only this machine can reach `host`. */
export function isLoopback(host: string): boolean {
  const address = host.replace(/^::ffff:/i, "");
  return host === "localhost" || host === "::1" || (isIP(address) === 4 && address.startsWith("127."));
}

function assemble(
  values: SettingValues,
  embedded: boolean,
  usesLocalKey: boolean,
  stores: StoresConfig,
): Config {
  const url = values.upstreamUrl ?? `https://${values.upstreamRegion}.turbopuffer.com`;
  const upstream: UpstreamConfig = embedded
    ? {
        kind: "embedded",
        port: values.enginePort,
        dataDir: values.dataDir,
        storeKey: values.storeKey ?? LOCAL_KEY,
        faults: values.engineFaults,
        indexLagMs: values.engineIndexLagMs,
        heapMib: values.engineHeapMib,
      }
    : { kind: "remote", url, storeKey: values.storeKey ?? "" };
  return {
    host: values.host,
    port: values.port,
    upstream: Object.freeze(upstream),
    stores: Object.freeze(stores),
    usesLocalKey,
    upstreamTimeoutMs: values.upstreamTimeoutMs,
    bodyBudgetBytes: values.bodyBudgetBytes,
    corsOrigins: values.corsOrigins,
    workers: values.workers,
    metricsPublic: values.metricsPublic,
    listCacheTtlMs: values.listCacheTtlMs,
    cacheBudgetMs: values.cacheBudgetMs,
    consistency: Object.freeze({
      pollIntervalMs: values.consistencyPollIntervalMs,
      stablePollIntervalMs: values.consistencyStablePollIntervalMs,
      marginMs: values.consistencyMarginMs,
    }),
    drainMarkerPath: values.drainMarkerPath,
    validateResponses: values.validateResponses,
    logLevel: values.logLevel,
  };
}

function read(setting: Setting<unknown>, environment: Environment, problems: string[]): unknown {
  const text = environment[setting.name]?.trim() ?? "";
  // A fallback goes through the parser too, so that a default path is resolved like a given one.
  if (text === "")
    return typeof setting.fallback === "string" ? value(setting, setting.fallback) : setting.fallback;
  const parsed = setting.parse(text);
  if (parsed.ok) return parsed.value;
  // Whoever puts credentials into a URL has made a secret of it.
  const shown = setting.secret ? "[secret]" : text.replace(/\/\/[^/]*@/, "//[secret]@");
  problems.push(`${setting.name}=${shown}: ${parsed.rule}`);
  return setting.fallback;
}

function value(setting: Setting<unknown>, text: string): unknown {
  const parsed = setting.parse(text);
  return parsed.ok ? parsed.value : setting.fallback;
}

/** True for a variable that counts as absent. */
export function isBlank(value: string | undefined): boolean {
  return value === undefined || value.trim() === "";
}
