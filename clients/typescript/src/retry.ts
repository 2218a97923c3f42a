/**
 * When a failed attempt may be repeated, and after what pause. The only place that decides it.
 *
 * What may be repeated depends on the operation's class: `read` and `idempotent` calls after any failure that may pass,
 * `once` calls only when the request surely was not processed.
 */
import type { OperationInfo } from "./call.js";
import { APIConnectionError, APIError, isRetryableKind } from "./errors.js";

const FIRST_DELAY_MS = 250;
const DELAY_MAX_MS = 8_000;
/** A server that asks for more patience than this gets none: the error is raised at once. */
const RETRY_AFTER_MAX_MS = 60_000;

const RETRYABLE_STATUSES: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/**
 * Milliseconds to wait before the next attempt, or undefined when the error is final.
 *
 * @param retry how many retries came before: 0 after the first attempt
 * @param random from 0 to below 1; spreads the pauses of many clients over their upper half
 */
export function retryDelay(
  error: unknown,
  safe: OperationInfo["safe"],
  retry: number,
  random: number,
): number | undefined {
  if (!mayRetry(error, safe)) return undefined;
  const asked = error instanceof APIError ? error.retryAfter : undefined;
  if (asked !== undefined) return asked > RETRY_AFTER_MAX_MS ? undefined : asked;
  return Math.min(FIRST_DELAY_MS * 2 ** retry, DELAY_MAX_MS) * (0.5 + random / 2);
}

/** Whether a failure may pass by itself, and the call may be made again. */
export function mayRetry(error: unknown, safe: OperationInfo["safe"]): boolean {
  if (error instanceof APIError) return mayRetryStatus(error, safe);
  if (!(error instanceof APIConnectionError)) return false;
  return safe !== "once" || isUnsent(error);
}

function mayRetryStatus(error: APIError, safe: OperationInfo["safe"]): boolean {
  if (isRetryableKind(error.kind) === false) return false;
  const should = error.response.headers.get("x-should-retry")?.trim().toLowerCase();
  if (should === "true") return true;
  if (should === "false") return false;
  if (safe !== "once") return RETRYABLE_STATUSES.has(error.statusCode);
  // A server that says when to come back has not taken the request on.
  return error.statusCode === 429 || (error.statusCode === 503 && error.retryAfter !== undefined);
}

/** Codes of failures before a connection stood, so that nothing of the request can have been processed. */
const UNSENT_CODES: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EAI_FAIL",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EADDRNOTAVAIL",
  "UND_ERR_CONNECT_TIMEOUT",
  "ConnectionRefused",
  "FailedToOpenSocket",
]);

/** Whether the failure came before the request could be sent: names, connecting, certificates. */
export function isUnsent(error: unknown): boolean {
  for (let current: unknown = error, depth = 0; current instanceof Error && depth < 8; depth++) {
    // Node reports one error for each address that a name resolved to, and gives the whole the code of the first.
    if (current instanceof AggregateError && current.errors.length > 0) return current.errors.every(isUnsent);
    const { code, syscall } = current as { code?: unknown; syscall?: unknown };
    // The system call knows best: a host may also become unreachable under a connection that has carried the request.
    if (typeof syscall === "string") return syscall === "connect" || syscall === "getaddrinfo";
    if (typeof code === "string" && (UNSENT_CODES.has(code) || isHandshakeCode(code))) return true;
    // Deno gives no code; this is how its HTTP library names the step.
    if (current.message.includes("client error (Connect)")) return true;
    current = current.cause;
  }
  return false;
}

/** Limits of the system and of Node's fetch, shorter than those of a call where that has long ones. */
const TIMEOUT_CODES: ReadonlySet<unknown> = new Set([
  "ETIMEDOUT",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
]);

/** Whether a limit below the client's own ended an attempt. */
export function isTimeout(error: unknown): boolean {
  for (let current: unknown = error, depth = 0; current instanceof Error && depth < 8; depth++) {
    if (current instanceof AggregateError && current.errors.length > 0)
      return current.errors.every(isTimeout);
    if (TIMEOUT_CODES.has((current as { code?: unknown }).code)) return true;
    current = current.cause;
  }
  return false;
}

/** Alerts and texts that end a handshake; others of TLS may come when the request has been sent. */
const HANDSHAKE_CODE =
  /^ERR_SSL_(WRONG_VERSION_NUMBER|UNSUPPORTED_PROTOCOL|TLSV1_ALERT_PROTOCOL_VERSION|TLSV1_UNRECOGNIZED_NAME|(SSLV3|SSL\/TLS)_ALERT_HANDSHAKE_FAILURE)$/;

function isHandshakeCode(code: string): boolean {
  return (
    HANDSHAKE_CODE.test(code) ||
    code.startsWith("ERR_TLS_") ||
    code.startsWith("CERT_") ||
    /^(DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_(GET|VERIFY))_/.test(code)
  );
}

/** Waits, or rejects with the signal's reason as soon as it is aborted. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}
