/**
 * Makes a call: attempts, pauses, falling through, decoding, errors. One instance serves any number of calls at once.
 */
import type {
  Caller,
  CallOptions,
  OperationInfo,
  PathArguments,
  Result,
  WaitInfo,
  WaitOptions,
} from "./call.js";
import { compressed } from "./compress.js";
import { type Config, checkRetries, checkTimeout } from "./config.js";
import { type LinkedSignal, linkSignal } from "./deadline.js";
import { decodeResult, decodeText } from "./decode.js";
import {
  APIConnectionError,
  APITimeoutError,
  apiError,
  CancelledError,
  ConfigError,
  type ErrorContext,
  HevlayerError,
  ResponseError,
} from "./errors.js";
import { directRequest, GATEWAY_DOWN_MS, isUnreachable } from "./fallthrough.js";
import { callEvent, notify } from "./hooks.js";
import { Pages } from "./pages.js";
import { buildPerf, type Exchange, type LayerResponse } from "./perf.js";
import { responseWithoutSecrets, withoutSecrets } from "./redact.js";
import { buildRequest } from "./request.js";
import { isTimeout, isUnsent, retryDelay, sleep } from "./retry.js";
import { Transport, type WireRequest } from "./transport.js";
import { waitForJob } from "./wait.js";

/** From this length on a key is looked for in what a server sends back; replacing shorter ones would garble the text. */
const SECRET_LENGTH_MIN = 4;

/** One call on its way. */
interface Call {
  readonly operation: OperationInfo;
  readonly options: CallOptions;
  /** Aborts with the caller's signal and the call's total limit. */
  readonly signal: AbortSignal;
  readonly timeout: number;
  readonly maxRetries: number;
  readonly startedAt: number;
  /** When the total limit is reached; infinite without one. */
  readonly endsAt: number;
  /** The request to Turbopuffer itself, when this call may fall through. */
  readonly direct: WireRequest | undefined;
}

/** A finished attempt: an answer that is a success, or why not. */
type Outcome = { exchange: Exchange } | { error: HevlayerError; failure: unknown };

export class Runtime implements Caller {
  readonly #config: Config;
  readonly #transport: Transport;
  /** Until when a gateway is taken for down, by its URL. Derived clients share it. */
  #downUntil = new Map<string, number>();

  constructor(config: Config) {
    this.#config = config;
    this.#transport = new Transport(config.fetch, config.maxResponseBytes);
  }

  /** Learns of gateways that are down from another client, and tells it. */
  shareHealth(other: Runtime): void {
    this.#downUntil = other.#downUntil;
  }

  async call<T, P extends boolean>(
    operation: OperationInfo,
    path: PathArguments,
    body: unknown,
    options: CallOptions<P> = {},
  ): Promise<Result<T, P>> {
    const config = this.#config;
    const request = buildRequest(config, operation, path, body, options);
    const timeout = checkTimeout("timeout", options.timeout ?? config.timeout);
    const maxRetries = checkRetries(options.maxRetries ?? config.maxRetries);
    const totalTimeout = options.totalTimeout ?? config.totalTimeout;
    if (totalTimeout !== undefined) checkTimeout("totalTimeout", totalTimeout);
    const deadline = linkSignal(checkSignal(options.signal), totalTimeout);
    const startedAt = performance.now();
    try {
      const direct = directRequest(config, operation, request, body);
      const pack = config.compressRequests ? compressed : (plain: WireRequest) => plain;
      const response = await this.#attempts(
        {
          operation,
          options,
          signal: deadline.signal,
          timeout,
          maxRetries,
          startedAt,
          endsAt: startedAt + (totalTimeout ?? Number.POSITIVE_INFINITY),
          direct: direct && (await pack(direct)),
        },
        await pack(request),
      );
      return (options.withPerf ? response : response.data) as Result<T, P>;
    } catch (error) {
      this.#reportError(operation, request, error, startedAt);
      throw error;
    } finally {
      deadline.dispose();
    }
  }

  pages<Page, Item>(
    operation: OperationInfo,
    path: PathArguments,
    options: CallOptions<false> = {},
  ): Pages<Page, Item> {
    const info = operation.page;
    if (!info) throw new Error(`${operation.id} has no pages`);
    const given = (options as Readonly<Record<string, unknown>>)[info.cursor];
    const fetch = (cursor: string | undefined) =>
      this.call<Page, false>(operation, path, undefined, {
        ...options,
        [info.cursor]: cursor,
      } as CallOptions<false>);
    return new Pages<Page, Item>(operation.id, info, fetch, given as string | undefined);
  }

  async wait<Job>(
    operation: OperationInfo & { readonly wait: WaitInfo },
    path: PathArguments,
    options: WaitOptions<Job> = {},
  ): Promise<Job> {
    return waitForJob(operation, options, this.#config.totalTimeout, (each) =>
      this.call<Job, true>(operation, path, undefined, each),
    );
  }

  async #attempts(call: Call, gatewayRequest: WireRequest): Promise<LayerResponse<unknown>> {
    const { operation, direct } = call;
    const isDown = performance.now() < (this.#downUntil.get(gatewayRequest.baseUrl) ?? 0);
    let request = direct && isDown ? this.#fallThrough(operation, direct) : gatewayRequest;
    for (let attempts = 1, retries = 0; ; attempts++) {
      const ended = this.#endOfCall(call, contextOf(operation, attempts - 1));
      if (ended) throw ended;
      const outcome = await this.#attempt(call, request, attempts);
      if ("exchange" in outcome) return this.#finish(call, request, outcome.exchange, attempts);
      const { error, failure } = outcome;
      if (direct && request !== direct && isUnreachable(failure, operation.safe)) {
        // A connection that broke is no proof that the next one would be refused.
        if (isUnsent(failure)) this.#downUntil.set(request.baseUrl, performance.now() + GATEWAY_DOWN_MS);
        request = this.#fallThrough(operation, direct);
        continue;
      }
      const delayMs =
        retries < call.maxRetries ? retryDelay(error, operation.safe, retries, Math.random()) : undefined;
      if (delayMs === undefined) throw error;
      // Waiting past the total limit helps nobody.
      if (performance.now() + delayMs >= call.endsAt) throw outOfTime(call, attempts, error);
      retries++;
      this.#reportRetry(call, request, { attempts, error, delayMs });
      await this.#pause(call, delayMs, attempts);
    }
  }

  #reportRetry(
    { operation }: Call,
    request: WireRequest,
    { attempts, error, delayMs }: { attempts: number; error: HevlayerError; delayMs: number },
  ): void {
    const { logger, hooks } = this.#config;
    logger.info("retrying", {
      operation: operation.id,
      attempt: attempts,
      delay_ms: delayMs,
      error: error.kind,
    });
    const makeEvent = () => ({
      ...callEvent(operation, request, attempts, error.statusCode, error.name),
      error,
      delayMs,
    });
    notify(hooks.onRetry, makeEvent, logger);
  }

  #reportError(operation: OperationInfo, request: WireRequest, error: unknown, startedAt: number): void {
    if (!(error instanceof HevlayerError)) return;
    const makeEvent = () => ({
      ...callEvent(operation, request, error.attempts, error.statusCode, error.name),
      error,
      durationMs: performance.now() - startedAt,
    });
    notify(this.#config.hooks.onError, makeEvent, this.#config.logger);
  }

  #fallThrough(operation: OperationInfo, direct: WireRequest): WireRequest {
    this.#config.logger.warn(
      `${operation.id}: the gateway cannot be reached, asking turbopuffer (turbopuffer_direct)`,
    );
    return direct;
  }

  async #attempt(call: Call, request: WireRequest, attempts: number): Promise<Outcome> {
    const { operation } = call;
    const { hooks, logger } = this.#config;
    const context = contextOf(operation, attempts);
    const attempt = linkSignal(call.signal, call.timeout);
    notify(hooks.onRequest, () => callEvent(operation, request, attempts), logger);
    try {
      const exchange = await this.#transport.send(request, attempt.signal);
      const makeEvent = () => ({
        ...callEvent(operation, request, attempts, exchange.status),
        status: exchange.status,
        durationMs: exchange.bodyAt - exchange.startedAt,
      });
      notify(hooks.onResponse, makeEvent, logger);
      if (exchange.status >= 200 && exchange.status < 300) return { exchange };
      const { status, headers, bytes } = exchange;
      const answer = responseWithoutSecrets({ status, headers, text: decodeText(bytes) }, this.#secrets());
      const error = apiError(answer, context);
      return { error, failure: error };
    } catch (failure) {
      return { error: this.#describe(failure, call, attempt, context), failure };
    } finally {
      attempt.dispose();
    }
  }

  /** Names what ended an attempt: the caller, one of the two limits, or the connection. */
  #describe(failure: unknown, call: Call, attempt: LinkedSignal, context: ErrorContext): HevlayerError {
    const ended = this.#endOfCall(call, context);
    if (ended) return ended;
    const name = call.operation.id;
    if (attempt.signal.aborted) {
      return new APITimeoutError(`${name}: no complete answer within ${call.timeout} ms`, context);
    }
    if (failure instanceof ResponseError) {
      const response = failure.response && responseWithoutSecrets(failure.response, this.#secrets());
      return new ResponseError(`${name}: ${failure.message}`, { ...context, response });
    }
    const cause = withoutSecrets(failure instanceof Error ? failure.cause : failure, this.#secrets());
    const Kind = isTimeout(failure) ? APITimeoutError : APIConnectionError;
    return new Kind(`${name}: no complete answer: ${rootMessage(cause)}`, {
      ...context,
      cause,
    });
  }

  /** The error for a call that its caller or its total limit has ended, if either has. */
  #endOfCall(call: Call, context: ErrorContext): HevlayerError | undefined {
    const name = call.operation.id;
    const cancelled = call.options.signal;
    if (cancelled?.aborted) {
      return new CancelledError(`${name}: cancelled by its signal`, { ...context, cause: cancelled.reason });
    }
    return call.signal.aborted ? outOfTime(call, context.attempts ?? 0) : undefined;
  }

  async #pause(call: Call, ms: number, attempts: number): Promise<void> {
    try {
      await sleep(ms, call.signal);
    } catch (reason) {
      throw this.#endOfCall(call, contextOf(call.operation, attempts)) ?? reason;
    }
  }

  #finish(call: Call, request: WireRequest, exchange: Exchange, attempts: number): LayerResponse<unknown> {
    const data = decodeResult(call.operation, exchange, contextOf(call.operation, attempts), this.#secrets());
    const perf = buildPerf(exchange, performance.now(), {
      startedAt: call.startedAt,
      attempts,
      bytesSent: request.body?.byteLength ?? 0,
      fallback: request === call.direct ? "turbopuffer_direct" : null,
    });
    this.#config.logger.debug("call", {
      operation: call.operation.id,
      status: perf.status,
      latency_ms: perf.latencyMs,
    });
    return { data, perf };
  }

  #secrets(): string[] {
    return [this.#config.apiKey, this.#config.turbopufferApiKey].filter(
      (key) => key !== undefined && key.length >= SECRET_LENGTH_MIN,
    ) as string[];
  }
}

/** A controller in its signal's place is the usual mistake. Duck-typed: signals may come from another realm or a polyfill. */
function checkSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal === undefined || (signal !== null && typeof signal.addEventListener === "function"))
    return signal;
  throw new ConfigError("signal must be an AbortSignal; of an AbortController give its .signal");
}

/** @param last the failure after which there was no time for another attempt */
function outOfTime({ operation }: Call, attempts: number, last?: HevlayerError): APITimeoutError {
  const seen = last === undefined ? "" : `; last: ${last.message}`;
  return new APITimeoutError(`${operation.id}: not done within its total limit${seen}`, {
    ...contextOf(operation, attempts),
    cause: last,
  });
}

function contextOf(operation: OperationInfo, attempts: number): ErrorContext {
  return { operationId: operation.id, method: operation.method, route: operation.path, attempts };
}

/** The message of the innermost cause, which is the one that names host and code. */
function rootMessage(error: unknown): string {
  let current = error;
  for (let depth = 0; depth < 8 && current instanceof Error && current.cause instanceof Error; depth++) {
    current = current.cause;
  }
  if (!(current instanceof Error)) return String(current);
  const code = (current as { code?: unknown }).code;
  return current.message !== "" ? current.message : typeof code === "string" ? code : current.name;
}
