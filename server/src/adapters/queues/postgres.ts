/**
 * The queue store shared by any number of replicas, on PostgreSQL. A claim takes rows with `FOR UPDATE SKIP LOCKED`, so that
 * workers never wait for each other; every call is one transaction that first pins its queue against a purge.
 *
 * Two pools keep a flood of claims from starving status and administration. Every wait is bounded: for a connection, for a
 * lock, for a statement, and inside a transaction.
 */

import { setTimeout as pause } from "node:timers/promises";
import type { Pool, PoolClient, PoolConfig } from "pg";
import type { Log } from "../../log.js";
import type { Metrics } from "../../metrics.js";
import {
  type ClaimRequest,
  checkClaim,
  checkItemIds,
  checkMove,
  checkQueueName,
  checkStage,
  checkWorker,
  type MoveRequest,
  type QueueCounts,
  type QueueDefinition,
  type QueueItem,
  type QueueStore,
  QueueStoreError,
} from "../../ports/queue-store.js";
import { loadOptionalPackage } from "../optional-package.js";
import { isRetryable, toQueueStoreError } from "./postgres-failure.js";
import { migrate } from "./postgres-schema.js";
import * as sql from "./postgres-statements.js";

const SETTINGS_BYTES_MAX = 64 * 1024;
/** Leases ended, or rows of a purged queue removed, in one transaction. */
const BATCH = 5_000;
/** Calls that may wait for a connection; further ones are refused at once. */
const WAITERS_MAX = 1_000;
/** Times a transaction is run again after losing a deadlock. */
const TRIES = 5;

export interface PostgresQueueStoreOptions {
  /** `postgres://user:password@host:port/database`. Never logged. */
  readonly url: string;
  /** Connections for enqueue, claim, heartbeat, move and get. Default 8. */
  readonly dataConnections?: number;
  /** Connections for everything else. Default 2. */
  readonly controlConnections?: number;
  /** Default 5,000. */
  readonly idleInTransactionTimeoutMs?: number;
  /** One statement, and one wait for a lock. Default 10,000. */
  readonly statementTimeoutMs?: number;
  /** A connection, the wait for a free one included. Default 3,000. */
  readonly connectTimeoutMs?: number;
  readonly log: Pick<Log, "warn">;
  /** Where the connections of the pools are counted. */
  readonly metrics?: Metrics;
  /** Loads the client; the tests give their own. */
  readonly load?: () => Promise<typeof import("pg")>;
}

/**
 * Connects and brings the tables up to date.
 * @throws PackageMissing when `pg` is not installed; QueueStoreError saying what is wrong with the database
 */
export async function openPostgresQueueStore(options: PostgresQueueStoreOptions): Promise<QueueStore> {
  const loaded = await loadOptionalPackage({
    name: "pg",
    versions: "8",
    neededBy: "DATABASE_URL",
    load: options.load ?? (() => import("pg")),
  });
  // A CommonJS package: the classes hang on its default export.
  const { Pool } = loaded.default ?? loaded;
  const statementTimeoutMs = options.statementTimeoutMs ?? 10_000;
  const config: PoolConfig = {
    connectionString: options.url,
    application_name: "hevlayer-gateway",
    connectionTimeoutMillis: options.connectTimeoutMs ?? 3_000,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    statement_timeout: statementTimeoutMs,
    lock_timeout: statementTimeoutMs,
    // The server ends a statement itself; this is for a server that no longer can.
    query_timeout: statementTimeoutMs + 1_000,
    idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs ?? 5_000,
  };
  const data = new Pool({ ...config, max: options.dataConnections ?? 8 });
  const control = new Pool({ ...config, max: options.controlConnections ?? 2 });
  // A connection that breaks is replaced by the pool, and the call on it rejects; without listeners it would also end the
  // process, and the pool listens only while a connection is idle.
  for (const pool of [data, control]) {
    pool.on("error", (error) =>
      options.log.warn({ err: error }, "an idle connection to PostgreSQL was lost"),
    );
    pool.on("connect", (client) => client.on("error", () => undefined));
  }
  options.metrics?.watch("layer_pg_pool_connections", () => [
    ...connectionsOf("data", data),
    ...connectionsOf("control", control),
  ]);
  const store = new PostgresQueueStore(data, control, options.log);
  try {
    await store.migrate();
  } catch (error) {
    await store.close();
    throw error;
  }
  store.sweepDropped();
  return store;
}

function connectionsOf(pool: string, { totalCount, idleCount, waitingCount }: Pool) {
  const count = (state: string, value: number) => ({ labels: { pool, state }, value });
  return [count("idle", idleCount), count("busy", totalCount - idleCount), count("waiting", waitingCount)];
}

class PostgresQueueStore implements QueueStore {
  readonly #data: Pool;
  readonly #control: Pool;
  readonly #log: Pick<Log, "warn">;
  #sweeping: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(data: Pool, control: Pool, log: Pick<Log, "warn">) {
    this.#data = data;
    this.#control = control;
    this.#log = log;
  }

  migrate(): Promise<void> {
    return this.#connected(this.#control, "migrate", migrate);
  }

  async create(name: string, settings: Uint8Array): Promise<"created" | "exists"> {
    checkQueueName(name);
    if (settings.byteLength > SETTINGS_BYTES_MAX)
      throw new RangeError(`settings of queue ${name} exceed ${SETTINGS_BYTES_MAX} bytes`);
    return this.#connected(this.#control, `create ${name}`, async (client) => {
      const { rowCount } = await client.query(sql.createQueue, [name, Buffer.from(settings)]);
      return rowCount === 1 ? "created" : "exists";
    });
  }

  async describe(name: string): Promise<QueueDefinition | undefined> {
    checkQueueName(name);
    return this.#connected(this.#control, `describe ${name}`, async (client) => {
      const { rows } = await client.query<QueueDefinition>(sql.describeQueue, [name]);
      return rows[0];
    });
  }

  async list(): Promise<readonly QueueDefinition[]> {
    return this.#connected(this.#control, "list", async (client) => {
      const { rows } = await client.query<QueueDefinition>(sql.listQueues);
      return rows;
    });
  }

  async purge(name: string): Promise<boolean> {
    checkQueueName(name);
    const purged = await this.#connected(this.#control, `purge ${name}`, async (client) => {
      const { rowCount } = await client.query(sql.dropQueue, [name]);
      return rowCount === 1;
    });
    if (purged) this.sweepDropped();
    return purged;
  }

  async enqueue(queue: string, ids: readonly string[], stage: string): Promise<readonly number[]> {
    checkItemIds(ids);
    checkStage(stage);
    return this.#changing(this.#data, "enqueue", queue, async (client, incarnation) => {
      const { rows } = await client.query<{ id: string; place: string }>(sql.enqueue, [
        incarnation,
        ids,
        stage,
      ]);
      const places = new Map(rows.map((row) => [row.id, Number(row.place)]));
      return ids.map((id) => places.get(id) ?? 0);
    });
  }

  async claim(queue: string, request: ClaimRequest): Promise<readonly QueueItem[]> {
    checkClaim(request);
    const { stage, claimStage, worker, leaseMs, limit } = request;
    const pattern = sql.startingWith(request.idPrefix ?? "");
    return this.#changing(this.#data, "claim", queue, async (client, incarnation) => {
      const { rows } = await client.query<sql.ItemRow>(sql.claim, [
        incarnation,
        stage,
        limit,
        claimStage,
        worker,
        leaseMs,
        pattern,
      ]);
      return rows.toSorted((a, b) => Number(a.place) - Number(b.place)).map(exposed);
    });
  }

  async heartbeat(
    queue: string,
    request: { worker: string; stage: string; ids: readonly string[] },
  ): Promise<number> {
    checkWorker(request.worker);
    checkStage(request.stage);
    checkItemIds(request.ids);
    return this.#changing(this.#data, "heartbeat", queue, async (client, incarnation) => {
      await client.query(sql.lockItems, [incarnation, request.ids]);
      const values = [incarnation, request.ids, request.worker, request.stage];
      return (await client.query(sql.heartbeat, values)).rowCount ?? 0;
    });
  }

  async move(queue: string, request: MoveRequest): Promise<readonly string[]> {
    checkMove(request);
    const { ids, to, from = null, worker = null, revision = null, reason = null } = request;
    return this.#changing(this.#data, "move", queue, async (client, incarnation) => {
      if (!request.createMissing) await client.query(sql.lockItems, [incarnation, ids]);
      const { rows } = request.createMissing
        ? await client.query<{ id: string }>(sql.moveOrCreate, [incarnation, ids, to, reason])
        : await client.query<{ id: string }>(sql.move, [
            incarnation,
            ids,
            to,
            reason,
            from,
            worker,
            revision,
          ]);
      const moved = new Set(rows.map((row) => row.id));
      return ids.filter((id) => moved.has(id));
    });
  }

  async get(queue: string, ids: readonly string[]): Promise<readonly (QueueItem | undefined)[]> {
    for (const id of ids) checkItemIds([id]);
    return this.#changing(this.#data, "get", queue, async (client, incarnation) => {
      const { rows } = await client.query<sql.ItemRow>(sql.getItems, [incarnation, ids]);
      const items = new Map(rows.map((row) => [row.id, exposed(row)]));
      return ids.map((id) => items.get(id));
    });
  }

  async counts(queue: string): Promise<QueueCounts> {
    return this.#changing(this.#control, "counts", queue, async (client, incarnation) => {
      const { rows } = await client.query<{
        stage: string;
        reason: string | null;
        count: string;
        leased: string;
      }>(sql.countItems, [incarnation]);
      const stages: Record<string, number> = {};
      const reasons: Record<string, Record<string, number>> = {};
      let leased = 0;
      for (const row of rows) {
        stages[row.stage] = (stages[row.stage] ?? 0) + Number(row.count);
        leased += Number(row.leased);
        if (row.reason !== null)
          reasons[row.stage] = { ...reasons[row.stage], [row.reason]: Number(row.count) };
      }
      return { stages, leased, reasons };
    });
  }

  async ping(): Promise<void> {
    await this.#connected(this.#control, "ping", (client) => client.query("select 1"));
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await this.#sweeping;
      await Promise.all([this.#data.end(), this.#control.end()]);
    })();
    return this.#closing;
  }

  /** Removes, in the background, what purged queues have left. What fails is tried again after the next purge or start. */
  sweepDropped(): void {
    this.#sweeping = this.#sweeping
      .then(async () => {
        for (let left = true; left && this.#closing === undefined; )
          left = await this.#connected(this.#control, "sweep", async (client) => {
            const { rowCount } = await client.query(sql.sweepItems, [BATCH]);
            if (rowCount === 0) await client.query(sql.sweepQueues);
            return (rowCount ?? 0) > 0;
          });
      })
      .catch((error: unknown) => {
        if (this.#closing === undefined)
          this.#log.warn({ err: error }, "rows of a purged queue are left for later");
      });
  }

  /** Runs a call on a queue's items in one transaction, after ending the leases that are over. */
  async #changing<T>(
    pool: Pool,
    operation: string,
    name: string,
    run: (client: PoolClient, incarnation: string) => Promise<T>,
  ): Promise<T> {
    checkQueueName(name);
    for (let attempt = 1; ; attempt += 1) {
      try {
        const result = await this.#transaction(pool, `${operation} ${name}`, async (client) => {
          const pinned = await client.query<{ incarnation: string }>(sql.pinQueue, [name]);
          const incarnation = pinned.rows[0]?.incarnation;
          if (incarnation === undefined)
            throw new QueueStoreError("unknown-queue", `queue ${operation}: there is no queue ${name}`);
          const ended = await client.query(sql.endLeases, [incarnation, BATCH]);
          return ended.rowCount === BATCH ? undefined : { value: await run(client, incarnation) };
        });
        if (result !== undefined) return result.value;
        attempt = 0;
      } catch (error) {
        const cause = error instanceof QueueStoreError ? error.cause : error;
        if (!isRetryable(cause) || attempt >= TRIES) throw error;
        await pause(Math.random() * 20 * attempt);
      }
    }
  }

  #transaction<T>(pool: Pool, what: string, run: (client: PoolClient) => Promise<T>): Promise<T> {
    return this.#connected(pool, what, async (client) => {
      await client.query("begin");
      try {
        const result = await run(client);
        await client.query("commit");
        return result;
      } catch (error) {
        await client.query("rollback").catch(() => undefined);
        throw error;
      }
    });
  }

  /** Lends a connection for a call, turning every failure into `QueueStoreError`. */
  async #connected<T>(pool: Pool, what: string, run: (client: PoolClient) => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) throw new QueueStoreError("closed", `queue ${what} after close`);
    if (pool.waitingCount >= WAITERS_MAX)
      throw new QueueStoreError(
        "unavailable",
        `queue ${what}: ${WAITERS_MAX} calls wait for PostgreSQL already`,
      );
    let client: PoolClient | undefined;
    let failure: Error | undefined;
    try {
      client = await pool.connect();
      return await run(client);
    } catch (error) {
      const translated = toQueueStoreError(error, what, client !== undefined);
      // A connection whose last statement got no answer cannot be used again.
      if (translated.reason !== "unknown-queue" && !isRetryable(error)) failure = translated;
      throw translated;
    } finally {
      client?.release(failure);
    }
  }
}

function exposed(row: sql.ItemRow): QueueItem {
  return {
    id: row.id,
    stage: row.stage,
    revision: Number(row.place),
    claims: row.claims,
    ...(row.worker === null ? {} : { worker: row.worker }),
    ...(row.reason === null ? {} : { reason: row.reason }),
  };
}
