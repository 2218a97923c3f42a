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
  /** Tries after the first. Default `HEVLAYER_MAX_RETRIES`, else 3. */
  maxRetries?: number | undefined;
  /** Largest answer in bytes after decompression; a larger one is a ResponseError. Default 1 GiB. */
  maxResponseBytes?: number | undefined;
  /** Replaces the global `fetch`: to pool, to proxy, to test. Timeouts and cancelling hold with it too. */
  fetch?: Fetch | undefined;
  /** Headers for every request beside the client's own. */
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
const DEFAULT_MAX_RESPONSE_BYTES = 2 ** 30;
/** Longer timers overflow to 1 ms in every JavaScript engine. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1;

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
  const timeout = number("timeout", options.timeout, env, "HEVLAYER_TIMEOUT_MS") ?? DEFAULT_TIMEOUT_MS;
  const totalTimeout = number("totalTimeout", options.totalTimeout);
  return Object.freeze({
    baseUrl: url(pick("baseUrl", options.baseUrl, "LAYER_GATEWAY_URL"), DEFAULT_BASE_URL),
    apiKey: key(pick("apiKey", options.apiKey, "LAYER_GATEWAY_API_KEY")),
    turbopufferApiKey: key(pick("turbopufferApiKey", options.turbopufferApiKey, "TURBOPUFFER_API_KEY")),
    turbopufferBaseUrl: url(
      pick("turbopufferBaseUrl", options.turbopufferBaseUrl, "TURBOPUFFER_API_URL"),
      DEFAULT_TURBOPUFFER_URL,
    ),
    fallbackToTurbopuffer: options.fallbackToTurbopuffer ?? true,
    timeout: checkTimeout("timeout", timeout),
    totalTimeout: totalTimeout === undefined ? undefined : checkTimeout("totalTimeout", totalTimeout),
    maxRetries: checkRetries(
      number("maxRetries", options.maxRetries, env, "HEVLAYER_MAX_RETRIES") ?? DEFAULT_MAX_RETRIES,
    ),
    maxResponseBytes: number("maxResponseBytes", options.maxResponseBytes) ?? DEFAULT_MAX_RESPONSE_BYTES,
    // Looked up at call time: a global fetch that is replaced later (tests, instrumentation) is still used.
    fetch: options.fetch ?? ((request: Request) => globalThis.fetch(request)),
    headers: Object.freeze({ ...options.headers }),
    compressRequests: options.compressRequests ?? false,
    hooks: Object.freeze({ ...options.hooks }),
    logger: levelled(options.logger ?? console, logLevel(level)),
  });
}

interface Sourced {
  /** The option or the variable the value came from. */
  name: string;
  value: string | undefined;
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
  if (parsed.username !== "" || parsed.password !== "") {
    throw new ConfigError(`${name} must not hold credentials; give the key on its own`);
  }
  if (parsed.search !== "" || parsed.hash !== "")
    throw new ConfigError(`${name} must not hold a query or a fragment`);
  return value.replace(/\/+$/, "");
}

/** A key must fit a header; the message never repeats it. */
function key({ name, value }: Sourced): string | undefined {
  if (value !== undefined && !/^[\x21-\x7e]+$/.test(value)) {
    throw new ConfigError(`${name} must be printable ASCII without spaces`);
  }
  return value;
}

function number(
  name: string,
  option: number | undefined,
  env: Environment = {},
  variable = "",
): number | undefined {
  if (option !== undefined) {
    if (typeof option !== "number" || !Number.isFinite(option) || option < 0) {
      throw new ConfigError(`${name} must be a number of at least 0, found ${String(option)}`);
    }
    return option;
  }
  const text = blankIsNone(env[variable]);
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text))
    throw new ConfigError(`${variable} must be a whole number of at least 0, found ${JSON.stringify(text)}`);
  return Number(text);
}

/** Checks a timeout in milliseconds, also one given for a single call. */
export function checkTimeout(name: string, value: number): number {
  if (typeof value === "number" && value > 0 && value <= TIMEOUT_MAX_MS) return value;
  throw new ConfigError(
    `${name} must be above 0 and at most ${TIMEOUT_MAX_MS} milliseconds, found ${String(value)}`,
  );
}

/** Checks a number of retries, also one given for a single call. */
export function checkRetries(value: number): number {
  if (Number.isInteger(value) && value >= 0) return value;
  throw new ConfigError(`maxRetries must be a whole number of at least 0, found ${String(value)}`);
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
