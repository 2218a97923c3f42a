/** An upstream that fails on command, in the ways that the network and Turbopuffer have. */

import { transportFailure } from "../../src/adapters/upstream/transport-failure.js";
import type { Upstream, UpstreamAnswer, UpstreamRequest } from "../../src/ports/upstream.js";
import { createFaultPlan, type FaultControl } from "./command.js";

/**
 * `slow`: only the delay. `throttled`: 429 with `Retry-After`. `failing`: 503. `reset-before`: the connection ends before
 * upstream has the request. `reset-after`: upstream has done what was asked, and its answer never comes. `half-answer`: half of
 * the body, as a proxy in between may give it.
 */
export type UpstreamFault = "slow" | "throttled" | "failing" | "reset-before" | "reset-after" | "half-answer";

/** Operations are the method and the last part of the path: `POST query`, `POST products`, `GET metadata`, `ping`. */
export interface FaultyUpstream extends FaultControl<UpstreamFault> {
  wrap(upstream: Upstream): Upstream;
}

export function createFaultyUpstream(): FaultyUpstream {
  const plan = createFaultPlan<UpstreamFault>();

  async function send(upstream: Upstream, request: UpstreamRequest): Promise<UpstreamAnswer> {
    const { method, path, effect } = request;
    const command = await plan.next(`${method} ${path.split("/").at(-1)}`);
    switch (command?.kind) {
      case undefined:
      case "slow":
        return upstream.send(request);
      case "throttled":
        return refusal(429, "too many requests", { "retry-after": "7" });
      case "failing":
        return refusal(503, "overloaded");
      case "reset-before":
        throw transportFailure(reset(), { effect, sent: false });
      case "reset-after":
        await upstream.send({ ...request, signal: undefined });
        throw transportFailure(reset(), { effect, sent: true });
      case "half-answer": {
        const { status, headers, body } = await upstream.send({ ...request, answer: "decoded" });
        return { status, headers, body: body.subarray(0, body.byteLength >> 1) };
      }
    }
  }

  return {
    ...plan,
    wrap: (upstream) => ({
      send: (request) => send(upstream, request),
      async ping(signal) {
        const command = await plan.next("ping");
        if (command !== undefined && command.kind !== "slow")
          throw transportFailure(reset(), { effect: "read", sent: false });
        await upstream.ping(signal);
      },
      close: () => upstream.close(),
    }),
  };
}

function refusal(status: number, error: string, headers: Record<string, string> = {}): UpstreamAnswer {
  const body = Buffer.from(JSON.stringify({ status: "error", error }));
  return { status, headers: { "content-type": "application/json", ...headers }, body };
}

function reset(): Error {
  return Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
}
