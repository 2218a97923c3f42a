/**
 * What crosses from a caller's request into an upstream one: paths are rebuilt from decoded names, and headers pass an
 * allow list, so that nothing a caller writes can reach another route or replace the store's credential.
 *
 * `Prefer` stays behind on purpose: upstream then answers synchronously, and there is no route here to poll.
 */

import type { HeaderValues } from "../../ports/upstream.js";
import type { RequestContext } from "../context.js";

const forwardedNames = new Set(["content-type", "accept", "accept-encoding"]);
const vendorPrefix = "x-turbopuffer-";
const clientPrefix = "x-stainless-";

/** Headers of the caller that go upstream. Its `content-encoding` does not: bodies are sent as plain JSON. */
export function forwardedHeaders(context: RequestContext): HeaderValues {
  const headers: Record<string, string | readonly string[]> = {};
  for (const name of Object.keys(context.headers)) {
    const value = context.headers[name];
    if (value === undefined) continue;
    if (forwardedNames.has(name) || name.startsWith(vendorPrefix) || name.startsWith(clientPrefix)) {
      headers[name] = value;
    }
  }
  // The caller's own id where it is harmless, which the transport has judged; otherwise ours.
  headers["x-request-id"] = context.requestId;
  return headers;
}

/**
 * Headers of the caller for a request whose answer the gateway reads itself: what identifies the call, without the
 * caller's own content negotiation.
 */
export function tracingHeaders(context: RequestContext): HeaderValues {
  const { accept: _, "accept-encoding": __, "content-type": ___, ...rest } = forwardedHeaders(context);
  return rest;
}

/**
 * Upstream path of a namespace, every part encoded.
 *
 * @param version `v1` or `v2`
 * @param namespace decoded name, already checked against upstream's alphabet
 * @param rest fixed segments of ours, `query` or `_debug/recall`
 */
export function namespacePath(version: "v1" | "v2", namespace: string, rest?: string): string {
  const base = `/${version}/namespaces/${encodeURIComponent(namespace)}`;
  return rest === undefined ? base : `${base}/${rest}`;
}
