/** The only place that turns an error into an answer. Causes stay here for the log; callers get code and message. */

import type { Response } from "express";
import { AppError } from "../errors.js";
import { send, toBytes } from "./reply.js";
import { stateOf } from "./request-state.js";

/** Answers with the body of an own error. Anything that is not an `AppError` is a defect: 500, with the id to look up. */
export function sendError(response: Response, thrown: unknown): void {
  const state = stateOf(response.req);
  const error = thrown instanceof AppError ? thrown : defect(thrown, state.requestId);
  state.errorCode = error.code;
  if (error.status >= 500) state.error = error.cause ?? error;
  const { retryAfterSeconds, ...details } = error.details;
  send(
    response,
    toBytes({
      status: error.status,
      headers: {
        ...(retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) }),
        ...(error.status === 401 ? { "www-authenticate": "Bearer" } : {}),
        ...(error.code === "gateway_draining" ? { connection: "close" } : {}),
      },
      json: { error: error.code, message: error.message, ...details },
    }),
  );
}

/** Answers 400 in plain text, as Turbopuffer does for a bad namespace in the path. */
export function sendPlainRefusal(response: Response, text: string): void {
  stateOf(response.req).errorCode = "bad_namespace";
  send(response, {
    status: 400,
    headers: { "content-type": "text/plain; charset=utf-8" },
    body: Buffer.from(text),
  });
}

function defect(cause: unknown, requestId: string): AppError {
  return new AppError("internal_error", `the gateway failed on request ${requestId}; its log has the cause`, {
    cause,
  });
}
