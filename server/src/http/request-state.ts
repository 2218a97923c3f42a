/**
 * What the HTTP layer knows of a request while it lives: written by the stages as they pass, read by the log line at the
 * end. Kept beside the request objects, because `res.locals` is untyped.
 */

import type { IncomingMessage } from "node:http";
import type { Principal } from "../principal.js";
import type { RequestNotes } from "../request-notes.js";

export interface RequestState {
  readonly requestId: string;
  /** Monotonic ms. */
  readonly startedAt: number;
  /** What the domain and the adapters learn on the way. */
  readonly notes: RequestNotes;
  operationId?: string;
  namespace?: string;
  principal?: Principal;
  /** Bytes of the request body after decompression. */
  bytesIn: number;
  bytesOut: number;
  /** `x-layer-cache` of the answer: `hit`, `miss`, `miss-on-error`. */
  cache?: string;
  /** `x-layer-stable-as-of` of the answer: the watermark, epoch-ms. */
  stableAsOf?: number;
  /** The code of an own error answer. */
  errorCode?: string;
  /** What an own error answer was made from, when someone may have to look at it. */
  error?: unknown;
  /** Called when the caller leaves before its answer is out. */
  onGone?: () => void;
}

const states = new WeakMap<IncomingMessage, RequestState>();

export function beginState(request: IncomingMessage, state: RequestState): void {
  states.set(request, state);
}

/** The state of a request that has passed the first stage. */
export function stateOf(request: IncomingMessage): RequestState {
  const state = states.get(request);
  if (!state) throw new Error("request state read before the request was begun");
  return state;
}
