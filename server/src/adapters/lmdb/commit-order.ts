/**
 * Sees to it that every write transaction builds on the newest commit.
 *
 * All processes that have an environment open share the number of its last commit, in `lock.mdb`. One that opens it sets that
 * number to what it has read from the data file a moment before (lmdb 3.5.6, `mdb_env_open2`), without a lock; where another
 * process commits within that moment, the number goes back, and the next transaction would begin from the commit before it: it
 * would undo the last commit and write over pages that are in use. So each transaction compares its own number with the data file
 * before it writes. While it runs it holds lmdb's write lock: nobody commits, and the shared number can be put right.
 */

import { closeSync, openSync, readSync, statSync, writeSync } from "node:fs";
import path from "node:path";
import { newestCommit } from "./meta-pages.js";

const LOCK_MAGIC = 0xbeefc0de;
/** Offsets in lock.mdb: its magic, and the number of the last commit. */
const LOCK = { magic: 0, lastCommit: 8, bytes: 16 } as const;

/** One environment's, for all handles that this process has of it. */
export class CommitOrder {
  readonly #key: string;
  readonly #data: number;
  readonly #lock: number;
  #handles = 1;

  private constructor(key: string, data: number, lock: number) {
    this.#key = key;
    this.#data = data;
    this.#lock = lock;
  }

  /**
   * @param directory of an environment that this process has open. The caller says `release` once it has closed it.
   * @throws when lock.mdb is not the one of lmdb that is known here
   */
  static of(directory: string): CommitOrder {
    const file = path.join(directory, "lock.mdb");
    const { dev, ino } = statSync(file, { bigint: true });
    const key = `${dev}:${ino}`;
    const known = inUse.get(key);
    if (known !== undefined) {
      known.#handles += 1;
      return known;
    }
    const order = new CommitOrder(key, openSync(path.join(directory, "data.mdb"), "r"), openSync(file, "r+"));
    inUse.set(key, order);
    return order;
  }

  /**
   * Whether the transaction must write nothing, because it began from a commit that is not the newest. The next one will begin
   * from the newest.
   * @param transaction its number; it runs now
   */
  isOutdated(transaction: number): boolean {
    const newest = newestCommit(this.#data);
    if (newest < transaction) return false;
    this.#publish(newest);
    return true;
  }

  /** A handle has been closed. */
  release(): void {
    this.#handles -= 1;
    if (this.#handles > 0) return;
    inUse.delete(this.#key);
    closeSync(this.#data);
    closeSync(this.#lock);
  }

  #publish(commit: number): void {
    const state = Buffer.alloc(LOCK.bytes);
    const read = readSync(this.#lock, state, 0, LOCK.bytes, 0);
    if (read < LOCK.bytes || state.readUInt32LE(LOCK.magic) !== LOCK_MAGIC)
      throw new Error("MDB_VERSION_MISMATCH: lock.mdb has another form than that of lmdb 3.5");
    state.writeBigUInt64LE(BigInt(commit), LOCK.lastCommit);
    writeSync(this.#lock, state, LOCK.lastCommit, 8, LOCK.lastCommit);
  }
}

/**
 * By lock file. One descriptor each while any handle is open: a process that closes any descriptor of a file loses all its locks
 * on it, and with lmdb's lock on this one other processes would take the environment for unused.
 */
const inUse = new Map<string, CommitOrder>();
