/** The first stage of every request: its id, its state, and the one line that the log gets when it is over. */

import type { NextFunction, Request, RequestHandler, Response } from "express";
import type { Clock } from "../clock.js";
import { AppError } from "../errors.js";
import type { Log } from "../log.js";
import type { Metrics } from "../metrics.js";
import { RequestNotes } from "../request-notes.js";
import type { DrainState } from "./drain.js";
import { recordRequest } from "./request-metrics.js";
import { beginState, type RequestState } from "./request-state.js";

export interface BeginDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly drain: DrainState;
  readonly metrics: Metrics;
  /** A new id for a request that brings none. */
  readonly newId: () => string;
}

export function createBegin({ clock, log, drain, metrics, newId }: BeginDependencies): RequestHandler {
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
    const { url } = request;
    drain.enter();
    response.once("close", () => {
      drain.leave();
      if (!response.writableFinished) state.onGone?.();
      const endedAt = clock.monotonic();
      const status = response.writableFinished ? String(response.statusCode) : "aborted";
      recordRequest(metrics, { state, status, endedAt });
      logRequest(log, endedAt, state, url, response);
    });
    if (request.headers.host === undefined && request.httpVersion === "1.1")
      next(new AppError("bad_request", "the request has no host header, which http/1.1 demands"));
    else next();
  };
}

function logRequest(log: Log, endedAt: number, state: RequestState, url: string, response: Response): void {
  const level = state.errorCode === "internal_error" ? "error" : state.error === undefined ? "info" : "warn";
  if (!log.isLevelEnabled(level)) return;
  const { operationId, namespace, principal, errorCode, error, notes, cache, stableAsOf } = state;
  const fields = {
    request_id: state.requestId,
    method: response.req.method,
    // A known operation says all there is to say; a path may hold ids, and only serves to find a wrong URL.
    ...(operationId === undefined ? { path: url.split("?", 1)[0] } : { operation: operationId }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(principal === undefined ? {} : { principal: principal.name }),
    status: response.statusCode,
    duration_ms: toMicroseconds(endedAt - state.startedAt),
    ...(notes.upstreamCalls === 0 ? {} : { upstream_ms: toMicroseconds(notes.upstreamMs(endedAt)) }),
    ...(notes.upstreamCalls < 2 ? {} : { upstream_calls: notes.upstreamCalls }),
    ...(cache === undefined ? {} : { cache }),
    ...(stableAsOf === undefined ? {} : { stable_as_of: stableAsOf }),
    ...(notes.stableFilter ? { stable_filter: true } : {}),
    ...(notes.retried ? { retried: true } : {}),
    bytes_in: state.bytesIn,
    bytes_out: state.bytesOut,
    ...(errorCode === undefined ? {} : { code: errorCode }),
    ...(response.writableFinished ? {} : { aborted: true }),
    ...(error === undefined ? {} : { err: error }),
  };
  log[level](fields, "request");
}

/** Milliseconds, as precise as is worth a log. */
function toMicroseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

/** A caller's id is kept when it is harmless in logs and headers. */
function callersId(header: string | string[] | undefined): string | undefined {
  return typeof header === "string" && /^[\w.:/+=-]{1,128}$/.test(header) ? header : undefined;
}
