/**
 * Serving until told to stop: in one process, or in several that share the port (`LAYER_WORKERS`). With several, the first
 * process serves nothing itself; it owns the engine and starts workers again that die.
 */

import cluster, { type Worker } from "node:cluster";
import path from "node:path";
import { createDepartedSeries } from "./adapters/metrics/departed-series.js";
import { createPrometheusMetrics } from "./adapters/metrics/prometheus.js";
import type { EngineProcess } from "./adapters/upstream/engine-process.js";
import { systemClock } from "./clock.js";
import { compose, type Gateway, startEngine } from "./compose.js";
import type { Config } from "./config.js";
import { StartError } from "./errors.js";
import { listen } from "./http/server.js";
import { createLog, type Log } from "./log.js";
import { LOCAL_KEY, limits, PORT_DEFAULT } from "./settings.js";
import { adapterOf, type StoresConfig } from "./store-config.js";
import { systemTimers } from "./timers.js";
import { readVersion } from "./version.js";
import { type Channel, linkToPrimary, type WorkerLink } from "./workers/worker-link.js";
import { createWorkerPool, type WorkerPool, type WorkerProcess } from "./workers/worker-pool.js";

export interface ServeSurroundings {
  readonly print: (text: string) => void;
  /** Resolves when the process has been told to stop. */
  readonly stopped: Promise<unknown>;
}

/** Resolves once everything has ended in order. @throws StartError */
export async function serve(config: Config, surroundings: ServeSurroundings): Promise<void> {
  if (cluster.isWorker) return serveAsWorker(config, surroundings);
  return config.workers > 1 ? serveByWorkers(config, surroundings) : serveAlone(config, surroundings);
}

async function serveAlone(config: Config, { print, stopped }: ServeSurroundings): Promise<void> {
  const log = createLog(config.logLevel);
  const gateway = await compose(config, { log });
  await run(config, gateway, log, stopped, (url) => {
    print(banner(config, url, gateway.storeLocation, gateway.engineUrl));
    logStores(log, config.stores);
    logReplica(log, gateway.replica);
  });
}

/** Listens, says so, and ends in order once `stopped` resolves. */
async function run(
  config: Config,
  gateway: Gateway,
  log: Log,
  stopped: Promise<unknown>,
  onListening: (url: string) => void,
): Promise<void> {
  try {
    const server = await listen(gateway.served, { ...limits, host: config.host, port: config.port });
    onListening(server.url);
    await stopped;
    log.info({ timeout_ms: limits.drainTimeoutMs }, "draining");
    const cutOff = await server.close(limits.drainTimeoutMs);
    if (cutOff > 0) log.warn({ requests: cutOff }, "requests were cut off");
    log.info("stopped");
  } finally {
    await gateway.close();
  }
}

async function serveByWorkers(config: Config, { print, stopped }: ServeSurroundings): Promise<void> {
  const log = createLog(config.logLevel);
  let pool: WorkerPool | undefined;
  const { upstream } = config;
  const engine =
    upstream.kind === "embedded"
      ? await startEngine(upstream, log, (url) => pool?.engineMoved(url))
      : undefined;
  try {
    pool = openPool(config, log, engine);
    // Whoever changes their mind at once is not kept until all of them are up.
    const url = await Promise.race([pool.start(), stopped.then(() => undefined)]);
    if (url !== undefined) {
      print(banner(config, url, locationOf(upstream), engine?.url()));
      logStores(log, config.stores);
      log.info({ workers: config.workers }, "workers serve");
      await stopped;
    }
    log.info({ workers: config.workers }, "workers are told to leave");
    const killed = await pool.stop(limits.drainTimeoutMs + limits.workerLeaveTimeoutMs);
    if (killed > 0) log.warn({ workers: killed }, "workers did not leave in time and were ended");
  } finally {
    await engine?.close();
  }
}

function locationOf(upstream: Config["upstream"]): string {
  return upstream.kind === "embedded" ? path.join(upstream.dataDir, "engine") : upstream.url;
}

function openPool(config: Config, log: Log, engine: EngineProcess | undefined): WorkerPool {
  // What the workers measure of their processes stands for all of them.
  const metrics = createPrometheusMetrics(systemClock, { process: false });
  const pool = createWorkerPool(
    {
      fork: forkWorker,
      engineUrl: () => engine?.url(),
      ownSeries: metrics.collect,
      departed: createDepartedSeries(),
      clock: systemClock,
      timers: systemTimers,
      log,
      onRestart: () => metrics.add("layer_worker_restarts_total", {}),
    },
    { count: config.workers },
  );
  metrics.watch("layer_workers", () =>
    Object.entries(pool.counts()).map(([state, value]) => ({ labels: { state }, value })),
  );
  return pool;
}

function forkWorker(): WorkerProcess {
  const worker: Worker = cluster.fork();
  // A send to a worker that is going away fails, and its end is told by its exit.
  worker.on("error", () => undefined);
  return {
    pid: worker.process.pid,
    send: (message) => {
      if (worker.isConnected()) worker.send(message, () => undefined);
    },
    kill: () => void worker.process.kill("SIGKILL"),
    onMessage: (listener) => void worker.on("message", listener),
    onExit: (listener) => void worker.once("exit", listener),
  };
}

/** Its part of the budget for bodies is its share of the whole. */
async function serveAsWorker(config: Config, { stopped }: ServeSurroundings): Promise<void> {
  let link: WorkerLink | undefined;
  const metrics = createPrometheusMetrics(systemClock, {
    collectOthers: async () => (await link?.collectOthers()) ?? [],
  });
  link = linkToPrimary(channelToPrimary(), systemTimers, metrics.collect);
  const { worker, of } = await link.begun;
  const log = createLog(config.logLevel).child({ worker });
  const toldToStop = Promise.race([stopped, link.stopped]);
  try {
    const gateway = await compose(
      { ...config, bodyBudgetBytes: Math.floor(config.bodyBudgetBytes / of) },
      { log, metrics, worker: { id: worker, of }, ...engineOf(link) },
    );
    await run(config, gateway, log, toldToStop, link.ready);
  } catch (error) {
    // The process above says it, once for all workers.
    if (!(error instanceof StartError)) throw error;
    link.failed(error.message);
  }
}

function channelToPrimary(): Channel {
  return {
    send: (message) => void process.send?.(message),
    onMessage: (listener) => void process.on("message", listener),
  };
}

/** The engine is the process' above; a worker only needs to know where it is. */
function engineOf(link: WorkerLink): { engine?: EngineProcess } {
  if (link.engineUrl() === undefined) return {};
  return { engine: { url: () => link.engineUrl() ?? "", close: async () => undefined } };
}

function logStores(log: Log, stores: StoresConfig): void {
  log.info(
    {
      document_cache: adapterOf(stores.documentCache),
      blob_store: adapterOf(stores.blobStore),
      queue_store: adapterOf(stores.queueStore),
    },
    "stores in use",
  );
}

function logReplica(log: Log, { id, state }: Gateway["replica"]): void {
  if (state().kind === "shared") log.info({ replica: id }, "other replicas are met in the blob store");
  else
    log.warn(
      { replica: id },
      "no blob store: this gateway takes itself for the only replica in front of its upstream; before another one writes, set S3_BUCKET, or one LAYER_DATA_DIR for gateways of one host",
    );
}

/** The demo looks where a gateway listens that was told nothing. */
function demoOf(url: string): string {
  return new URL(url).port === String(PORT_DEFAULT)
    ? "npm run demo"
    : `LAYER_GATEWAY_URL=${url} npm run demo`;
}

function banner(config: Config, url: string, storeLocation: string, engineUrl: string | undefined): string {
  const rows = [
    ["page", url],
    ["key", config.usesLocalKey ? LOCAL_KEY : "the value of TURBOPUFFER_API_KEY"],
    ["data", storeLocation],
    ...(engineUrl === undefined ? [] : [["engine", `${engineUrl}  (Turbopuffer's own wire, same key)`]]),
    ...(config.workers === 1 ? [] : [["workers", String(config.workers)]]),
    ["try", demoOf(url)],
  ];
  const lines = rows.map(([name = "", value = ""]) => `  ${name.padEnd(8)}${value}`);
  return [`Layer ${readVersion()} is serving`, "", ...lines, ""].join("\n");
}
