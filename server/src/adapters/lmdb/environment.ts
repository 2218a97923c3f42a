/** Opens lmdb files for the embedded stores, for any number of processes at once. */

import { accessSync, constants, existsSync, mkdirSync, statSync } from "node:fs";
import path from "node:path";
import { getSystemErrorName } from "node:util";
import { type Database, open, type RootDatabase, TransactionFlags } from "lmdb";
import { CommitOrder } from "./commit-order.js";

export type Bytes = Buffer;
export type ByteDatabase = Database<Bytes, Buffer>;
export type Environment = RootDatabase<Bytes, Buffer>;

const byteEncoding = { encoding: "binary", keyEncoding: "binary" } as const;

/**
 * Opens (or makes) an environment under `directory`. Reader slots of dead processes are cleared, which otherwise keep freed
 * pages from being used again.
 *
 * Any number of processes may open it, each once: opening waits for the write lock on the main thread, and a transaction of
 * another handle in the same process needs that thread to end.
 */
export function openEnvironment(directory: string): Environment {
  mkdirSync(directory, { recursive: true });
  checkAccess(directory);
  const environment: Environment = open({
    path: directory,
    ...byteEncoding,
    maxDbs: 16,
    noMemInit: false,
    // Its batches make a promise of their own that nobody can reach: a commit that failed would end the process by it.
    eventTurnBatching: false,
    // Several gateways may share the directory; 126 is lmdb's own default and each process takes a few.
    maxReaders: 512,
  });
  environment.readerCheck();
  const order = CommitOrder.of(directory);
  orders.set(environment, order);
  guard(environment, order, path.resolve(directory));
  // Opening may have set lmdb back itself; nobody should read what was before.
  guardSync(environment, order, () => undefined);
  return environment;
}

/** lmdb ends the process by a signal where it cannot write one of its files. @throws EACCES or EISDIR, with its name */
function checkAccess(directory: string): void {
  for (const name of ["data.mdb", "lock.mdb"]) {
    const file = path.join(directory, name);
    if (!existsSync(file)) continue;
    accessSync(file, constants.R_OK | constants.W_OK);
    // As a container's runtime makes one for a mount that is not there.
    if (statSync(file).isDirectory())
      throw Object.assign(new Error(`EISDIR: a directory stands where a file belongs, '${file}'`), {
        code: "EISDIR",
      });
  }
}

/** A commit that reaches no disk within this time, in ms, is given up on: lmdb tells nobody of a flush that failed. */
const FLUSH_TIMEOUT_MS = 30_000;

/** Runs a step in a write transaction and waits until it is on disk. @throws NotWritten */
export async function durably<T>(environment: Environment, step: () => T): Promise<T> {
  const result = await environment.transaction(step);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const reason = `not on disk after ${FLUSH_TIMEOUT_MS} ms`;
    timer = setTimeout(() => reject(new NotWritten(reason, { mayBeStored: true })), FLUSH_TIMEOUT_MS);
  });
  try {
    await Promise.race([environment.flushed, late]);
  } finally {
    clearTimeout(timer);
  }
  return result;
}

/** The operating system did not take a commit: the disk is full, or fails. Without `mayBeStored` nothing has changed. */
export class NotWritten extends Error {
  override readonly name = "NotWritten";
  readonly mayBeStored: boolean;

  constructor(reason: string, { cause, mayBeStored = false }: { cause?: unknown; mayBeStored?: boolean }) {
    super(reason, cause === undefined ? undefined : { cause });
    this.mayBeStored = mayBeStored;
  }
}

/**
 * What a transaction that failed rejects with. Of a commit that failed lmdb tells the reason by a second promise, which ends the
 * process when nobody waits for it.
 */
async function reasonOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error && "commitError" in error)) return error;
  const cause = await Promise.resolve(error.commitError).then(
    () => error,
    (reason: unknown) => reason,
  );
  const code = cause instanceof Error && "code" in cause && typeof cause.code === "number" ? cause.code : 0;
  // Numbers of lmdb's own are below zero; those above are the operating system's.
  if (code <= 0) return cause;
  const name = getSystemErrorName(-code);
  return new NotWritten(name, { cause, mayBeStored: !/^E(NOSPC|DQUOT|FBIG)$/.test(name) });
}

/** What keeps the transactions of each environment in order. */
const orders = new WeakMap<Environment, CommitOrder>();
/** Times a transaction begins anew because another process that opened the files had set lmdb back. */
const TRIES = 20;
const OUTDATED = Symbol("outdated");

/** Transactions of this process that are not over, by directory. */
const openTransactions = new Map<string, number>();

/**
 * Whether a transaction of this process is under way in a directory. Opening a database takes lmdb's write lock and waits for it,
 * and such a transaction holds the lock while it waits for this thread: whoever opens a directory a second time waits for it
 * first.
 */
export function isInTransaction(directory: string): boolean {
  return openTransactions.has(path.resolve(directory));
}

/** Lets no transaction write that does not build on the newest commit, and counts those of this process. */
function guard(environment: Environment, order: CommitOrder, directory: string): void {
  const run = environment.transaction.bind(environment);
  environment.transaction = async <T>(step: () => T): Promise<T> => {
    openTransactions.set(directory, (openTransactions.get(directory) ?? 0) + 1);
    try {
      for (let attempt = 0; attempt < TRIES; attempt += 1) {
        const result = await run<T | typeof OUTDATED>(() =>
          order.isOutdated(environment.getWriteTxnId()) ? OUTDATED : step(),
        );
        if (result !== OUTDATED) return result;
      }
      throw alwaysOutdated();
    } catch (error) {
      throw await reasonOf(error);
    } finally {
      const others = (openTransactions.get(directory) ?? 1) - 1;
      if (others > 0) openTransactions.set(directory, others);
      else openTransactions.delete(directory);
    }
  };
  const close = environment.close.bind(environment);
  let isClosed = false;
  environment.close = async () => {
    await close();
    if (!isClosed) order.release();
    isClosed = true;
  };
}

/** Runs a step in a transaction of the main thread; for the moments of opening only. */
function guardSync<T>(environment: Environment, order: CommitOrder, step: () => T): T {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const result = environment.transactionSync<T | typeof OUTDATED>(
      () => (order.isOutdated(environment.getWriteTxnId()) ? OUTDATED : step()),
      TransactionFlags.SYNCHRONOUS_COMMIT | TransactionFlags.NO_SYNC_FLUSH,
    );
    if (result !== OUTDATED) return result;
  }
  throw alwaysOutdated();
}

function alwaysOutdated(): Error {
  return new Error(`other processes opened the files during each of ${TRIES} tries to write them`);
}

/** Opens a database of raw bytes in an environment, making it when it is not there. */
export function openBytes(environment: Environment, name: string): ByteDatabase {
  const order = orders.get(environment);
  if (order === undefined) throw new TypeError("the environment does not come from openEnvironment");
  return guardSync(environment, order, () => environment.openDB<Bytes, Buffer>(name, byteEncoding));
}

/**
 * Reads a value into a buffer of its own. The library's `get` does the same by slicing the buffer it reads into, which takes
 * twice as long as the read itself.
 */
export function readBytes(database: ByteDatabase, key: Buffer): Buffer | undefined {
  const shared = database.getBinaryFast(key);
  if (shared === undefined) return undefined;
  const { length } = shared;
  const own = Buffer.allocUnsafe(length);
  // Its `copy` and its own size go by the whole buffer; only `length` is the value's.
  own.set(new Uint8Array(shared.buffer, shared.byteOffset, length));
  return own;
}

/** True for errors by which lmdb says that its file is broken, not that it was used wrongly. */
export function isDamage(error: unknown): boolean {
  return (
    error instanceof Error &&
    /MDB_(CORRUPTED|PAGE_NOTFOUND|PANIC|VERSION_MISMATCH|INVALID|BAD_TXN|PAGE_FULL|CURSOR_FULL)|not an LMDB file|Database page|located page was wrong type/i.test(
      error.message,
    )
  );
}

/** Bytes of the pages that hold live entries of these databases; freed pages are not counted. */
export function liveBytes(databases: readonly ByteDatabase[]): number {
  return databases.reduce((total, database) => {
    const stats = database.getStats() as {
      pageSize: number;
      treeBranchPageCount: number;
      treeLeafPageCount: number;
      overflowPages: number;
    };
    return (
      total + (stats.treeBranchPageCount + stats.treeLeafPageCount + stats.overflowPages) * stats.pageSize
    );
  }, 0);
}
