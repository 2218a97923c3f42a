/**
 * What a failed exchange with upstream means to the caller. The words name the kind of failure and never the store's
 * address or key; the transport's own error travels as the cause, for the log.
 */

import { AppError } from "../../errors.js";

export interface FailedExchange {
  effect: "read" | "write";
  /** The request had been handed to a connection, so upstream may have processed it. */
  sent: boolean;
}

/** Raised by our own deadline; told apart from a failure of the connection. */
export class DeadlineExceeded extends Error {
  override readonly name = "DeadlineExceeded";
  constructor(readonly timeoutMs: number) {
    super(`no complete answer within ${timeoutMs} ms`);
  }
}

/** Raised when an answer breaks a rule of ours (too large, an encoding nobody reads). */
export class UnreadableAnswer extends Error {
  override readonly name = "UnreadableAnswer";
}

/** The error for the caller: 504 for a write whose outcome is unknown, 502 for the rest. */
export function transportFailure(error: unknown, exchange: FailedExchange): AppError {
  const what = describe(error);
  if (exchange.effect === "write" && exchange.sent) {
    return new AppError(
      "gateway_timeout",
      `turbopuffer did not answer (${what}): the outcome of the write is unknown`,
      {
        cause: loggable(error),
      },
    );
  }
  const consequence = exchange.effect === "write" ? ": the write was not applied" : "";
  const verb = exchange.sent ? "gave no usable answer" : "could not be reached";
  return new AppError("upstream_error", `turbopuffer ${verb} (${what})${consequence}`, {
    cause: loggable(error),
  });
}

const byCode: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  EPIPE: "connection reset",
  UND_ERR_SOCKET: "connection closed early",
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "connection closed early",
  UND_ERR_HEADERS_OVERFLOW: "answer has too large headers",
  UND_ERR_CONNECT_TIMEOUT: "connecting timed out",
  ETIMEDOUT: "connecting timed out",
  EHOSTUNREACH: "host unreachable",
  ENETUNREACH: "network unreachable",
  ENOTFOUND: "host name not found",
  EAI_AGAIN: "host name lookup failed",
  UND_ERR_ABORTED: "request cancelled",
  ABORT_ERR: "request cancelled",
  UND_ERR_DESTROYED: "gateway is closing",
  UND_ERR_CLOSED: "gateway is closing",
};

function describe(error: unknown): string {
  if (error instanceof DeadlineExceeded || error instanceof UnreadableAnswer) return error.message;
  const code = errorCode(error);
  const known = byCode[code];
  if (known !== undefined) return known;
  if (isParserError(error)) return "answer is not valid http";
  if (/^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/.test(code)) return "tls handshake failed";
  const name = error instanceof Error ? error.name : "";
  if (name === "TimeoutError") return "timed out";
  return name === "AbortError" ? "request cancelled" : "transport failure";
}

function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return "";
  if ("code" in error && typeof error.code === "string") return error.code;
  // Several addresses were tried and each refused: the first says why.
  if (error instanceof AggregateError) return errorCode(error.errors[0]);
  return "";
}

function isParserError(error: unknown): boolean {
  return error instanceof Error && error.name === "HTTPParserError";
}

/** What may be logged: a parser error carries bytes of the answer, and those may be rows. */
function loggable(error: unknown): unknown {
  return isParserError(error) ? new Error((error as Error).message) : error;
}
