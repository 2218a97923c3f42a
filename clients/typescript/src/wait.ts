/**
 * Waits for a job to end. Only the job's own word ends the wait: a request that fails in a way that may pass is made
 * again, and a state that this release does not know counts as running.
 */
import type { CallOptions, OperationInfo, WaitInfo, WaitOptions } from "./call.js";
import { checkTimeout } from "./config.js";
import { linkSignal } from "./deadline.js";
import {
  APIError,
  CancelledError,
  ConfigError,
  type ErrorContext,
  HevlayerError,
  isRecord,
  JobFailedError,
  retryAfterMs,
  WaitTimeoutError,
} from "./errors.js";
import type { LayerResponse } from "./perf.js";
import { mayRetry, sleep } from "./retry.js";

const TOTAL_TIMEOUT_MS = 600_000;
const FIRST_DELAY_MS = 250;
const DELAY_FACTOR = 1.5;
const DELAY_MAX_MS = 5_000;

/** Reads the job once. */
export type Poll<Job> = (each: CallOptions<true>) => Promise<LayerResponse<Job>>;

/**
 * Asks for the job until it has ended; the job as it ended.
 *
 * @param eachTimeout the client's own limit for one call, in milliseconds
 */
export async function waitForJob<Job>(
  operation: OperationInfo & { readonly wait: WaitInfo },
  options: WaitOptions<Job>,
  eachTimeout: number | undefined,
  poll: Poll<Job>,
): Promise<Job> {
  const pace = checkPace(options);
  const { totalTimeout: _, firstDelay: __, delayFactor: ___, maxDelay: ____, onProgress, ...each } = options;
  const endsAt = performance.now() + pace.limitMs;
  let job: Job | undefined;
  for (
    let polls = 1, delayMs = pace.firstMs;
    ;
    polls++, delayMs = Math.min(delayMs * pace.factor, pace.maxMs)
  ) {
    const leftMs = Math.max(endsAt - performance.now(), 1);
    const look = await lookOnce(operation, () =>
      // The wait itself asks again, in its own time.
      poll({ maxRetries: 0, ...each, totalTimeout: Math.min(leftMs, eachTimeout ?? leftMs), withPerf: true }),
    );
    if ("job" in look) {
      job = look.job;
      await callback(operation, onProgress?.(job), options.signal);
      const context = { ...contextOf(operation), attempts: polls };
      if (ended(operation.wait, job, context)) return job;
    }
    const pauseMs = pauseOf(look.askedMs, delayMs, endsAt - performance.now(), pace.firstMs);
    if (pauseMs === undefined) {
      const context = { ...contextOf(operation), attempts: polls };
      throw new WaitTimeoutError(timeoutMessage(operation, pace.limitMs, job), {
        ...context,
        cause: look.error,
        job,
      });
    }
    await pause(operation, pauseMs, options.signal);
  }
}

interface Pace {
  readonly limitMs: number;
  readonly firstMs: number;
  readonly factor: number;
  readonly maxMs: number;
}

function checkPace(options: WaitOptions<never> & { withPerf?: unknown }): Pace {
  const { onProgress, delayFactor: factor = DELAY_FACTOR } = options;
  if (options.withPerf) throw new ConfigError("withPerf has no meaning for a wait, which is many calls");
  if (onProgress !== undefined && typeof onProgress !== "function")
    throw new ConfigError(`onProgress must be a function, found ${typeof onProgress}`);
  if (!Number.isFinite(factor) || factor < 1)
    throw new ConfigError(`delayFactor must be a number of at least 1, found ${String(factor)}`);
  return {
    limitMs: checkTimeout("totalTimeout", options.totalTimeout ?? TOTAL_TIMEOUT_MS),
    firstMs: checkTimeout("firstDelay", options.firstDelay ?? FIRST_DELAY_MS),
    factor,
    maxMs: checkTimeout("maxDelay", options.maxDelay ?? DELAY_MAX_MS),
  };
}

/** The job, or a failure that may pass; with the pause that the server asks for. */
type Look<Job> =
  | { job: Job; askedMs: number | undefined; error?: undefined }
  | { error: HevlayerError; askedMs: number | undefined };

async function lookOnce<Job>(
  operation: OperationInfo,
  poll: () => Promise<LayerResponse<Job>>,
): Promise<Look<Job>> {
  try {
    const { data, perf } = await poll();
    return { job: data, askedMs: retryAfterMs(new Headers(perf.headers)) };
  } catch (error) {
    if (!(error instanceof HevlayerError) || !mayRetry(error, operation.safe)) throw error;
    return { error, askedMs: error instanceof APIError ? error.retryAfter : undefined };
  }
}

/** Whether the job has ended well; an error when it failed. */
function ended(info: WaitInfo, job: unknown, context: ErrorContext): boolean {
  const state = isRecord(job) ? job[info.state] : undefined;
  if (typeof state !== "string") return false;
  if (info.failed.includes(state)) {
    const why = isRecord(job) && typeof job.error === "string" ? `: ${job.error}` : "";
    throw new JobFailedError(`${context.operationId}: the job is ${state}${why}`, { ...context, job });
  }
  return info.done.includes(state);
}

/**
 * Milliseconds until the next request, or undefined when there is no time for one. The last one is made a first pause
 * before the limit, so that it can be answered.
 */
function pauseOf(
  askedMs: number | undefined,
  delayMs: number,
  leftMs: number,
  firstMs: number,
): number | undefined {
  const lastMs = leftMs - firstMs;
  if (lastMs <= 0 || (askedMs !== undefined && askedMs > lastMs)) return undefined;
  return Math.min(Math.max(askedMs ?? 0, delayMs), lastMs);
}

async function pause(operation: OperationInfo, ms: number, signal: AbortSignal | undefined): Promise<void> {
  const linked = linkSignal(signal, undefined);
  try {
    await sleep(ms, linked.signal);
  } catch (cause) {
    throw cancelled(operation, cause);
  } finally {
    linked.dispose();
  }
}

/** Waits for a callback that may be async; the signal ends the wait, though not the callback. */
async function callback(
  operation: OperationInfo,
  running: unknown,
  signal: AbortSignal | undefined,
): Promise<void> {
  const linked = linkSignal(signal, undefined);
  const { signal: end } = linked;
  const left = new Promise<never>((_resolve, reject) => {
    const leave = () => reject(cancelled(operation, end.reason));
    if (end.aborted) leave();
    else end.addEventListener("abort", leave, { once: true });
  });
  try {
    await Promise.race([running, left]);
  } finally {
    linked.dispose();
  }
}

function cancelled(operation: OperationInfo, cause: unknown): CancelledError {
  return new CancelledError(`${operation.id}: cancelled by its signal`, { ...contextOf(operation), cause });
}

function timeoutMessage(
  operation: OperationInfo & { readonly wait: WaitInfo },
  limitMs: number,
  job: unknown,
): string {
  const { state, progress } = operation.wait;
  const seen = isRecord(job)
    ? `the job is ${String(job[state])}, progress ${String(job[progress])}`
    : "the job was never seen";
  return `${operation.id}: not ended within ${limitMs} ms: ${seen}`;
}

function contextOf(operation: OperationInfo): ErrorContext {
  return { operationId: operation.id, method: operation.method, route: operation.path };
}
