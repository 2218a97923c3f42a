/**
 * The client: one object, one method for each operation (generated), and the few things that are not operations.
 */
import type { CallOptions, OperationInfo, Result } from "./call.js";
import { type HevlayerOptions, processEnvironment, resolveConfig } from "./config.js";
import { ConfigError } from "./errors.js";
import { Operations, type WarmCacheOptions } from "./generated/operations.js";
import type { WarmJob } from "./generated/types.js";
import { Runtime } from "./runtime.js";

/** Options of a raw request beside those of every call. */
export interface RequestOptions<P extends boolean = boolean> extends CallOptions<P> {
  /** Sent as JSON. Default no body. */
  body?: unknown;
  /** Retry class. Default `read` for GET, `idempotent` for PUT and DELETE, `once` otherwise. */
  safe?: OperationInfo["safe"] | undefined;
}

/**
 * A client for a Layer gateway. It holds no connections of its own, needs no closing and may be shared freely.
 *
 * ```ts
 * const client = new Hevlayer({ baseUrl: "http://localhost:8080", apiKey: process.env.LAYER_GATEWAY_API_KEY });
 * const { rows } = await client.queryNamespace("products", { vector: [0.1, 0.2], top_k: 5 });
 * ```
 */
export class Hevlayer extends Operations {
  readonly #options: HevlayerOptions;
  readonly #runtime: Runtime;

  /** @throws ConfigError naming the option or environment variable that is wrong */
  constructor(options: HevlayerOptions = {}) {
    const runtime = new Runtime(resolveConfig(checkOptions(options), processEnvironment()));
    super(runtime);
    this.#runtime = runtime;
    this.#options = options;
  }

  /**
   * A client with some options changed; the others, and the `fetch` with its connections, are shared. `headers` are added to
   * those there are.
   */
  withOptions(options: HevlayerOptions): Hevlayer {
    const given = Object.entries(options).filter(([, value]) => value !== undefined);
    const headers = { ...this.#options.headers, ...options.headers };
    const derived = new Hevlayer({ ...this.#options, ...Object.fromEntries(given), headers });
    derived.#runtime.shareHealth(this.#runtime);
    return derived;
  }

  /** The same as `warmCache`. */
  warmNamespace<P extends boolean = false>(
    namespace: string,
    options?: WarmCacheOptions<P>,
  ): Promise<Result<WarmJob, P>> {
    return this.warmCache(namespace, options);
  }

  /**
   * Calls a route that this client does not describe, with the same key, retries, errors and metadata.
   *
   * @param path absolute on the gateway and percent-encoded already, for example `/v2/namespaces/a%2Fb/documents`
   * @returns the decoded JSON; undefined for an empty answer
   */
  async request<T = unknown, P extends boolean = false>(
    method: OperationInfo["method"],
    path: string,
    options: RequestOptions<P> = {},
  ): Promise<Result<T, P>> {
    checkRawPath(path);
    const { body, safe, ...rest } = options;
    const operation: OperationInfo = {
      id: "request",
      method,
      path,
      safe:
        safe ?? (method === "GET" ? "read" : method === "PUT" || method === "DELETE" ? "idempotent" : "once"),
      fallthrough: "no",
      result: "value",
    };
    return this.#runtime.call<T, P>(operation, {}, body, rest as CallOptions<P>);
  }
}

/** Dot segments, encoded or not, would reach another route than the one that is written; so would a template's braces. */
function checkRawPath(path: string): void {
  const rule = rawPathRule(path);
  if (rule !== undefined) throw new ConfigError(`request: path ${rule}, found ${JSON.stringify(path)}`);
}

function rawPathRule(path: string): string | undefined {
  if (typeof path !== "string" || !path.startsWith("/")) return "must begin with /";
  if (/[?#]/.test(path)) return "must hold no query or fragment; give the query as extraQuery";
  if (/[{}\\\s]/.test(path)) return "must be percent-encoded";
  const dotted = path.split("/").some((segment) => /^(\.|%2e){1,2}$/i.test(segment));
  return dotted ? 'must hold no segment "." or ".."' : undefined;
}

/** Every option name; the type makes a missing one an error here. */
const OPTION_NAMES: Readonly<Record<keyof HevlayerOptions, true>> = {
  baseUrl: true,
  apiKey: true,
  turbopufferApiKey: true,
  turbopufferBaseUrl: true,
  fallbackToTurbopuffer: true,
  timeout: true,
  totalTimeout: true,
  maxRetries: true,
  maxResponseBytes: true,
  fetch: true,
  headers: true,
  compressRequests: true,
  hooks: true,
  logger: true,
  logLevel: true,
};

function checkOptions(options: HevlayerOptions): HevlayerOptions {
  if (typeof options !== "object" || options === null)
    throw new ConfigError(`options must be an object, found ${options === null ? "null" : typeof options}`);
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(OPTION_NAMES, name));
  if (unknown !== undefined) {
    throw new ConfigError(
      `unknown option ${unknown}; known options are ${Object.keys(OPTION_NAMES).join(", ")}`,
    );
  }
  return options;
}
