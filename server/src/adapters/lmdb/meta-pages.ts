/**
 * Reads the two pages in which an lmdb file says what its last commits were. With them one can tell beforehand whether a file can
 * be opened at all: lmdb maps it into memory, so a truncated one ends the process with a signal instead of an error.
 */

import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs";
import path from "node:path";

const MAGIC = 0xbeefc0de;
/** Offsets in a meta page of lmdb's data format: magic, page size, last page in use, transaction number. */
const META = { magic: 24, pageSize: 48, lastPage: 144, transaction: 152, bytes: 160 } as const;

export interface Meta {
  /** Bytes. */
  readonly pageSize: number;
  /** Number of the last page in use, from 0. */
  readonly lastPage: number;
  /** Number of the transaction that wrote the page. */
  readonly transaction: number;
}

/**
 * Why the environment under `directory` cannot be opened safely, or undefined when it can (or is not there yet): a file
 * without lmdb's marks, or shorter than the pages it says it has. Other processes may be writing it meanwhile.
 */
export function environmentDamage(directory: string): string | undefined {
  const file = path.join(directory, "data.mdb");
  if (!existsSync(file)) return undefined;
  const descriptor = openSync(file, "r");
  try {
    if (fstatSync(descriptor).size === 0) return undefined;
    const first = readMeta(descriptor, 0);
    if (first === undefined) return `${file} does not begin with a page of lmdb`;
    const second = readMeta(descriptor, first.pageSize);
    if (second === undefined) return `${file} has lost its second page`;
    const needed = (newerOf(first, second).lastPage + 1) * first.pageSize;
    // After the pages that say how long it is: a writer makes the file longer first.
    const { size } = fstatSync(descriptor);
    return size < needed ? `${file} holds ${size} bytes of ${needed}` : undefined;
  } finally {
    closeSync(descriptor);
  }
}

/** Number of the newest commit in an open data file. @throws when its meta pages cannot be read */
export function newestCommit(descriptor: number): number {
  const first = readMeta(descriptor, 0);
  const second = first && readMeta(descriptor, first.pageSize);
  if (first === undefined || second === undefined) throw new Error("MDB_INVALID: a meta page cannot be read");
  return newerOf(first, second).transaction;
}

function newerOf(first: Meta, second: Meta): Meta {
  return second.transaction > first.transaction ? second : first;
}

function readMeta(descriptor: number, at: number): Meta | undefined {
  const page = Buffer.allocUnsafe(META.bytes);
  if (readSync(descriptor, page, 0, META.bytes, at) < META.bytes) return undefined;
  if (page.readUInt32LE(META.magic) !== MAGIC) return undefined;
  const pageSize = page.readUInt32LE(META.pageSize);
  if (pageSize < 512 || pageSize > 65_536) return undefined;
  return {
    pageSize,
    lastPage: Number(page.readBigUInt64LE(META.lastPage)),
    transaction: Number(page.readBigUInt64LE(META.transaction)),
  };
}
