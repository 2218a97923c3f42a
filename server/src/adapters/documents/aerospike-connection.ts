/**
 * The connection to an Aerospike cluster: made at the start or later, watched by a breaker, counted by generation. Whether a
 * cluster that is back still has what it had is told by its instance (`aerospike-instance.ts`).
 */

import type { Clock } from "../../clock.js";
import type { Log } from "../../log.js";
import {
  CACHE_BUDGET_MS,
  type CacheEvent,
  type CacheHealth,
  CacheUnavailable,
} from "../../ports/document-cache.js";
import type { AerospikeClient, AerospikeKey, AerospikeModule } from "./aerospike-client.js";
import { codeOf, meaningOf } from "./aerospike-failure.js";
import { AerospikeInstance, readReport } from "./aerospike-instance.js";
import { CallGate } from "./call-gate.js";

export interface AerospikeConnectionOptions {
  /** `host:port,…` as the client takes them. */
  readonly hosts: string;
  readonly namespace: string;
  readonly clusterName?: string;
  readonly user?: string;
  /** Never logged. */
  readonly password?: string;
  /** The client's `tls` section: `{enable: true, cafile, …}`. */
  readonly tls?: Readonly<Record<string, unknown>>;
  readonly clock: Clock;
  readonly log: Pick<Log, "warn" | "info">;
  /** Time for a call on at most 1,000 records, in ms. Default `CACHE_BUDGET_MS`. */
  readonly budgetMs?: number;
  /** From a failure to the next try, in ms. Default 2,000. */
  readonly pauseMs?: number;
  /** From one look at the servers to the next, in ms. Default 2,000. */
  readonly watchMs?: number;
  /** Lets the process end when this closes; false where other clients live in it. Default true. */
  readonly releaseEventLoop?: boolean;
}

/** Connections to one node, and commands in flight: beyond them the client fails at once. */
const CONNECTIONS = 100;
const WAITERS_MAX = 12_000;
const CONNECT_TIMEOUT_MS = 5_000;
const PROBE_BUDGET_MS = 1_000;
/** A call that took this share of its time was held up by this process itself. */
const STALL_SHARE = 1.25;

export class AerospikeConnection {
  readonly #aerospike: AerospikeModule;
  readonly #options: AerospikeConnectionOptions;
  readonly #instance: AerospikeInstance;
  readonly #gate: CallGate;
  readonly #listeners = new Set<(event: CacheEvent) => void>();
  #client: AerospikeClient | undefined;
  #connection = 0;
  #since: number;
  #evicted: number | undefined;
  #watch: NodeJS.Timeout | undefined;
  #isLooking = false;
  #isClosed = false;

  /** @param instanceSet holds the record of the cluster's instance */
  constructor(aerospike: AerospikeModule, options: AerospikeConnectionOptions, instanceSet: string) {
    this.#aerospike = aerospike;
    this.#options = options;
    const key = new aerospike.Key(options.namespace, instanceSet, "instance");
    this.#instance = new AerospikeInstance(aerospike, key, options.clock);
    this.#since = options.clock.now();
    this.#gate = new CallGate({
      concurrency: CONNECTIONS,
      waitersMax: WAITERS_MAX,
      pauseMs: options.pauseMs ?? 2_000,
      probe: () => this.#probe(),
      onOpen: (reason) => {
        this.#since = options.clock.now();
        options.log.warn({ reason }, "document cache is lost; reads go upstream until it is back");
        this.#emit({ kind: "lost", reason });
      },
      onClose: () => undefined,
    });
  }

  /** Connects once; on failure the breaker goes on trying. Never rejects. */
  async start(): Promise<void> {
    try {
      this.#aerospike.setupGlobalCommandQueue({
        maxCommandsInProcess: CONNECTIONS,
        maxCommandsInQueue: WAITERS_MAX,
        queueInitialCapacity: CONNECTIONS,
      });
    } catch (error) {
      // Another client of this process set it up before; ours keeps its own bound.
      this.#options.log.info({ err: error }, "the Aerospike command queue was set up before");
    }
    try {
      await this.#probe();
    } catch (error) {
      this.#gate.open(describe(error));
    }
    this.#watch = setInterval(() => void this.#look(), this.#options.watchMs ?? 2_000);
    this.#watch.unref();
  }

  /**
   * Runs a command within its budget.
   * @throws CacheUnavailable with the client's error as its cause
   */
  async call<T>(
    operation: string,
    budgetMs: number,
    run: (client: AerospikeClient, policy: object) => Promise<T>,
  ): Promise<T> {
    const started = performance.now();
    let givenMs = 0;
    try {
      return await this.#gate.run(budgetMs, async (leftMs) => {
        givenMs = leftMs;
        const client = this.#client;
        if (client === undefined) throw new CacheUnavailable("down", "document cache is not connected");
        return run(client, policyFor(leftMs));
      });
    } catch (error) {
      // A call that came late to its turn says nothing about the server, nor does one that ended long after its time: then
      // this process did not get to look.
      const endedMs = performance.now() - started;
      const usualMs = this.#options.budgetMs ?? CACHE_BUDGET_MS;
      const isTelling = givenMs >= usualMs / 2 && endedMs <= budgetMs * STALL_SHARE;
      throw this.#translated(operation, error, isTelling);
    }
  }

  /** The key of the record that names the cluster's instance. */
  get instanceKey(): AerospikeKey {
    return this.#instance.key;
  }

  /** The cluster's instance as this process last saw it, asked for where that was never. @throws CacheUnavailable */
  async instance(): Promise<string> {
    if (this.#instance.name === undefined) await this.settleInstance();
    return this.#instance.name ?? "";
  }

  /** Reads the cluster's instance, and gives it one where it has none. @throws CacheUnavailable */
  async settleInstance(): Promise<void> {
    await this.call("instance", PROBE_BUDGET_MS, (client) => this.#settle(client));
  }

  health(): CacheHealth {
    const reason = this.#gate.openReason;
    return {
      state: reason === undefined ? "up" : "down",
      since: this.#since,
      connection: this.#connection,
      ...(reason === undefined ? {} : { reason }),
    };
  }

  onEvent(listener: (event: CacheEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#gate.close();
    clearInterval(this.#watch);
    this.#client?.close(false);
    if (this.#options.releaseEventLoop ?? true) this.#aerospike.releaseEventLoop();
  }

  #translated(operation: string, error: unknown, isTelling: boolean): CacheUnavailable {
    if (error instanceof CacheUnavailable) {
      if (error.reason === "timeout" && isTelling) this.#gate.open("no answer in time");
      return error;
    }
    const meaning = meaningOf(error);
    if (meaning === "lost" || (meaning === "timeout" && isTelling)) this.#gate.open(describe(error));
    const reason = meaning === "timeout" || meaning === "busy" ? meaning : "failed";
    return new CacheUnavailable(reason, `document cache ${operation}: ${describe(error)}`, { cause: error });
  }

  /** Connects if need be and settles the instance; a success is a connection of a new generation. */
  async #probe(): Promise<void> {
    this.#client ??= await this.#connect();
    const emptied = await within(PROBE_BUDGET_MS, this.#settle(this.#client));
    if (this.#isClosed) return;
    if (this.#connection === 0 && this.#gate.openReason === undefined) this.#begin();
    else this.#restored(emptied);
  }

  #begin(): void {
    this.#connection += 1;
    this.#since = this.#options.clock.now();
  }

  #restored(emptied: boolean): void {
    this.#begin();
    this.#options.log.info({ connection: this.#connection, emptied }, "document cache is back");
    this.#emit({ kind: "restored", connection: this.#connection, emptied });
  }

  /** Asks the servers how they are. True when the cluster has another instance than it had. */
  async #settle(client: AerospikeClient): Promise<boolean> {
    const { namespace } = this.#options;
    const report = await readReport(client, namespace, { timeout: PROBE_BUDGET_MS }).catch(
      (error: unknown) => {
        // Without a right to ask, there is still a cache.
        if (meaningOf(error) === "refused")
          return { uptimes: new Map<string, number>(), evicted: 0, isDurable: false };
        throw error;
      },
    );
    if (this.#evicted !== undefined && report.evicted > this.#evicted)
      this.#emit({ kind: "dropped", cause: "evicted" });
    this.#evicted = report.evicted;
    return this.#instance.settle(client, report, policyFor(CACHE_BUDGET_MS));
  }

  /** Finds out what no call would: a server that was gone while nobody called, and records that were evicted. */
  async #look(): Promise<void> {
    if (this.#client === undefined || this.#gate.openReason !== undefined || this.#isLooking) return;
    this.#isLooking = true;
    try {
      const emptied = await within(PROBE_BUDGET_MS, this.#settle(this.#client));
      if (emptied && !this.#isClosed) this.#restored(true);
    } catch (error) {
      this.#translated("watch", error, true);
    } finally {
      this.#isLooking = false;
    }
  }

  async #connect(): Promise<AerospikeClient> {
    const { hosts, clusterName, user, password, tls } = this.#options;
    const client = this.#aerospike.client({
      hosts,
      maxConnsPerNode: CONNECTIONS,
      connTimeoutMs: 1_000,
      log: { level: this.#aerospike.log.OFF },
      ...(clusterName === undefined ? {} : { clusterName }),
      ...(user === undefined ? {} : { user, password: password ?? "" }),
      ...(tls === undefined ? {} : { tls }),
    });
    try {
      await within(CONNECT_TIMEOUT_MS, client.connect());
      return client;
    } catch (error) {
      client.close(false);
      throw error;
    }
  }

  #emit(event: CacheEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

function policyFor(leftMs: number): object {
  const timeout = Math.max(1, Math.floor(leftMs));
  // A retried write could land twice; the budget is too short for a second try anyway.
  return { totalTimeout: timeout, socketTimeout: timeout, maxRetries: 0 };
}

/** Code and kind of an error of the client's, without its text, which may name hosts. */
function describe(error: unknown): string {
  const code = codeOf(error);
  if (code !== undefined) return `code ${code} (${meaningOf(error)})`;
  return error instanceof CacheUnavailable ? error.message : "no answer";
}

async function within<T>(ms: number, call: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new CacheUnavailable("timeout", `no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([late, call]);
  } finally {
    clearTimeout(timer);
  }
}
