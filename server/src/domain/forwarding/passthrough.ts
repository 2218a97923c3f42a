/**
 * Requests that go upstream as they came and whose answers come back as they are: only the path is rebuilt, and headers
 * pass the allow list.
 */

import type { Upstream, UpstreamAnswer, UpstreamRequest } from "../../ports/upstream.js";
import type { RequestContext } from "../context.js";
import { forwardedHeaders } from "./forwarding.js";
import { type Relay, relayAnswer } from "./relay.js";

export type Passthrough = Pick<UpstreamRequest, "method" | "path" | "effect" | "body">;

/** Sends the request upstream; a read ends when its caller leaves. */
export function forward(
  upstream: Upstream,
  context: RequestContext,
  request: Passthrough,
): Promise<UpstreamAnswer> {
  return upstream.send({
    method: request.method,
    path: request.path,
    effect: request.effect,
    // An empty body and no body are the same to upstream, and only the latter is sent without a content type.
    body: request.body?.length ? request.body : undefined,
    query: context.rawQuery,
    headers: forwardedHeaders(context),
    signal: request.effect === "read" ? context.signal : undefined,
    notes: context.notes,
  });
}

/** Forwards and relays. */
export async function passThrough(
  upstream: Upstream,
  context: RequestContext,
  request: Passthrough,
): Promise<Relay> {
  return relayAnswer(await forward(upstream, context, request));
}
