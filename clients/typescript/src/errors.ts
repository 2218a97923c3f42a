/**
 * The errors of this client.
 *
 *     HevlayerError
 *     ├─ APIError                 the server answered with an error status
 *     │  ├─ BadRequestError 400   ├─ AuthenticationError 401   ├─ PermissionDeniedError 403
 *     │  ├─ NotFoundError 404     ├─ ConflictError 409         ├─ TooLargeError 413
 *     │  ├─ UnprocessableError 422├─ RateLimitError 429        ├─ ServerError 500 and up
 *     │  └─ UnsupportedError      any status, kind `UnsupportedByStore`
 *     ├─ APIConnectionError       no complete answer came
 *     │  └─ APITimeoutError       … in time
 *     ├─ CancelledError           the caller's signal ended the call
 *     ├─ ResponseError            a success whose body cannot be decoded
 *     ├─ PageError                a listing repeats a cursor
 *     ├─ JobFailedError           the job that was waited for failed
 *     ├─ WaitTimeoutError         … runs on at the end of the wait
 *     └─ ConfigError              an option, variable or argument that is refused before any I/O
 *
 * `instanceof` works across copies of the package as far as the language allows; `name` and `kind` are stable.
 */
import { type ErrorCode, errorCatalogue } from "./generated/errors.js";

/** What is known about the call that failed. */
export interface ErrorContext {
  /** operationId, or `request` for a raw one. */
  operationId?: string;
  method?: string;
  /** Path template, never with values in it. */
  route?: string;
  /** Requests made, retries included. */
  attempts?: number;
}

/** The answer behind an error, already read. */
export interface ErrorResponse {
  readonly status: number;
  readonly headers: Headers;
  /** The body as text: whole when it is JSON of at most 1 MiB, else its first 64 KiB. */
  readonly text: string;
}

/** An error's machine code: the server's, or this client's own for errors without an answer. */
export type ErrorKind =
  | ErrorCode
  | "connection"
  | "timeout"
  | "cancelled"
  | "response"
  | "page"
  | "job_failed"
  | "wait_timeout"
  | "config"
  | (string & {});

interface ErrorInit extends ErrorContext {
  kind?: ErrorKind | undefined;
  body?: unknown;
  response?: ErrorResponse | undefined;
  cause?: unknown;
}

/** Every error that this client throws. */
export class HevlayerError extends Error {
  /** Stable, also in minified bundles. */
  override readonly name: string = "HevlayerError";
  /** HTTP status; undefined when there was no answer. */
  readonly statusCode: number | undefined;
  /** Machine code: the `error` of the gateway's body, or `connection`, `timeout`, … Undefined for a body without one. */
  readonly kind: ErrorKind | undefined;
  /** The decoded JSON body, or its text. */
  readonly body: unknown;
  readonly response: ErrorResponse | undefined;
  /** The gateway's id of the request, to quote to its operator. */
  readonly requestId: string | undefined;
  /** Milliseconds that the server asks to wait; undefined when it does not. */
  readonly retryAfter: number | undefined;
  /** Requests made, retries included. */
  readonly attempts: number;
  readonly operationId: string | undefined;
  readonly method: string | undefined;
  readonly route: string | undefined;

  constructor(message: string, init: ErrorInit = {}) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause });
    this.statusCode = init.response?.status;
    this.kind = init.kind;
    this.body = init.body;
    this.response = init.response;
    this.requestId = init.response?.headers.get("x-request-id") ?? undefined;
    this.retryAfter = init.response ? retryAfterMs(init.response.headers) : undefined;
    this.attempts = init.attempts ?? 0;
    this.operationId = init.operationId;
    this.method = init.method;
    this.route = init.route;
  }
}

/** The server answered with an error status. */
export class APIError extends HevlayerError {
  override readonly name: string = "APIError";
  declare readonly statusCode: number;
  declare readonly response: ErrorResponse;
  /** Stable id of what the store lacks; only with kind `UnsupportedByStore`. */
  readonly feature: string | undefined;
  /** Which rule refused a key; only with the kinds `unauthorized` and `forbidden`. */
  readonly reason: string | undefined;
  /** The scope that a key lacks; only with kind `forbidden`. */
  readonly requiredScope: string | undefined;

  constructor(message: string, init: ErrorInit = {}) {
    super(message, init);
    const details = isRecord(this.body) ? this.body : {};
    this.feature = stringField(details, "feature");
    this.reason = stringField(details, "reason");
    this.requiredScope = stringField(details, "required_scope");
  }
}

/** 400: the request cannot be read or is refused by Turbopuffer. */
export class BadRequestError extends APIError {
  override readonly name: string = "BadRequestError";
}
/** 401: no key, or one that matches nothing. */
export class AuthenticationError extends APIError {
  override readonly name: string = "AuthenticationError";
}
/** 403: the key is known and refused. */
export class PermissionDeniedError extends APIError {
  override readonly name: string = "PermissionDeniedError";
}
/** 404: no such document, namespace or route. */
export class NotFoundError extends APIError {
  override readonly name: string = "NotFoundError";
}
/** 409: the request contradicts stored state. */
export class ConflictError extends APIError {
  override readonly name: string = "ConflictError";
}
/** 413: the request body is too large. */
export class TooLargeError extends APIError {
  override readonly name: string = "TooLargeError";
}
/** 422: well-formed, and refused. */
export class UnprocessableError extends APIError {
  override readonly name: string = "UnprocessableError";
}
/** 429: too much in flight. */
export class RateLimitError extends APIError {
  override readonly name: string = "RateLimitError";
}
/** 500 and up. */
export class ServerError extends APIError {
  override readonly name: string = "ServerError";
}
/** The store cannot do this; `feature` says what. */
export class UnsupportedError extends APIError {
  override readonly name: string = "UnsupportedError";
}

/** No complete answer came: refused, reset, cut short, name not found. */
export class APIConnectionError extends HevlayerError {
  override readonly name: string = "APIConnectionError";
  constructor(message: string, init: ErrorInit = {}) {
    super(message, { kind: "connection", ...init });
  }
}

/** No complete answer came in time. */
export class APITimeoutError extends APIConnectionError {
  override readonly name: string = "APITimeoutError";
  constructor(message: string, init: ErrorInit = {}) {
    super(message, { ...init, kind: "timeout" });
  }
}

/** The caller's signal ended the call; `cause` is the signal's reason. */
export class CancelledError extends HevlayerError {
  override readonly name: string = "CancelledError";
  constructor(message: string, init: ErrorInit = {}) {
    super(message, { ...init, kind: "cancelled" });
  }
}

/** A success whose body is empty, broken or of the wrong type. */
export class ResponseError extends HevlayerError {
  override readonly name: string = "ResponseError";
  constructor(message: string, init: ErrorInit = {}) {
    super(message, { ...init, kind: "response" });
  }
}

/** A listing gave a cursor that it had given before; following it would never end. */
export class PageError extends HevlayerError {
  override readonly name: string = "PageError";
  constructor(message: string, init: ErrorInit = {}) {
    super(message, { ...init, kind: "page" });
  }
}

interface JobInit extends ErrorInit {
  job: unknown;
}

/** The job that was waited for failed. */
export class JobFailedError extends HevlayerError {
  override readonly name: string = "JobFailedError";
  /** The job as it ended. */
  readonly job: unknown;
  constructor(message: string, init: JobInit) {
    super(message, { ...init, kind: "job_failed" });
    this.job = init.job;
  }
}

/** The job that was waited for had not ended at the end of the wait; it runs on. */
export class WaitTimeoutError extends HevlayerError {
  override readonly name: string = "WaitTimeoutError";
  /** The job as it was last seen; undefined when no request was answered. */
  readonly job: unknown;
  constructor(message: string, init: JobInit) {
    super(message, { ...init, kind: "wait_timeout" });
    this.job = init.job;
  }
}

/** An option, environment variable or argument that is refused before any I/O. */
export class ConfigError extends HevlayerError {
  override readonly name: string = "ConfigError";
  constructor(message: string, init: ErrorInit = {}) {
    super(message, { ...init, kind: "config" });
  }
}

type APIErrorClass = new (message: string, init?: ErrorInit) => APIError;

const BY_STATUS: Readonly<Record<number, APIErrorClass>> = {
  400: BadRequestError,
  401: AuthenticationError,
  403: PermissionDeniedError,
  404: NotFoundError,
  409: ConflictError,
  413: TooLargeError,
  422: UnprocessableError,
  429: RateLimitError,
};

const MESSAGE_TEXT_MAX = 200;

/** Characters of a body that are kept when it is no JSON. */
export const BODY_TEXT_MAX = 64 * 1024;

/** The error for an answer that is not a success. */
export function apiError(answer: ErrorResponse, context: ErrorContext): APIError {
  const json = parseJson(answer.text);
  const response = json ? answer : { ...answer, text: answer.text.slice(0, BODY_TEXT_MAX) };
  const body = json ? json.value : response.text;
  const kind = isRecord(body) && typeof body.message === "string" ? stringField(body, "error") : undefined;
  const said = isRecord(body) ? (stringField(body, "message") ?? stringField(body, "error")) : undefined;
  const detail = said ?? response.text.trim();
  const shown =
    detail.length > MESSAGE_TEXT_MAX && said === undefined ? `${detail.slice(0, MESSAGE_TEXT_MAX)}…` : detail;
  const message = `${context.operationId ?? "request"}: ${response.status}${shown === "" ? "" : ` ${shown}`}`;
  return new (errorClass(response.status, kind))(message, { ...context, kind, body, response });
}

function errorClass(status: number, kind: string | undefined): APIErrorClass {
  if (kind === "UnsupportedByStore") return UnsupportedError;
  return BY_STATUS[status] ?? (status >= 500 ? ServerError : APIError);
}

/** Whether the catalogue says that a call with this code may be tried again; undefined for a code it does not list. */
export function isRetryableKind(kind: string | undefined): boolean | undefined {
  if (kind === undefined || !Object.hasOwn(errorCatalogue, kind)) return undefined;
  return errorCatalogue[kind as ErrorCode].retryable;
}

/** Milliseconds from `retry-after-ms` or `Retry-After` (seconds, fractions, or a date); undefined when there is none. */
export function retryAfterMs(headers: Headers, now: number = Date.now()): number | undefined {
  const exact = decimal(headers.get("retry-after-ms"));
  if (exact !== undefined) return exact;
  const value = headers.get("retry-after");
  const seconds = decimal(value);
  if (seconds !== undefined) return seconds * 1000;
  const date = httpDate(value?.trim() ?? "");
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/**
 * Milliseconds since 1970, or NaN. Date.parse makes a date of nearly anything that holds a number; those of HTTP begin with
 * a weekday, and the form that names no zone means GMT too.
 */
function httpDate(text: string): number {
  if (!/^(mon|tue|wed|thu|fri|sat|sun)/i.test(text)) return Number.NaN;
  return Date.parse(/\d{4}$/.test(text) ? `${text} GMT` : text);
}

/** A number of at least 0 in decimal notation; Number() would take "" for 0 and "0x1" for 1. */
function decimal(text: string | null): number | undefined {
  const value = /^\s*\d+(\.\d*)?(e\d+)?\s*$/i.test(text ?? "") ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? value : undefined;
}

function parseJson(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function stringField(record: Record<string, unknown>, name: string): string | undefined {
  const value = record[name];
  return typeof value === "string" ? value : undefined;
}
