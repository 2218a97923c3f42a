/** The first stage of every request: its id, its state, and the one line that the log gets when it is over. */

import type { NextFunction, Request, RequestHandler, Response } from "express";
import type { Clock } from "../clock.js";
import type { Log } from "../log.js";
import { RequestNotes } from "../request-notes.js";
import type { DrainState } from "./drain.js";
import { beginState, type RequestState } from "./request-state.js";

export interface BeginDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly drain: DrainState;
  /** A new id for a request that brings none. */
  readonly newId: () => string;
}

export function createBegin({ clock, log, drain, newId }: BeginDependencies): RequestHandler {
  return function begin(request: Request, response: Response, next: NextFunction): void {
    const requestId = callersId(request.headers["x-request-id"]) ?? newId();
    const state: RequestState = {
      requestId,
      startedAt: clock.monotonic(),
      notes: new RequestNotes(),
      bytesIn: 0,
      bytesOut: 0,
    };
    beginState(request, state);
    const { path } = request;
    drain.enter();
    response.once("close", () => {
      drain.leave();
      if (!response.writableFinished) state.onGone?.();
      logRequest(log, clock.monotonic() - state.startedAt, state, path, response);
    });
    next();
  };
}

function logRequest(
  log: Log,
  durationMs: number,
  state: RequestState,
  path: string,
  response: Response,
): void {
  const level = state.errorCode === "internal_error" ? "error" : state.error === undefined ? "info" : "warn";
  if (!log.isLevelEnabled(level)) return;
  const { operationId, namespace, principal, errorCode, error } = state;
  const fields = {
    request_id: state.requestId,
    method: response.req.method,
    // A known operation says all there is to say; a path may hold ids, and only serves to find a wrong URL.
    ...(operationId === undefined ? { path } : { operation: operationId }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(principal === undefined ? {} : { principal: principal.name }),
    status: response.statusCode,
    duration_ms: Math.round(durationMs * 1000) / 1000,
    bytes_in: state.bytesIn,
    bytes_out: state.bytesOut,
    ...(errorCode === undefined ? {} : { code: errorCode }),
    ...(response.writableFinished ? {} : { aborted: true }),
    ...(error === undefined ? {} : { err: error }),
  };
  log[level](fields, "request");
}

/** A caller's id is kept when it is harmless in logs and headers. */
function callersId(header: string | string[] | undefined): string | undefined {
  return typeof header === "string" && /^[\w.:/+=-]{1,128}$/.test(header) ? header : undefined;
}
