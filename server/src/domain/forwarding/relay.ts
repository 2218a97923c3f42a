/**
 * An answer ready for the wire. Bodies are bytes because numbers and key order must survive: upstream's are relayed
 * untouched, and our own are built as text wherever they carry user data.
 */

import type { HeaderValues, UpstreamAnswer } from "../../ports/upstream.js";

export interface Relay {
  readonly status: number;
  /** Lower-case names; `content-length` is the transport's business. */
  readonly headers: HeaderValues;
  readonly body: Uint8Array;
}

const jsonContentType = "application/json; charset=utf-8";

/** Upstream's answer as it came. */
export function relayAnswer(answer: UpstreamAnswer, extraHeaders?: HeaderValues): Relay {
  const headers = extraHeaders === undefined ? answer.headers : { ...answer.headers, ...extraHeaders };
  return { status: answer.status, headers, body: answer.body };
}

/** An answer of ours from JSON text or its bytes. */
export function jsonRelay(status: number, json: string | Uint8Array, headers: HeaderValues = {}): Relay {
  const body = typeof json === "string" ? Buffer.from(json) : json;
  return { status, headers: { "content-type": jsonContentType, ...headers }, body };
}

/** True for a 2xx. */
export function isSuccess(answer: { readonly status: number }): boolean {
  return answer.status >= 200 && answer.status < 300;
}

/** Upstream refused what the gateway needed for an answer: its refusal is the answer. */
export class UpstreamRefused extends Error {
  override readonly name = "UpstreamRefused";
  readonly relay: Relay;

  constructor(relay: Relay) {
    super(`turbopuffer answered ${relay.status}`);
    this.relay = relay;
  }
}
