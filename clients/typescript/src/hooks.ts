/** Lets a caller watch its calls: for metrics, traces, tests. Watching never changes a call, and a hook's error is only logged. */
import type { OperationInfo } from "./call.js";
import type { HevlayerError } from "./errors.js";

/** What every event tells. */
export interface CallEvent {
  /** operationId, or `request` for a raw one. */
  readonly operationId: string;
  /** Path template, never with values in it. */
  readonly route: string;
  /** 1 for the first request of the call. */
  readonly attempt: number;
  /** The same and more under OpenTelemetry's names for HTTP clients. */
  readonly attributes: Readonly<Record<string, string | number>>;
}

export interface ResponseEvent extends CallEvent {
  readonly status: number;
  /** Milliseconds of the attempt, body included. */
  readonly durationMs: number;
}

export interface RetryEvent extends CallEvent {
  /** Why the attempt is repeated. */
  readonly error: HevlayerError;
  /** Milliseconds until the next attempt. */
  readonly delayMs: number;
}

export interface ErrorEvent extends CallEvent {
  readonly error: HevlayerError;
  /** Milliseconds of the whole call. */
  readonly durationMs: number;
}

/** Functions that are called on the way. An async one is not waited for. */
export interface Hooks {
  /** Before each request. */
  onRequest?: ((event: CallEvent) => unknown) | undefined;
  /** After each complete answer, of any status. */
  onResponse?: ((event: ResponseEvent) => unknown) | undefined;
  /** Before the pause between two attempts. */
  onRetry?: ((event: RetryEvent) => unknown) | undefined;
  /** When a call fails for good. */
  onError?: ((event: ErrorEvent) => unknown) | undefined;
}

interface ErrorLog {
  error(message: string, fields: Readonly<Record<string, unknown>>): void;
}

/** Calls a hook if there is one; what it throws, or rejects with where it is async, is logged and dropped. */
export function notify<E>(
  hook: ((event: E) => unknown) | undefined,
  makeEvent: () => E,
  logger: ErrorLog,
): void {
  if (!hook) return;
  const drop = (error: unknown) =>
    logger.error("a hook failed", { error: error instanceof Error ? error.message : String(error) });
  try {
    // An async hook is not waited for, but a rejection that nobody handles would end the process.
    void Promise.resolve(hook(makeEvent())).catch(drop);
  } catch (error) {
    drop(error);
  }
}

/** @param status of the answer, where there is one */
export function callEvent(
  operation: OperationInfo,
  request: { readonly baseUrl: string; readonly method: string; readonly path: string },
  attempt: number,
  status?: number,
  errorType?: string,
): CallEvent {
  const { hostname, port, protocol } = new URL(request.baseUrl);
  return {
    operationId: operation.id,
    route: operation.path,
    attempt,
    attributes: {
      "http.request.method": request.method,
      "url.template": request.path,
      "server.address": hostname,
      "server.port": port === "" ? (protocol === "https:" ? 443 : 80) : Number(port),
      ...(attempt > 1 ? { "http.request.resend_count": attempt - 1 } : {}),
      ...(status === undefined ? {} : { "http.response.status_code": status }),
      ...(errorType === undefined ? {} : { "error.type": errorType }),
    },
  };
}
