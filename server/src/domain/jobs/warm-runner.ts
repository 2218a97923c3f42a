/**
 * Runs warm jobs: finds those of the namespaces this replica owns, and carries each from where its last owner left it.
 *
 * A page is in the cache before the cursor that follows it is stored, which is once a second: whoever takes a job over repeats
 * no more than that. The next page is asked for while the last one is being cached; two pages are the most a job holds in memory.
 *
 * found ── lease held ──► running here ── last page cached ──► completed
 * running here ── upstream refuses, the cache fails, again and again ──► failed
 * running here ── drain, lease lost, taken over ──► left running for the next owner
 */

import type { Clock } from "../../clock.js";
import { AppError } from "../../errors.js";
import type { Log } from "../../log.js";
import { BlobStoreError } from "../../ports/blob-store.js";
import { CacheUnavailable } from "../../ports/document-cache.js";
import { type JobBoard, JobTaken } from "./job-board.js";
import { type OriginPage, type OriginPages, OriginRefused, type OriginRow } from "./origin-pages.js";
import type { WarmJob } from "./warm-job.js";

/** Where pages go. */
export interface WarmSink {
  /** The cache's epoch of the namespace, made when it has none. @throws CacheUnavailable */
  epoch(namespace: string): Promise<string>;
  /**
   * Puts rows where nothing stands under the present epoch; what a write or a fetch has put there meanwhile stays.
   * @param epoch of the namespace, as read before the page was asked for
   * @param askedAt monotonic time at which the page was asked for
   * @returns rows that no cache can hold. @throws CacheUnavailable when a row could not be put
   */
  fill(
    namespace: string,
    epoch: string,
    rows: readonly OriginRow[],
    askedAt: number,
  ): Promise<{ readonly uncacheable: number }>;
  /**
   * Everything of the namespace up to `through` is in the cache, if its epoch is still `epoch` and nothing was lost since.
   * @param since epoch-ms at which the job began. @throws CacheUnavailable
   */
  warmed(namespace: string, through: number, epoch: string, since: number): Promise<void>;
}

/** What a job learns of its namespace before the first page. */
export interface WarmStart {
  /** The watermark, after one poll where there was none; undefined when that poll was not up to date. */
  readonly through: number | undefined;
  /** Rows upstream has. */
  readonly total: number | undefined;
}

export interface WarmRunnerDependencies {
  readonly board: JobBoard<WarmJob>;
  readonly origin: OriginPages;
  readonly sink: WarmSink;
  /** @throws AppError, OriginRefused */
  readonly look: (namespace: string, signal: AbortSignal) => Promise<WarmStart>;
  /** Generation of the lease under which this replica may work on a namespace now; undefined when it may not. */
  readonly generationOf: (namespace: string) => number | undefined;
  readonly clock: Clock;
  /** Resolves after `ms`; rejects with the signal's reason. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly log: Pick<Log, "info" | "warn">;
}

export interface WarmRunner {
  /** Looks for jobs to carry on; about every two seconds. @throws BlobStoreError */
  runOnce(signal?: AbortSignal): Promise<void>;
  /** A job was submitted here: begin at once when the namespace is ours. */
  wake(namespace: string): void;
  /** Whether a job of the namespace runs in this process. */
  isRunning(namespace: string): boolean;
  /** Leaves every job where it is, for the next owner. Resolves when none is worked on any more. */
  stop(): Promise<void>;
}

/** Jobs worked on at once in one process; further ones wait (chosen: two pages each stay well under 1 GiB). */
const JOBS_AT_ONCE = 4;
/** Times upstream is asked for a page whose failure may pass: a user waits no longer for the same. */
const UPSTREAM_TRIES = 6;
/**
 * Times the cache is given a page, over half a minute: a job of a million rows must not end with one late answer, nor with a
 * cache that is started again.
 */
const CACHE_TRIES = 10;
const FIRST_PAUSE_MS = 250;
const PAUSE_MAX_MS = 4_000;
/** Least time between two stores of a cursor: a job of small pages would otherwise write a blob a page. */
const CHECKPOINT_MS = 1_000;
/** A page above this makes the next one half as large. */
const PAGE_BYTES_MAX = 32 * 1024 * 1024;
/** Times a job begins anew because the cache forgot the namespace meanwhile. */
const RESTARTS = 3;

/** The cache has forgotten the namespace since the job began. */
class EpochChanged extends Error {}

export function createWarmRunner(dependencies: WarmRunnerDependencies): WarmRunner {
  const { board, generationOf, log } = dependencies;
  const active = new Map<string, { ended: Promise<void>; abort: AbortController }>();
  const waiting = new Set<string>();
  let stopped = false;

  function begin(namespace: string): void {
    if (stopped || active.has(namespace)) return;
    const generation = generationOf(namespace);
    if (generation === undefined) return;
    if (active.size >= JOBS_AT_ONCE) {
      waiting.add(namespace);
      return;
    }
    waiting.delete(namespace);
    const abort = new AbortController();
    const ended = work(namespace, generation, abort.signal).finally(() => {
      active.delete(namespace);
      const [next] = waiting;
      if (next !== undefined) begin(next);
    });
    active.set(namespace, { ended, abort });
  }

  async function work(namespace: string, generation: number, signal: AbortSignal): Promise<void> {
    try {
      for (const job of await board.list(namespace)) {
        if (job.status !== "running") continue;
        const ended = await createRun(dependencies, namespace, generation, signal).carry(job);
        log.info(
          { namespace, job: job.id, status: ended.status, documents: ended.scanned },
          "warm job ended",
        );
      }
    } catch (err) {
      // Taken over, drained, or the store of jobs is away: whoever owns the namespace next finds the job as it is.
      if (!(err instanceof JobTaken) && !signal.aborted) log.warn({ namespace, err }, "warm job interrupted");
    }
  }

  return {
    async runOnce(signal) {
      for (const [namespace, { abort }] of active) if (generationOf(namespace) === undefined) abort.abort();
      for (const namespace of await board.running(signal)) begin(namespace);
    },
    wake: begin,
    isRunning: (namespace) => active.has(namespace),
    async stop() {
      stopped = true;
      for (const { abort } of active.values()) abort.abort();
      await Promise.all([...active.values()].map(({ ended }) => ended));
    },
  };
}

/** One job under one lease. */
function createRun(
  { board, origin, sink, look, generationOf, clock, pause }: WarmRunnerDependencies,
  namespace: string,
  generation: number,
  signal: AbortSignal,
) {
  const change = (id: string, edit: (job: WarmJob) => WarmJob): Promise<WarmJob> => {
    if (generationOf(namespace) !== generation) throw new JobTaken(`the lease of ${namespace} is lost`);
    return board.change(namespace, id, generation, edit, signal);
  };

  async function carry(found: WarmJob): Promise<WarmJob> {
    try {
      let job = await change(found.id, (current) => current);
      for (let attempt = 0; ; attempt += 1) {
        try {
          return await walk(await prepare(job));
        } catch (error) {
          if (!(error instanceof EpochChanged) || attempt + 1 >= RESTARTS) throw error;
          job = await change(job.id, restarted);
        }
      }
    } catch (error) {
      const why = failureOf(error);
      if (why === undefined || signal.aborted) throw error;
      return change(found.id, (job) => ({
        ...job,
        status: "failed",
        error: why,
        completedAt: Math.floor(clock.now()),
      }));
    }
  }

  /** Learns what the job is measured by, once, and begins anew where the cache has forgotten what was done. */
  async function prepare(job: WarmJob): Promise<WarmJob> {
    const epoch = await patiently(() => sink.epoch(namespace));
    if (job.epoch === epoch) return job;
    const begunAt = Math.floor(clock.now());
    const { through, total } = await patiently(() => look(namespace, signal));
    return change(job.id, (current) => ({
      ...restarted(current),
      epoch,
      begunAt,
      ...(through === undefined ? {} : { through }),
      ...(total === undefined ? {} : { total }),
    }));
  }

  async function walk(start: WarmJob): Promise<WarmJob> {
    let limit = start.pageSize;
    let job = start;
    let storedAt = clock.monotonic();
    const ask = async (after: string | undefined) => {
      const askedAt = clock.monotonic();
      const page = await patiently(() => origin.read(namespace, after, limit, signal));
      if (page.bytes > PAGE_BYTES_MAX) limit = Math.max(1, Math.floor(limit / 2));
      return { page, askedAt };
    };
    let asked = ask(job.cursor);
    let failures = 0;
    for (;;) {
      const { page, askedAt } = await asked;
      signal.throwIfAborted();
      if (page.next !== undefined) {
        asked = ask(page.next);
        // Its failure is met when it is awaited; until then it must not count as unhandled.
        asked.catch(() => undefined);
      }
      try {
        job = await put(job, page, askedAt);
        failures = 0;
      } catch (error) {
        failures += 1;
        if (!(error instanceof CacheUnavailable)) throw error;
        await pauseBefore(failures, error);
        await asked.catch(() => undefined);
        // Rows read before the cache fell silent may be older than what it has lost since: all of them are read again.
        asked = ask(job.cursor);
        continue;
      }
      if (page.next === undefined) break;
      if (clock.monotonic() - storedAt < CHECKPOINT_MS) continue;
      const progress = job;
      job = await change(job.id, (current) => ({ ...current, ...progressFields(progress) }));
      storedAt = clock.monotonic();
    }
    return complete(job);
  }

  async function put(job: WarmJob, page: OriginPage, askedAt: number): Promise<WarmJob> {
    const { uncacheable } = await sink.fill(namespace, job.epoch ?? "", page.rows, askedAt);
    return {
      ...job,
      scanned: job.scanned + page.rows.length,
      uncacheable: job.uncacheable + uncacheable,
      ...(page.next === undefined ? {} : { cursor: page.next }),
    };
  }

  async function complete(job: WarmJob): Promise<WarmJob> {
    const { through, epoch, begunAt = job.createdAt } = job;
    if ((await patiently(() => sink.epoch(namespace))) !== epoch)
      throw new EpochChanged("the cache has forgotten it");
    if (through !== undefined && job.uncacheable === 0 && epoch !== undefined)
      await patiently(() => sink.warmed(namespace, through, epoch, begunAt));
    return change(job.id, (current) => ({
      ...current,
      ...progressFields(job),
      status: "completed",
      completedAt: Math.floor(clock.now()),
    }));
  }

  /** Tries again what may pass: 429, 5xx, a failed connection, a cache that does not answer. */
  async function patiently<T>(call: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await call();
      } catch (error) {
        await pauseBefore(attempt, error);
      }
    }
  }

  /** Waits before something is tried once more that has failed `failures` times. @throws the error when it is not to be */
  async function pauseBefore(failures: number, error: unknown): Promise<void> {
    if (signal.aborted || failures >= triesOf(error)) throw error;
    await pause(Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), PAUSE_MAX_MS), signal);
  }

  return { carry };
}

const progressFields = ({ scanned, uncacheable, cursor }: WarmJob) => ({
  scanned,
  uncacheable,
  ...(cursor === undefined ? {} : { cursor }),
});

function restarted({ cursor: _, epoch: __, through: ___, ...job }: WarmJob): WarmJob {
  return { ...job, scanned: 0, uncacheable: 0 };
}

/** How often something is tried that failed so. */
function triesOf(error: unknown): number {
  if (error instanceof CacheUnavailable) return error.reason === "closed" ? 1 : CACHE_TRIES;
  const status = error instanceof OriginRefused || error instanceof AppError ? error.status : 0;
  return status === 429 || status >= 500 ? UPSTREAM_TRIES : 1;
}

/** Why a job ends as failed, in words for its reader; undefined for what is no fault of the job. */
function failureOf(error: unknown): string | undefined {
  if (error instanceof CacheUnavailable) return `the document cache failed: ${error.message}`;
  if (error instanceof EpochChanged)
    return "the namespace was replaced or written around the gateway again and again while it was warmed";
  if (error instanceof OriginRefused || error instanceof AppError) return error.message;
  return error instanceof JobTaken || error instanceof BlobStoreError ? undefined : "internal error";
}
