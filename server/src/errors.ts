/**
 * The error types of the gateway: `AppError` while it serves, `StartError` before it does. A code comes from the closed catalogue of `openapi.yaml` and fixes the status; the
 * message is for people and goes to the caller, the cause is for the log and never does.
 */

import { type ErrorCode, errorCatalogue } from "./generated/errors.js";

export type { ErrorCode } from "./generated/errors.js";

/** Further fields of the error body, and the pause asked for with `Retry-After`. */
export interface ErrorDetails {
  /** Why a caller was refused: `missing_bearer`, `insufficient_scope`, … */
  reason?: string;
  required_scope?: "read" | "write" | "admin";
  cache_state?: "cold";
  store?: string;
  route?: string;
  feature?: string;
  /** Sent as the `Retry-After` header (whole seconds), not in the body. */
  retryAfterSeconds?: number;
}

export interface AppErrorOptions {
  /** What happened underneath: logged, never sent. */
  cause?: unknown;
  details?: ErrorDetails;
}

/** An answer the gateway gives instead of the one asked for. */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly code: ErrorCode;
  readonly status: number;
  readonly details: ErrorDetails;

  /**
   * @param code of the catalogue; decides the HTTP status
   * @param message lower case, no full stop, naming the operation and the offending value; reaches the caller
   */
  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = errorCatalogue[code].status;
    this.details = options.details ?? {};
  }
}

/** The gateway cannot start, for a reason that its operator can do something about. One line, shown without a stack. */
export class StartError extends Error {
  override readonly name = "StartError";
}
