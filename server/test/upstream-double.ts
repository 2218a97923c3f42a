/** An Upstream whose answers a test scripts and whose requests it can read afterwards. */

import type { RequestContext } from "../src/domain/context.js";
import type { Upstream, UpstreamAnswer, UpstreamRequest } from "../src/ports/upstream.js";

export type Script = (request: UpstreamRequest) => UpstreamAnswer | Error;

export interface ScriptedUpstream extends Upstream {
  readonly requests: UpstreamRequest[];
  /** The body of request `index` as text. */
  sentText(index?: number): string;
}

export function scriptedUpstream(script: Script): ScriptedUpstream {
  const requests: UpstreamRequest[] = [];
  return {
    requests,
    sentText: (index = 0) => Buffer.from(requests[index]?.body ?? []).toString(),
    send: async (request) => {
      requests.push(request);
      const answer = script(request);
      if (answer instanceof Error) throw answer;
      return answer;
    },
    ping: async () => {},
    close: async () => {},
  };
}

export function answerJson(value: unknown, status = 200): UpstreamAnswer {
  return answerText(JSON.stringify(value), status);
}

export function answerText(text: string, status = 200): UpstreamAnswer {
  return { status, headers: { "content-type": "application/json" }, body: Buffer.from(text) };
}

/** A request of a caller who may do everything, with parts replaced. */
export function contextWith(parts: Partial<RequestContext> = {}): RequestContext {
  return {
    requestId: "req-1",
    principal: { name: "test", scopes: new Set(["admin"]), grants: ["*"] },
    headers: {},
    rawQuery: "",
    signal: new AbortController().signal,
    ...parts,
  };
}

/** A clock that stands still until it is moved. */
export function manualClock(start = 1_700_000_000_000): {
  now(): number;
  monotonic(): number;
  advance(ms: number): void;
} {
  let nowMs = start;
  return {
    now: () => nowMs,
    monotonic: () => nowMs,
    advance: (ms) => {
      nowMs += ms;
    },
  };
}
