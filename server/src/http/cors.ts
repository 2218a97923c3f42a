/** Lets pages of the configured origins call the gateway. Without configured origins nothing is added. */

import type { NextFunction, Request, RequestHandler, Response } from "express";

/** Answer headers that a page may read. */
const exposed = [
  "retry-after",
  "retry-after-ms",
  "traceparent",
  "x-layer-cache",
  "x-layer-next-cursor",
  "x-layer-partial",
  "x-layer-stable-as-of",
  "x-layer-warning",
  "x-request-id",
  "x-should-retry",
].join(", ");

/** Seconds a browser may remember a preflight (chosen: Chromium's own bound is 7,200). */
const PREFLIGHT_MAX_AGE_S = "600";

/** @param origins exact origins, or `*`; tokens travel in a header, so credentials mode is never needed */
export function createCors(origins: readonly string[]): RequestHandler {
  const any = origins.includes("*");
  const allowed = new Set(origins);
  return function cors(request: Request, response: Response, next: NextFunction): void {
    const { origin } = request.headers;
    if (!any) response.vary("origin");
    if (origin !== undefined && (any || allowed.has(origin))) allow(request, response, any ? "*" : origin);
    next();
  };
}

function allow(request: Request, response: Response, origin: string): void {
  response.setHeader("access-control-allow-origin", origin);
  response.setHeader("access-control-expose-headers", exposed);
  if (request.method === "OPTIONS" && request.headers["access-control-request-method"] !== undefined) {
    response.setHeader("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE");
    const wanted = request.headers["access-control-request-headers"];
    if (wanted !== undefined) response.setHeader("access-control-allow-headers", wanted);
    response.setHeader("access-control-max-age", PREFLIGHT_MAX_AGE_S);
  }
}
