/**
 * What the HTTP layer knows of a request while it lives: written by the stages as they pass, read by the log line at the
 * end.
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

/** On the request itself: a map beside it costs a request a hash and the collector an entry. */
const stateKey = Symbol("request state");

interface Begun {
  [stateKey]?: RequestState;
}

export function beginState(request: IncomingMessage, state: RequestState): void {
  (request as Begun)[stateKey] = state;
}

/** The state of a request that has passed the first stage. */
export function stateOf(request: IncomingMessage): RequestState {
  const state = (request as Begun)[stateKey];
  if (!state) throw new Error("request state read before the request was begun");
  return state;
}
