/**
 * The worker processes of a gateway, as the process above them sees them: begun together, started again when they die, asked
 * for what they measured, stopped in order.
 *
 * A place is `starting` (a process runs and does not listen yet), `serving`, or `waiting` (it died, and is begun again after a
 * pause that doubles up to a limit and falls back once a process has run for a while). Nothing is given up while the gateway
 * runs: the other places go on serving. A process that serves is asked for signs of life, and ended when it gives none:
 * connections would be handed to it for ever.
 */

import type { DepartedSeries } from "../adapters/metrics/departed-series.js";
import type { Series } from "../adapters/metrics/series.js";
import type { Clock } from "../clock.js";
import { StartError } from "../errors.js";
import type { Log } from "../log.js";
import { type Timers, within } from "../timers.js";
import { type FromWorker, isMessage, type ToWorker } from "./messages.js";

/** A process that was forked. */
export interface WorkerProcess {
  readonly pid: number | undefined;
  /** Does nothing when it is gone. */
  send(message: ToWorker): void;
  /** Ends it without asking. */
  kill(): void;
  onMessage(listener: (message: unknown) => void): void;
  /** Called once, when the process is gone. */
  onExit(listener: (code: number | null, signal: string | null) => void): void;
}

export interface WorkerPool {
  /**
   * Begins every worker, the first one alone, so that what keeps all from starting is found once.
   * @returns where they listen
   * @throws StartError with the worker's own words
   */
  start(): Promise<string>;
  /** The engine listens somewhere else now. */
  engineMoved(url: string): void;
  /** Tells all to drain and leave. @returns how many had to be ended by force after `timeoutMs` */
  stop(timeoutMs: number): Promise<number>;
  /** How many are in which state. */
  counts(): { readonly serving: number; readonly down: number };
}

export interface WorkerPoolDependencies {
  readonly fork: () => WorkerProcess;
  readonly engineUrl: () => string | undefined;
  /** The series of the process above the workers. */
  readonly ownSeries: () => Promise<Series>;
  readonly departed: DepartedSeries;
  readonly clock: Pick<Clock, "monotonic">;
  readonly timers: Timers;
  readonly log: Pick<Log, "info" | "warn" | "error">;
  /** Told of every worker that is started again. */
  readonly onRestart: () => void;
}

export interface WorkerPoolOptions {
  readonly count: number;
  /** First pause before a worker is started again, ms, doubling to the maximum. Default 100. */
  readonly restartDelayMs?: number;
  /** Default 10,000. */
  readonly restartDelayMaxMs?: number;
  /** After as long the next pause is the first again, ms. Default 30,000. */
  readonly healthyRunMs?: number;
  /** How long a start may take, ms. Default 60,000. */
  readonly startTimeoutMs?: number;
  /** From one ping to the next, ms. Default 10,000. */
  readonly pingIntervalMs?: number;
  /** How long the others may take to give their series, ms. Default 2,000. */
  readonly collectTimeoutMs?: number;
}

/** So many pings in a row without a sign of life, and a worker is taken for hung. Counted, since this process may have slept too. */
const PINGS_MAX = 6;

interface Place {
  readonly worker: number;
  process: WorkerProcess | undefined;
  isServing: boolean;
  delayMs: number;
  /** Pings since the last sign of life. */
  unanswered: number;
}

type Ready = { readonly url: string } | { readonly failed: string };

export function createWorkerPool(
  dependencies: WorkerPoolDependencies,
  options: WorkerPoolOptions,
): WorkerPool {
  const { fork, engineUrl, ownSeries, departed, clock, timers, log, onRestart } = dependencies;
  const { count, restartDelayMs = 100, restartDelayMaxMs = 10_000, healthyRunMs = 30_000 } = options;
  const { startTimeoutMs = 60_000, pingIntervalMs = 10_000, collectTimeoutMs = 2_000 } = options;
  const places = Array.from(
    { length: count },
    (_, index): Place => ({
      worker: index + 1,
      process: undefined,
      isServing: false,
      delayMs: restartDelayMs,
      unanswered: 0,
    }),
  );
  const collections = createCollections(timers, collectTimeoutMs);
  /** Until then a worker that dies has kept the gateway from starting. */
  let isStarted = false;
  let isStopping = false;
  let onEmpty: (() => void) | undefined;

  /** Resolves when the process listens, or says or shows that it will not. */
  function begin(place: Place): Promise<Ready> {
    const process = fork();
    const startedAt = clock.monotonic();
    place.process = process;
    return new Promise((resolve) => {
      const cancel = timers.after(startTimeoutMs, () => {
        resolve({ failed: `worker ${place.worker} did not listen within ${startTimeoutMs} ms` });
        process.kill();
      });
      process.onMessage((message) => {
        if (!isMessage<FromWorker>(message)) return;
        place.unanswered = 0;
        if (message.type === "hello") greet(place);
        else if (message.type === "ready") {
          cancel();
          place.isServing = true;
          watch(place, process);
          resolve({ url: message.url });
        } else if (message.type === "failed") resolve({ failed: message.message });
        else hear(place, message);
      });
      process.onExit((code, signal) => {
        cancel();
        resolve({ failed: `worker ${place.worker} ended while starting (${signal ?? `exit code ${code}`})` });
        lose(place, { code, signal, ranMs: clock.monotonic() - startedAt });
      });
    });
  }

  function greet({ worker, process }: Place): void {
    const url = engineUrl();
    process?.send({ type: "begin", worker, of: count, ...(url === undefined ? {} : { engineUrl: url }) });
    if (isStopping) process?.send({ type: "stop" });
  }

  /** Ends a process that is there and answers nothing. */
  function watch(place: Place, process: WorkerProcess): void {
    timers.after(pingIntervalMs, () => {
      if (place.process !== process || isStopping) return;
      if (place.unanswered >= PINGS_MAX) {
        log.error({ worker: place.worker, pid: process.pid }, "a worker gives no sign of life and is ended");
        process.kill();
        return;
      }
      place.unanswered += 1;
      process.send({ type: "ping" });
      watch(place, process);
    });
  }

  function lose(place: Place, end: { code: number | null; signal: string | null; ranMs: number }): void {
    place.process = undefined;
    place.isServing = false;
    void departed.left(place.worker);
    if (places.every(({ process }) => process === undefined)) onEmpty?.();
    if (isStopping || !isStarted) return;
    if (end.ranMs >= healthyRunMs) place.delayMs = restartDelayMs;
    const { worker, delayMs } = place;
    const { code, signal } = end;
    log.warn({ worker, code, signal, restart_in_ms: delayMs }, "a worker died and is started again");
    place.delayMs = Math.min(delayMs * 2, restartDelayMaxMs);
    timers.after(delayMs, () => void restart(place));
  }

  async function restart(place: Place): Promise<void> {
    if (isStopping) return;
    onRestart();
    const ready = await begin(place);
    if (isStopping) return;
    if ("failed" in ready) log.error({ worker: place.worker, detail: ready.failed }, "a worker cannot start");
    else log.info({ worker: place.worker }, "a worker serves again");
  }

  function hear({ worker, process }: Place, message: FromWorker): void {
    if (message.type === "series") {
      departed.seen(worker, message.series);
      collections.answered(message.id, worker, message.series);
    } else if (message.type === "scrape") {
      departed.seen(worker, message.series);
      void collectFor(worker).then(
        (recordings) => process?.send({ type: "others", id: message.id, recordings }),
        () => process?.send({ type: "others", id: message.id }),
      );
    }
  }

  /** Everything that the asking worker does not have itself. @throws Error when one does not answer in time */
  async function collectFor(asking: number): Promise<readonly Series[]> {
    const others = places.filter(({ worker, isServing }) => isServing && worker !== asking);
    const workers = others.map(({ worker }) => worker);
    const ask = (id: number) => {
      for (const { process } of others) process?.send({ type: "collect", id });
    };
    const [own, theirs] = await Promise.all([ownSeries(), collections.begin(workers, ask)]);
    return [own, departed.series(), ...theirs];
  }

  async function start(): Promise<string> {
    const [first, ...rest] = places;
    if (first === undefined) throw new RangeError("a pool holds at least one worker");
    const readies = [await begin(first)];
    if (!("failed" in (readies[0] as Ready))) readies.push(...(await Promise.all(rest.map(begin))));
    const failure = readies.find((ready) => "failed" in ready);
    if (failure !== undefined && "failed" in failure) {
      await stop(0);
      throw new StartError(failure.failed);
    }
    isStarted = true;
    // One that died between its start and that of the last is begun again like any other.
    for (const place of places) if (place.process === undefined) void restart(place);
    return (readies[0] as { url: string }).url;
  }

  async function stop(timeoutMs: number): Promise<number> {
    isStopping = true;
    const running = () => places.filter(({ process }) => process !== undefined);
    if (running().length === 0) return 0;
    const empty = new Promise<void>((resolve) => {
      onEmpty = resolve;
    });
    for (const { process } of running()) process?.send({ type: "stop" });
    await within(timers, timeoutMs, empty);
    const left = running();
    for (const { process } of left) process?.kill();
    if (left.length > 0) await empty;
    return left.length;
  }

  return {
    start,
    stop,
    engineMoved(url) {
      for (const { process } of places) process?.send({ type: "engine", url });
    },
    counts() {
      const serving = places.filter(({ isServing }) => isServing).length;
      return { serving, down: count - serving };
    },
  };
}

interface Collections {
  /** Resolves with the series of all `workers`. @throws Error when one takes too long */
  begin(workers: readonly number[], ask: (id: number) => void): Promise<readonly Series[]>;
  answered(id: number, worker: number, series: Series): void;
}

function createCollections(timers: Timers, timeoutMs: number): Collections {
  const pending = new Map<number, (worker: number, series: Series) => void>();
  let lastId = 0;
  return {
    async begin(workers, ask) {
      const id = ++lastId;
      const missing = new Set(workers);
      const recordings: Series[] = [];
      if (missing.size === 0) return recordings;
      const complete = new Promise<true>((resolve) => {
        pending.set(id, (worker, series) => {
          if (missing.delete(worker)) recordings.push(series);
          if (missing.size === 0) resolve(true);
        });
      });
      ask(id);
      const isComplete = await within(timers, timeoutMs, complete).finally(() => pending.delete(id));
      if (isComplete === undefined)
        throw new Error(`workers ${[...missing].join(", ")} did not give their series`);
      return recordings;
    },
    answered: (id, worker, series) => pending.get(id)?.(worker, series),
  };
}
