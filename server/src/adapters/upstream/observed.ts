/**
 * An upstream whose calls are measured: how many are open, how they end, how long a request waited for them, what they are
 * billed for. It also knows since when upstream has not answered, from whatever calls there are.
 */

import type { Clock } from "../../clock.js";
import { AppError } from "../../errors.js";
import type { Log } from "../../log.js";
import type { Metrics } from "../../metrics.js";
import type { Upstream, UpstreamAnswer, UpstreamRequest } from "../../ports/upstream.js";
import { type Billing, decodedBody, readBilling, readLogicalBytes } from "./answer-figures.js";

export interface ObservedUpstream extends Upstream {
  /** `lost` from the first call that got no answer, or a failed `ping`, until the next call that is answered as it should be. */
  state(): { readonly lost?: { readonly since: number; readonly detail: string } };
}

export interface ObservedUpstreamDependencies {
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Pick<Log, "warn" | "info">;
}

/** Answers decoded for their figures at once; the figures of further ones are not read. */
const decodingMax = 4;

export function observeUpstream(
  upstream: Upstream,
  { metrics, clock, log }: ObservedUpstreamDependencies,
): ObservedUpstream {
  let open = 0;
  let decoding = 0;
  let lost: { readonly since: number; readonly detail: string } | undefined;
  metrics.watch("layer_tpuf_inflight", () => [{ labels: {}, value: open }]);

  async function send(request: UpstreamRequest): Promise<UpstreamAnswer> {
    const { effect, notes } = request;
    open++;
    notes?.upstreamCalled(clock.monotonic());
    try {
      const answer = await upstream.send(request);
      if (isSound(answer.status)) regain();
      metrics.add("layer_upstream_calls_total", { effect, outcome: outcomeOf(answer.status) });
      if (answer.status < 300) noteFigures(request, answer);
      return answer;
    } catch (error) {
      const outcome = failureOf(error, request);
      metrics.add("layer_upstream_calls_total", { effect, outcome });
      if (outcome === "unreachable" || outcome === "unknown") lose(error);
      throw error;
    } finally {
      open--;
      notes?.upstreamAnswered(clock.monotonic());
    }
  }

  function noteFigures(request: UpstreamRequest, answer: UpstreamAnswer): void {
    const place = placeOf(request);
    if (place === undefined) return;
    const body = decodedBody(answer, decoding < decodingMax);
    if (!(body instanceof Promise)) {
      record(place, body);
      return;
    }
    decoding++;
    void body.then((decoded) => {
      decoding--;
      record(place, decoded);
    });
  }

  function record({ namespace, figures }: Place, body: Uint8Array | undefined): void {
    if (figures === "size") {
      const bytes = body && readLogicalBytes(body);
      if (bytes !== undefined) metrics.set("hevlayer_tpuf_logical_bytes", { namespace }, bytes);
    } else if (body === undefined) metrics.add("hevlayer_tpuf_billing_unread_total", {});
    else recordBilling(metrics, namespace, readBilling(body));
  }

  function lose(error: unknown): void {
    const detail = error instanceof Error ? error.message : "it does not answer";
    if (lost === undefined) log.warn({ detail }, "upstream does not answer");
    lost = { since: lost?.since ?? clock.now(), detail };
  }

  function regain(): void {
    if (lost === undefined) return;
    log.info({ lost_ms: clock.now() - lost.since }, "upstream answers again");
    lost = undefined;
  }

  return {
    send,
    ping: async (signal) => {
      try {
        await upstream.ping(signal);
        regain();
      } catch (error) {
        lose(error);
        throw error;
      }
    },
    close: () => upstream.close(),
    state: () => (lost === undefined ? {} : { lost }),
  };
}

/** Whether upstream works for us: a refused key, or an error of its own, says that it does not. */
function isSound(status: number): boolean {
  return status < 500 && status !== 401 && status !== 403;
}

function outcomeOf(status: number): string {
  if (status < 400) return "ok";
  if (status === 429) return "throttled";
  return status < 500 ? "refused" : "failed";
}

/** `gateway_timeout` is the port's word for a write that may have been applied. */
function failureOf(error: unknown, { signal }: UpstreamRequest): string {
  if (signal?.aborted) return "cancelled";
  if (error instanceof AppError && error.code === "rate_limited") return "throttled";
  return error instanceof AppError && error.code === "gateway_timeout" ? "unknown" : "unreachable";
}

interface Place {
  readonly namespace: string;
  readonly figures: "billing" | "size";
}

/** Which figures to look for. Names need no decoding: upstream's alphabet has nothing that is encoded. */
function placeOf({ method, path }: UpstreamRequest): Place | undefined {
  const [, , root, namespace, ...rest] = path.split("/");
  if (root !== "namespaces" || namespace === undefined) return undefined;
  if (method === "POST") return { namespace, figures: "billing" };
  return method === "GET" && rest[0] === "metadata" ? { namespace, figures: "size" } : undefined;
}

function recordBilling(metrics: Metrics, namespace: string, billing: Billing | undefined): void {
  if (billing === undefined) return;
  const { queried, returned, written } = billing;
  if (queried > 0) metrics.add("hevlayer_tpuf_billable_bytes_queried_total", { namespace }, queried);
  if (returned > 0) metrics.add("hevlayer_tpuf_billable_bytes_returned_total", { namespace }, returned);
  if (written > 0) metrics.add("hevlayer_tpuf_billable_bytes_written_total", { namespace }, written);
}
