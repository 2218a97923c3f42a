/** Puts an answer on the wire: whole, with its length, and with nothing that the handler did not decide. */

import type { OutgoingHttpHeaders } from "node:http";
import type { Response } from "express";
import type { BytesReply } from "../generated/handlers.js";
import { dropLeftover } from "./leftover.js";
import { type RequestState, stateOf } from "./request-state.js";

export const JSON_TYPE = "application/json; charset=utf-8";

/** A value to be written as JSON. */
export interface ValueReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json: unknown;
}

export function toBytes(reply: BytesReply | ValueReply): BytesReply {
  if (!("json" in reply)) return reply;
  return {
    status: reply.status,
    headers: { "content-type": JSON_TYPE, ...reply.headers },
    body: Buffer.from(JSON.stringify(reply.json)),
  };
}

/** What an answer's own headers say of it, for the log line and the metrics. */
function noteHeaders(state: RequestState, headers: BytesReply["headers"]): void {
  const { "x-layer-cache": cache, "x-layer-stable-as-of": stableAsOf } = headers;
  if (typeof cache === "string") state.cache = cache;
  if (stableAsOf !== undefined) state.stableAsOf = Number(stableAsOf);
}

/** Sends once; an answer that was begun before, or whose caller has gone, is left alone. */
export function send(response: Response, { status, headers, body }: BytesReply): void {
  if (response.headersSent || response.destroyed) return;
  const { req: request } = response;
  const state = stateOf(request);
  state.bytesOut = body.length;
  noteHeaders(state, headers);
  dropLeftover(request, response);
  response.writeHead(status, {
    "x-request-id": state.requestId,
    ...headers,
    // A 204 must not have one.
    ...(status === 204 ? {} : { "content-length": body.length }),
  } as OutgoingHttpHeaders);
  response.end(body);
}
