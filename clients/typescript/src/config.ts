/**
 * Options, environment and defaults become one frozen configuration, checked once. Order: option, environment, default.
 *
 * Nothing is read at import time, and a blank key or URL counts as none.
 */
import { ConfigError } from "./errors.js";
import type { Hooks } from "./hooks.js";

/** Where log lines go; `console` fits. */
export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export type LogLevel = "off" | "error" | "warn" | "info" | "debug";

/** A function with the meaning of the standard `fetch`, given a finished `Request`. */
export type Fetch = (request: Request) => Promise<Response>;

/** Options of `new Hevlayer`. An option that is undefined counts as not given. */
export interface HevlayerOptions {
  /** The gateway, http or https, with any path prefix. Default `LAYER_GATEWAY_URL`, else `http://localhost:8080`. */
  baseUrl?: string | undefined;
  /** Bearer token for the gateway. Default `LAYER_GATEWAY_API_KEY`, else none. */
  apiKey?: string | undefined;
  /** Key for Turbopuffer itself, used only when the gateway cannot be reached. Default `TURBOPUFFER_API_KEY`, else none. */
  turbopufferApiKey?: string | undefined;
  /** Turbopuffer. Default `TURBOPUFFER_API_URL`, else `https://aws-us-east-1.turbopuffer.com`. */
  turbopufferBaseUrl?: string | undefined;
  /** Ask Turbopuffer directly when the gateway cannot be reached; needs its key. Default true. */
  fallbackToTurbopuffer?: boolean | undefined;
  /** Milliseconds an attempt may take, body included. Default `HEVLAYER_TIMEOUT_MS`, else 30,000. */
  timeout?: number | undefined;
  /** Milliseconds a call may take, all attempts and pauses included. Default no limit. */
  totalTimeout?: number | undefined;
  /** Tries after the first, at most 100. Default `HEVLAYER_MAX_RETRIES`, else 3. */
  maxRetries?: number | undefined;
  /** Largest answer in bytes after decompression; a larger one is a ResponseError. Default 512 MiB. */
  maxResponseBytes?: number | undefined;
  /** Replaces the global `fetch`: to pool, to proxy, to test. Timeouts and cancelling hold with it too. */
  fetch?: Fetch | undefined;
  /** Headers for every request to the gateway, beside the client's own; the key and what describes the body are refused. */
  headers?: Readonly<Record<string, string>> | undefined;
  /** Gzip request bodies of 1 KiB and more. Default false. */
  compressRequests?: boolean | undefined;
  /** Called on each request, answer, retry and failure. */
  hooks?: Hooks | undefined;
  /** Default `console`. */
  logger?: Logger | undefined;
  /** What is logged. Default `HEVLAYER_LOG`, else `warn`. */
  logLevel?: LogLevel | undefined;
}

export interface Config {
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
  readonly turbopufferApiKey: string | undefined;
  readonly turbopufferBaseUrl: string;
  readonly fallbackToTurbopuffer: boolean;
  readonly timeout: number;
  readonly totalTimeout: number | undefined;
  readonly maxRetries: number;
  readonly maxResponseBytes: number;
  readonly fetch: Fetch;
  readonly headers: Readonly<Record<string, string>>;
  readonly compressRequests: boolean;
  readonly hooks: Hooks;
  readonly logger: Logger;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_BASE_URL = "http://localhost:8080";
const DEFAULT_TURBOPUFFER_URL = "https://aws-us-east-1.turbopuffer.com";
const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_MAX_RETRIES = 3;
/** What the gateway takes as a request; V8 makes no longer strings either. */
const DEFAULT_MAX_RESPONSE_BYTES = 2 ** 29;
/** Longer timers overflow to 1 ms in every JavaScript engine. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1;

const MAX_RETRIES_MAX = 100;

const LOG_LEVELS = ["off", "error", "warn", "info", "debug"] as const satisfies readonly LogLevel[];

/** The process's environment, or an empty one where there is no process (browsers, some edge runtimes). */
export function processEnvironment(): Environment {
  return (globalThis as { process?: { env?: Environment } }).process?.env ?? {};
}

/** @throws ConfigError naming the option or variable and the rule it breaks */
export function resolveConfig(options: HevlayerOptions, env: Environment): Config {
  const pick = (name: keyof HevlayerOptions, option: string | undefined, variable: string): Sourced => {
    if (option !== undefined && typeof option !== "string") throw new ConfigError(`${name} must be a string`);
    const given = blankIsNone(option);
    return given === undefined
      ? { name: variable, value: blankIsNone(env[variable]) }
      : { name, value: given };
  };
  const level = pick("logLevel", options.logLevel, "HEVLAYER_LOG");
  const timeout = number("timeout", options.timeout, env, "HEVLAYER_TIMEOUT_MS");
  const maxRetries = number("maxRetries", options.maxRetries, env, "HEVLAYER_MAX_RETRIES");
  const { totalTimeout } = options;
  return Object.freeze({
    baseUrl: url(pick("baseUrl", options.baseUrl, "LAYER_GATEWAY_URL"), DEFAULT_BASE_URL),
    apiKey: key("apiKey", options.apiKey, env, "LAYER_GATEWAY_API_KEY"),
    turbopufferApiKey: key("turbopufferApiKey", options.turbopufferApiKey, env, "TURBOPUFFER_API_KEY"),
    turbopufferBaseUrl: url(
      pick("turbopufferBaseUrl", options.turbopufferBaseUrl, "TURBOPUFFER_API_URL"),
      DEFAULT_TURBOPUFFER_URL,
    ),
    fallbackToTurbopuffer: flag("fallbackToTurbopuffer", options.fallbackToTurbopuffer) ?? true,
    timeout: checkTimeout(timeout.name, timeout.value ?? DEFAULT_TIMEOUT_MS),
    totalTimeout: totalTimeout === undefined ? undefined : checkTimeout("totalTimeout", totalTimeout),
    maxRetries: checkRetries(maxRetries.value ?? DEFAULT_MAX_RETRIES, maxRetries.name),
    maxResponseBytes:
      number("maxResponseBytes", options.maxResponseBytes).value ?? DEFAULT_MAX_RESPONSE_BYTES,
    // Looked up at call time: a global fetch that is replaced later (tests, instrumentation) is still used.
    fetch: checkFetch(options.fetch) ?? ((request: Request) => globalThis.fetch(request)),
    headers: Object.freeze(checkHeaders("", options.headers ?? {})) as Readonly<Record<string, string>>,
    compressRequests: flag("compressRequests", options.compressRequests) ?? false,
    hooks: Object.freeze({ ...options.hooks }),
    logger: levelled(options.logger ?? console, logLevel(level)),
  });
}

interface Sourced<T = string> {
  /** The option or the variable the value came from. */
  name: string;
  value: T | undefined;
}

function blankIsNone(value: string | undefined): string | undefined {
  const trimmed = value?.trim();
  return trimmed === "" ? undefined : trimmed;
}

function url({ name, value }: Sourced, fallback: string): string {
  if (value === undefined) return fallback;
  let parsed: URL;
  try {
    parsed = new URL(value);
  } catch {
    throw new ConfigError(`${name} is not a URL; give one such as ${DEFAULT_BASE_URL}`);
  }
  if (parsed.protocol !== "http:" && parsed.protocol !== "https:") {
    throw new ConfigError(`${name} must begin with http: or https:, found ${parsed.protocol}`);
  }
  if (parsed.port === "0") throw new ConfigError(`${name} must not name port 0`);
  if (parsed.username !== "" || parsed.password !== "") {
    throw new ConfigError(`${name} must not hold credentials; give the key on its own`);
  }
  // A bare "?" or "#" shows in neither part, and would swallow every path.
  if (/[?#]/.test(value)) throw new ConfigError(`${name} must not hold a query or a fragment`);
  return value.replace(/\/+$/, "");
}

/** A blank key that is given means none, whatever the environment says. It must fit a header; the message never repeats it. */
function key(
  option: string,
  given: string | undefined,
  env: Environment,
  variable: string,
): string | undefined {
  if (given !== undefined && typeof given !== "string") throw new ConfigError(`${option} must be a string`);
  const value = blankIsNone(given ?? env[variable]);
  if (value !== undefined && !/^[\x21-\x7e]+$/.test(value)) {
    const name = given === undefined ? variable : option;
    throw new ConfigError(`${name} must be printable ASCII without spaces`);
  }
  return value;
}

function number(
  name: string,
  option: number | undefined,
  env: Environment = {},
  variable = "",
): Sourced<number> {
  if (option !== undefined) {
    if (typeof option !== "number" || !Number.isFinite(option) || option < 0) {
      throw new ConfigError(`${name} must be a number of at least 0, found ${String(option)}`);
    }
    return { name, value: option };
  }
  const text = blankIsNone(env[variable]);
  if (text === undefined) return { name, value: undefined };
  if (!/^\d+$/.test(text))
    throw new ConfigError(`${variable} must be a whole number of at least 0, found ${JSON.stringify(text)}`);
  return { name: variable, value: Number(text) };
}

/** Checks a timeout in milliseconds, also one given for a single call. */
export function checkTimeout(name: string, value: number): number {
  if (typeof value === "number" && value > 0 && value <= TIMEOUT_MAX_MS) return value;
  throw new ConfigError(
    `${name} must be above 0 and at most ${TIMEOUT_MAX_MS} milliseconds, found ${String(value)}`,
  );
}

/** Checks a number of retries, also one given for a single call. */
export function checkRetries(value: number, name = "maxRetries"): number {
  if (Number.isInteger(value) && value >= 0 && value <= MAX_RETRIES_MAX) return value;
  throw new ConfigError(
    `${name} must be a whole number from 0 to ${MAX_RETRIES_MAX}, found ${String(value)}`,
  );
}

/** `"false"` from an environment variable would otherwise count as true. */
function flag(name: string, value: boolean | undefined): boolean | undefined {
  if (value === undefined || typeof value === "boolean") return value;
  throw new ConfigError(`${name} must be true or false, found ${JSON.stringify(value)}`);
}

function checkFetch(value: Fetch | undefined): Fetch | undefined {
  if (value === undefined || typeof value === "function") return value;
  throw new ConfigError(`fetch must be a function, found ${typeof value}`);
}

/** Set by the client or by fetch; another value would have no effect, break the request, or escape the search for keys. */
const OWN_HEADERS: Readonly<Record<string, string>> = {
  authorization: "apiKey sets it",
  host: "baseUrl sets it",
  connection: "connections are fetch's",
  "accept-encoding": "answers are decompressed by fetch",
  "content-encoding": "compressRequests sets it",
  "content-length": "the body sets it",
  "transfer-encoding": "the body sets it",
};

/**
 * Headers with lower-case names, also those of a single call, where null removes one. The message of a refusal never
 * repeats a value.
 * @param place begins the message
 */
export function checkHeaders(
  place: string,
  headers: Readonly<Record<string, string | null>>,
): Record<string, string | null> {
  const checked: Record<string, string | null> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name))
      throw new ConfigError(`${place}header ${JSON.stringify(name)} is not a legal header name`);
    if (value !== null && (typeof value !== "string" || !/^[\t\x20-\x7e]*$/.test(value)))
      throw new ConfigError(`${place}header ${name} must be a string of printable ASCII`);
    const lower = name.toLowerCase();
    if (Object.hasOwn(OWN_HEADERS, lower))
      throw new ConfigError(`${place}header ${name} cannot be given: ${OWN_HEADERS[lower]}`);
    checked[lower] = value;
  }
  return checked;
}

function logLevel({ name, value }: Sourced): LogLevel {
  const level = LOG_LEVELS.find((known) => known === (value ?? "warn"));
  if (level === undefined)
    throw new ConfigError(`${name} must be one of ${LOG_LEVELS.join(", ")}, found ${JSON.stringify(value)}`);
  return level;
}

/** The logger with the levels below `level` silenced. */
function levelled(logger: Logger, level: LogLevel): Logger {
  const limit = LOG_LEVELS.indexOf(level);
  const at = (name: Exclude<LogLevel, "off">): Logger["warn"] =>
    LOG_LEVELS.indexOf(name) <= limit
      ? (message, fields) => logger[name](message, ...(fields ? [fields] : []))
      : () => {};
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
