/** The first stage of every request: its id, its state, and the one line that the log gets when it is over. */

import type { NextFunction, Request, RequestHandler, Response } from "express";
import type { Clock } from "../clock.js";
import type { Log } from "../log.js";
import { beginState, type RequestState } from "./request-state.js";

export interface BeginDependencies {
  readonly clock: Clock;
  readonly log: Log;
  /** A new id for a request that brings none. */
  readonly newId: () => string;
}

export function createBegin({ clock, log, newId }: BeginDependencies): RequestHandler {
  return function begin(request: Request, response: Response, next: NextFunction): void {
    const requestId = callersId(request.headers["x-request-id"]) ?? newId();
    const state: RequestState = { requestId, startedAt: clock.monotonic(), bytesIn: 0, bytesOut: 0 };
    beginState(request, state);
    response.setHeader("x-request-id", requestId);
    const { method, path } = request;
    response.once("close", () => {
      const fields = {
        request_id: requestId,
        method,
        // A known operation says all there is to say; a path may hold ids, and only serves to find a wrong URL.
        ...(state.operationId === undefined ? { path } : { operation: state.operationId }),
        ...(state.namespace === undefined ? {} : { namespace: state.namespace }),
        ...(state.principal === undefined ? {} : { principal: state.principal.name }),
        status: response.statusCode,
        duration_ms: Math.round((clock.monotonic() - state.startedAt) * 1000) / 1000,
        bytes_in: state.bytesIn,
        bytes_out: state.bytesOut,
        ...(state.errorCode === undefined ? {} : { code: state.errorCode }),
        ...(response.writableFinished ? {} : { aborted: true }),
        ...(state.error === undefined ? {} : { err: state.error }),
      };
      if (state.errorCode === "internal_error") log.error(fields, "request");
      else if (state.error !== undefined) log.warn(fields, "request");
      else log.info(fields, "request");
    });
    next();
  };
}

/** A caller's id is kept when it is harmless in logs and headers. */
function callersId(header: string | string[] | undefined): string | undefined {
  return typeof header === "string" && /^[\w.:/+=-]{1,128}$/.test(header) ? header : undefined;
}
