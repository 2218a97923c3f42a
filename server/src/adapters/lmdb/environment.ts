/**
 * Opens lmdb files for the embedded stores, and finds out beforehand whether they can be opened at all: lmdb maps its file
 * into memory, so a truncated one ends the process with a signal instead of an error.
 */

import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readSync } from "node:fs";
import path from "node:path";
import { type Database, open, type RootDatabase } from "lmdb";

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
  const environment: Environment = open({
    path: directory,
    ...byteEncoding,
    maxDbs: 16,
    noMemInit: false,
    // Several gateways may share the directory; 126 is lmdb's own default and each process takes a few.
    maxReaders: 512,
  });
  environment.readerCheck();
  return watched(environment, path.resolve(directory));
}

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

function watched(environment: Environment, directory: string): Environment {
  const run = environment.transaction.bind(environment);
  environment.transaction = <T>(step: () => T) => {
    openTransactions.set(directory, (openTransactions.get(directory) ?? 0) + 1);
    const done = run(step);
    const over = () => {
      const others = (openTransactions.get(directory) ?? 1) - 1;
      if (others > 0) openTransactions.set(directory, others);
      else openTransactions.delete(directory);
    };
    done.then(over, over);
    return done;
  };
  return environment;
}

/** Opens a database of raw bytes in an environment. */
export function openBytes(environment: Environment, name: string): ByteDatabase {
  return environment.openDB<Bytes, Buffer>(name, byteEncoding);
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

const META_MAGIC = 0xbeefc0de;
/** Offsets in a meta page of lmdb's data format: magic, page size, last page in use, transaction number. */
const META = { magic: 24, pageSize: 48, lastPage: 144, transaction: 152, bytes: 160 } as const;

/**
 * Why the environment under `directory` cannot be opened safely, or undefined when it can (or is not there yet): a file
 * without lmdb's marks, or shorter than the pages it says it has.
 */
export function environmentDamage(directory: string): string | undefined {
  const file = path.join(directory, "data.mdb");
  if (!existsSync(file)) return undefined;
  const descriptor = openSync(file, "r");
  try {
    const size = fstatSync(descriptor).size;
    if (size === 0) return undefined;
    const first = readMeta(descriptor, 0);
    if (first === undefined) return `${file} does not begin with a page of lmdb`;
    const second = readMeta(descriptor, first.pageSize);
    if (second === undefined) return `${file} has lost its second page`;
    const newest = second.transaction > first.transaction ? second : first;
    const needed = (newest.lastPage + 1) * first.pageSize;
    return size < needed ? `${file} holds ${size} bytes of ${needed}` : undefined;
  } finally {
    closeSync(descriptor);
  }
}

function readMeta(
  descriptor: number,
  at: number,
): { pageSize: number; lastPage: number; transaction: number } | undefined {
  const page = Buffer.alloc(META.bytes);
  if (readSync(descriptor, page, 0, META.bytes, at) < META.bytes) return undefined;
  if (page.readUInt32LE(META.magic) !== META_MAGIC) return undefined;
  const pageSize = page.readUInt32LE(META.pageSize);
  if (pageSize < 512 || pageSize > 65_536) return undefined;
  return {
    pageSize,
    lastPage: Number(page.readBigUInt64LE(META.lastPage)),
    transaction: Number(page.readBigUInt64LE(META.transaction)),
  };
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
