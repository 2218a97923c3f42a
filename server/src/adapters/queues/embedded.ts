/**
 * The queue store of a single machine: one lmdb environment, shared safely by the processes on it. Each call is one write
 * transaction and resolves when that is on disk, so that what was acknowledged survives the death of every process.
 */

import type { Clock } from "../../clock.js";
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
import { keyNumber } from "../lmdb/byte-keys.js";
import { durably, type Environment, isDamage, NotWritten, openEnvironment } from "../lmdb/environment.js";
import { environmentDamage } from "../lmdb/meta-pages.js";
import { CountChanges, EmbeddedItems } from "./embedded-items.js";
import { exposedItem, type StoredItem } from "./item-format.js";
import { oldestMatches } from "./oldest-matches.js";

/** Leases ended, or entries of a dropped queue removed, in one transaction: some tens of milliseconds. */
const BATCH = 2_000;
const SETTINGS_BYTES_MAX = 64 * 1024;
/** Told by a step that more leases have expired than one transaction should end. */
const AGAIN = Symbol("again");

export interface EmbeddedQueueStoreOptions {
  /** Made when absent. Nothing else may be kept in it. */
  readonly directory: string;
  readonly clock: Clock;
}

/** @throws QueueStoreError `damaged` when the files cannot be read: what they hold is not ours to drop */
export function openEmbeddedQueueStore(options: EmbeddedQueueStoreOptions): QueueStore {
  const damage = environmentDamage(options.directory);
  if (damage !== undefined)
    throw new QueueStoreError("damaged", `queue store cannot be opened: ${damage}; restore it from a backup`);
  const store = new EmbeddedQueueStore(openEnvironment(options.directory), options.clock);
  store.sweepDropped();
  return store;
}

/** What a step of a transaction works with. */
interface Step {
  /** Incarnation of the queue. */
  readonly queue: number;
  /** Epoch-ms; every lease that ends by then has been ended. */
  readonly now: number;
  readonly changes: CountChanges;
}

class EmbeddedQueueStore implements QueueStore {
  readonly #environment: Environment;
  readonly #items: EmbeddedItems;
  readonly #clock: Clock;
  #sweeping: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(environment: Environment, clock: Clock) {
    this.#environment = environment;
    this.#items = new EmbeddedItems(environment);
    this.#clock = clock;
  }

  async create(name: string, settings: Uint8Array): Promise<"created" | "exists"> {
    checkQueueName(name);
    if (settings.byteLength > SETTINGS_BYTES_MAX)
      throw new RangeError(`settings of queue ${name} exceed ${SETTINGS_BYTES_MAX} bytes`);
    return this.#durably("create", () => {
      if (this.#items.incarnation(name) !== undefined) return "exists";
      this.#items.createQueue(name, settings);
      return "created";
    });
  }

  async describe(name: string): Promise<QueueDefinition | undefined> {
    checkQueueName(name);
    return this.#reading("describe", () => {
      const stored = this.#items.queues.get(Buffer.from(name));
      return stored && this.#items.definition(name, stored);
    });
  }

  async list(): Promise<readonly QueueDefinition[]> {
    return this.#reading("list", () =>
      [...this.#items.queues.getRange({})].map(({ key, value }) =>
        this.#items.definition(Buffer.from(key).toString("utf8"), value),
      ),
    );
  }

  async purge(name: string): Promise<boolean> {
    checkQueueName(name);
    const purged = await this.#durably("purge", () => {
      const queue = this.#items.incarnation(name);
      if (queue !== undefined) this.#items.dropQueue(name, queue);
      return queue !== undefined;
    });
    if (purged) this.sweepDropped();
    return purged;
  }

  async enqueue(queue: string, ids: readonly string[], stage: string): Promise<readonly number[]> {
    checkItemIds(ids);
    checkStage(stage);
    return this.#changing("enqueue", queue, (step) =>
      ids.map((id) => {
        const place = this.#items.nextNumber();
        this.#replace(step, id, this.#items.get(step.queue, id), { stage, place, claims: 0 });
        return place;
      }),
    );
  }

  async claim(queue: string, request: ClaimRequest): Promise<readonly QueueItem[]> {
    checkClaim(request);
    return this.#changing("claim", queue, (step) => {
      const { stage, claimStage, worker, leaseMs } = request;
      const ids = oldestMatches(this.#items, step.queue, stage, request.idPrefix ?? "", request.limit);
      return ids.flatMap((id) => {
        const before = this.#items.get(step.queue, id);
        if (before === undefined) return [];
        const lease = { worker, leaseMs, from: stage, expiresAt: Math.ceil(step.now + leaseMs) };
        const after = { stage: claimStage, place: before.place, claims: before.claims + 1, lease };
        this.#replace(step, id, before, after);
        return [exposedItem(id, after)];
      });
    });
  }

  async heartbeat(
    queue: string,
    request: { worker: string; stage: string; ids: readonly string[] },
  ): Promise<number> {
    checkWorker(request.worker);
    checkStage(request.stage);
    checkItemIds(request.ids);
    return this.#changing("heartbeat", queue, (step) => {
      let renewed = 0;
      for (const id of request.ids) {
        const item = this.#items.get(step.queue, id);
        if (item?.lease?.worker !== request.worker || item.stage !== request.stage) continue;
        const expiresAt = Math.ceil(step.now + item.lease.leaseMs);
        this.#replace(step, id, item, { ...item, lease: { ...item.lease, expiresAt } });
        renewed += 1;
      }
      return renewed;
    });
  }

  async move(queue: string, request: MoveRequest): Promise<readonly string[]> {
    checkMove(request);
    return this.#changing("move", queue, (step) =>
      request.ids.filter((id) => {
        const item = this.#items.get(step.queue, id);
        if (item === undefined ? !request.createMissing : !matches(item, request)) return false;
        const place = item?.place ?? this.#items.nextNumber();
        const reason = request.reason === undefined ? {} : { reason: request.reason };
        this.#replace(step, id, item, { stage: request.to, place, claims: item?.claims ?? 0, ...reason });
        return true;
      }),
    );
  }

  async get(queue: string, ids: readonly string[]): Promise<readonly (QueueItem | undefined)[]> {
    for (const id of ids) checkItemIds([id]);
    return this.#seeing("get", queue, (incarnation) =>
      ids.map((id) => {
        const item = this.#items.get(incarnation, id);
        return item && exposedItem(id, item);
      }),
    );
  }

  async counts(queue: string): Promise<QueueCounts> {
    return this.#seeing("counts", queue, (incarnation) => {
      const stages: Record<string, number> = {};
      const reasons: Record<string, Record<string, number>> = {};
      for (const { stage, reason, count } of this.#items.countEntries(incarnation)) {
        if (reason === undefined) stages[stage] = count;
        else reasons[stage] = { ...reasons[stage], [reason]: count };
      }
      return { stages, leased: this.#items.leaseCount(incarnation), reasons };
    });
  }

  async ping(): Promise<void> {
    await this.#reading("ping", () => this.#items.queues.getKeysCount({ limit: 1 }));
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await this.#sweeping;
      await this.#environment.close();
    })();
    return this.#closing;
  }

  /** Removes, in the background, what purged queues have left. */
  sweepDropped(): void {
    this.#sweeping = this.#sweeping.then(async () => {
      for (const key of [...this.#items.dropped.getKeys({})]) {
        const queue = keyNumber(key);
        while (this.#closing === undefined) {
          if (await this.#environment.transaction(() => this.#items.sweepDropped(queue, BATCH))) break;
        }
      }
    });
    // What a failed sweep leaves is swept at the next start.
    this.#sweeping = this.#sweeping.catch(() => undefined);
  }

  #replace(step: Step, id: string, before: StoredItem | undefined, after: StoredItem): void {
    this.#items.replace(step.queue, id, before, after, step.changes);
  }

  /** Returns items whose lease is over to where they were claimed. True when more may be due. */
  #endLeases(step: Step): boolean {
    const ids = this.#items.expired(step.queue, step.now, BATCH);
    for (const id of ids) {
      const before = this.#items.get(step.queue, id);
      if (before?.lease === undefined) continue;
      const { lease, ...rest } = before;
      this.#replace(step, id, before, { ...rest, stage: lease.from });
    }
    return ids.length === BATCH;
  }

  /** Runs a change of a queue's items in one durable transaction, after ending the leases that are over. */
  async #changing<T>(operation: string, name: string, run: (step: Step) => T): Promise<T> {
    checkQueueName(name);
    for (;;) {
      const result = await this.#durably(operation, () => {
        const step = {
          queue: this.#known(operation, name),
          now: this.#clock.now(),
          changes: new CountChanges(),
        };
        const more = this.#endLeases(step);
        const outcome = more ? AGAIN : run(step);
        this.#items.writeCounts(step.changes);
        return outcome;
      });
      if (result !== AGAIN) return result as T;
    }
  }

  /** Reads a queue as of now: through a transaction only when leases have to be ended first. */
  async #seeing<T>(operation: string, name: string, read: (queue: number) => T): Promise<T> {
    checkQueueName(name);
    const seen = await this.#reading(operation, () => {
      const queue = this.#known(operation, name);
      const isDue = this.#items.expired(queue, this.#clock.now(), 1).length > 0;
      return isDue ? undefined : { value: read(queue) };
    });
    return seen
      ? seen.value
      : this.#changing(operation, name, (step) => {
          this.#items.writeCounts(step.changes);
          step.changes.changes.clear();
          return read(step.queue);
        });
  }

  #known(operation: string, name: string): number {
    const queue = this.#items.incarnation(name);
    if (queue === undefined)
      throw new QueueStoreError("unknown-queue", `queue ${operation}: there is no queue ${name}`);
    return queue;
  }

  #durably<T>(operation: string, step: () => T): Promise<T> {
    return this.#guarded(operation, () => durably(this.#environment, step));
  }

  #reading<T>(operation: string, read: () => T): Promise<T> {
    return this.#guarded(operation, async () => {
      this.#environment.resetReadTxn();
      return read();
    });
  }

  async #guarded<T>(operation: string, run: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) throw new QueueStoreError("closed", `queue ${operation} after close`);
    try {
      return await run();
    } catch (error) {
      if (error instanceof QueueStoreError || error instanceof RangeError) throw error;
      if (error instanceof NotWritten)
        throw new QueueStoreError(
          "unavailable",
          `queue ${operation} could not be written (${error.message})`,
          {
            cause: error,
            outcomeUnknown: error.mayBeStored,
          },
        );
      const reason = isDamage(error) ? "damaged" : "unavailable";
      throw new QueueStoreError(reason, `queue ${operation} failed`, { cause: error });
    }
  }
}

function matches(item: StoredItem, guards: MoveRequest): boolean {
  return (
    (guards.from === undefined || item.stage === guards.from) &&
    (guards.worker === undefined || item.lease?.worker === guards.worker) &&
    (guards.revision === undefined || item.place === guards.revision)
  );
}
