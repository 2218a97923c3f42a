/**
 * Durable queues of document ids moving between named stages. An item is in exactly one stage; workers claim items under a
 * lease, renew it, and move them on.
 *
 * Order is that of enqueueing: a claim takes the oldest items of a stage, and an item that is released, or whose lease
 * expired, stands where it stood before. A lease expires by the store's own wall clock (one clock for all workers); a jump of
 * that clock may end leases early or late, so effects are guarded by `worker` and `revision`, never by time alone. An expired
 * lease takes effect when someone claims or counts: the item is then back in the stage it was claimed from.
 *
 * Queue names and stages are `[A-Za-z0-9._-]{1,128}` and `[a-z0-9_-]{1,64}`; item ids hold 1 to 1,024 bytes of well-formed
 * text without NUL; workers 1 to 256 bytes likewise. Anything else is a programming error (`RangeError`).
 *
 * Every call is atomic and durable when it resolves, and rejects with `QueueStoreError` only.
 */

export const QUEUE_ITEM_ID_BYTES_MAX = 1024;
/** Most items one claim takes, and most ids one call names. */
export const QUEUE_BATCH_MAX = 10_000;

export interface QueueDefinition {
  readonly name: string;
  /** What the creator stored with it, at most 64 KiB. Opaque. */
  readonly settings: Uint8Array;
}

export interface QueueItem {
  readonly id: string;
  readonly stage: string;
  /** Another one after each enqueue of the id, equal between them: guards effects of work on older content. */
  readonly revision: number;
  /** How often it was claimed since it was enqueued. */
  readonly claims: number;
  /** Who holds it; absent without a lease, or once that has expired. */
  readonly worker?: string;
  /** Why it is where it is, as given to `move`. */
  readonly reason?: string;
}

export interface ClaimRequest {
  readonly worker: string;
  readonly stage: string;
  readonly claimStage: string;
  /** 1..10,000 */
  readonly limit: number;
  /** 1 or more. A heartbeat renews the lease by as much. */
  readonly leaseMs: number;
  /** Only ids that begin with it, by bytes. */
  readonly idPrefix?: string;
}

export interface MoveRequest {
  readonly ids: readonly string[];
  readonly to: string;
  /** Only items in this stage now. */
  readonly from?: string;
  /** Only items whose unexpired lease this worker holds. */
  readonly worker?: string;
  /** Only items of this revision; for a move of one id. */
  readonly revision?: number;
  /** Enqueue unknown ids straight into `to`. Not together with `from`, `worker` or `revision`. Default false. */
  readonly createMissing?: boolean;
  /** Kept with the item and counted by stage. At most 256 bytes. */
  readonly reason?: string;
}

export interface QueueCounts {
  /** Stages that hold items, and how many. */
  readonly stages: Readonly<Record<string, number>>;
  /** Items under an unexpired lease. */
  readonly leased: number;
  /** For each stage, how many items carry which reason. */
  readonly reasons: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export interface QueueStore {
  /** `exists` leaves the queue of that name as it is. */
  create(name: string, settings: Uint8Array): Promise<"created" | "exists">;
  describe(name: string): Promise<QueueDefinition | undefined>;
  /** All queues, ascending by name. */
  list(): Promise<readonly QueueDefinition[]>;
  /** Drops a queue with all its items; false when there was none. Calls racing with it see it whole or not at all. */
  purge(name: string): Promise<boolean>;

  /**
   * Puts ids at the end of `stage`. An id that is there already moves to the end, gets a new revision, and loses its lease,
   * its claims and its reason. Returns the revisions in the order of `ids`, which must not repeat.
   */
  enqueue(queue: string, ids: readonly string[], stage: string): Promise<readonly number[]>;

  /** Takes the oldest matching items, moves them to `claimStage` under a lease, and returns them oldest first. No item ever
   * goes to two claims. */
  claim(queue: string, request: ClaimRequest): Promise<readonly QueueItem[]>;

  /** Renews the leases that `worker` still holds on these items in `stage`, each by its own length. Returns how many. */
  heartbeat(
    queue: string,
    request: { worker: string; stage: string; ids: readonly string[] },
  ): Promise<number>;

  /** Moves items that match every guard, ending their leases. Returns the ids moved; others are left alone. */
  move(queue: string, request: MoveRequest): Promise<readonly string[]>;

  /** Items by id, undefined for unknown ones, in the order asked for. */
  get(queue: string, ids: readonly string[]): Promise<readonly (QueueItem | undefined)[]>;

  counts(queue: string): Promise<QueueCounts>;

  /** Resolves when the store answers; rejects with `QueueStoreError` otherwise. */
  ping(): Promise<void>;

  /** Ends connections. Calls in flight finish or reject. Idempotent. */
  close(): Promise<void>;
}

export class QueueStoreError extends Error {
  override readonly name = "QueueStoreError";
  /**
   * `unknown-queue`: never created, or purged. `unavailable`: no connection. `timeout`: the statement or the wait for a
   * connection took too long. `denied`: credentials or permissions. `damaged`: the files cannot be read. `closed`: after
   * `close()`.
   */
  readonly reason: "unknown-queue" | "unavailable" | "timeout" | "denied" | "damaged" | "closed";
  /** True when the call may have been applied although its answer never came. */
  readonly outcomeUnknown: boolean;

  constructor(
    reason: QueueStoreError["reason"],
    message: string,
    options: { cause?: unknown; outcomeUnknown?: boolean } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.outcomeUnknown = options.outcomeUnknown ?? false;
  }
}

const text = (what: string, value: string, bytesMax: number): void => {
  const bytes = Buffer.byteLength(value);
  if (bytes < 1 || bytes > bytesMax || /[\0\p{Surrogate}]/u.test(value))
    throw new RangeError(
      `${what} "${value}" must hold 1 to ${bytesMax} bytes of well-formed text without NUL`,
    );
};

/** @throws RangeError */
export function checkQueueName(name: string): void {
  if (!/^[A-Za-z0-9._-]{1,128}$/.test(name))
    throw new RangeError(`queue name "${name}" must match [A-Za-z0-9._-]{1,128}`);
}

/** @throws RangeError */
export function checkStage(stage: string): void {
  if (!/^[a-z0-9_-]{1,64}$/.test(stage)) throw new RangeError(`stage "${stage}" must match [a-z0-9_-]{1,64}`);
}

/** @throws RangeError when there are too many ids, one repeats, or one is no id */
export function checkItemIds(ids: readonly string[]): void {
  if (ids.length > QUEUE_BATCH_MAX)
    throw new RangeError(`${ids.length} item ids exceed the limit of ${QUEUE_BATCH_MAX}`);
  if (new Set(ids).size !== ids.length) throw new RangeError("item ids must not repeat");
  for (const id of ids) text("item id", id, QUEUE_ITEM_ID_BYTES_MAX);
}

/** @throws RangeError */
export function checkWorker(worker: string): void {
  text("worker", worker, 256);
}

/** @throws RangeError naming the field that breaks its rule */
export function checkClaim(request: ClaimRequest): void {
  checkWorker(request.worker);
  checkStage(request.stage);
  checkStage(request.claimStage);
  if (!Number.isInteger(request.limit) || request.limit < 1 || request.limit > QUEUE_BATCH_MAX)
    throw new RangeError(`claim limit ${request.limit} must be a whole number from 1 to ${QUEUE_BATCH_MAX}`);
  if (!(request.leaseMs >= 1)) throw new RangeError(`claim leaseMs ${request.leaseMs} must be at least 1`);
  if (request.stage === request.claimStage)
    throw new RangeError(`claim stage "${request.stage}" must differ from claimStage`);
  if (request.idPrefix !== undefined && request.idPrefix !== "")
    text("claim idPrefix", request.idPrefix, QUEUE_ITEM_ID_BYTES_MAX);
}

/** @throws RangeError naming the field that breaks its rule */
export function checkMove(request: MoveRequest): void {
  checkItemIds(request.ids);
  checkStage(request.to);
  if (request.from !== undefined) checkStage(request.from);
  if (request.worker !== undefined) checkWorker(request.worker);
  if (request.reason !== undefined) text("move reason", request.reason, 256);
  const guarded =
    request.from !== undefined || request.worker !== undefined || request.revision !== undefined;
  if (request.createMissing && guarded)
    throw new RangeError("move createMissing cannot be combined with from, worker or revision");
  if (request.revision !== undefined && request.ids.length !== 1)
    throw new RangeError("move revision guards a move of exactly one id");
}
