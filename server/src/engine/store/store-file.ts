/**
 * Looks at the store's file before lmdb maps it into memory: of one that is not lmdb's, or was cut off (by a copy that was not
 * finished, say), the process would die by a signal that tells nobody why.
 */
import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs";

const MAGIC = 0xbeefc0de;
/** Offsets in a meta page of lmdb's data format, and how much of the page they need. */
const META = { magic: 24, pageBytes: 48, lastPage: 144, transaction: 152, bytes: 160 } as const;

interface Meta {
  readonly pageBytes: number;
  readonly lastPage: number;
  readonly transaction: number;
}

/** What is wrong with the file, or null when lmdb may open it. One that is empty or not there is for lmdb to make. */
export function damageOf(path: string): string | null {
  if (!existsSync(path)) return null;
  const fd = openSync(path, "r");
  try {
    const { size } = fstatSync(fd);
    if (size === 0) return null;
    const first = readMeta(fd, 0);
    const second = first === null ? null : readMeta(fd, first.pageBytes);
    if (first === null || second === null) return "it is no file of lmdb's";
    const { lastPage } = second.transaction > first.transaction ? second : first;
    const needed = (lastPage + 1) * first.pageBytes;
    return size < needed ? `it holds ${size} bytes of ${needed}` : null;
  } finally {
    closeSync(fd);
  }
}

function readMeta(fd: number, at: number): Meta | null {
  const page = Buffer.alloc(META.bytes);
  if (readSync(fd, page, 0, META.bytes, at) < META.bytes || page.readUInt32LE(META.magic) !== MAGIC)
    return null;
  const pageBytes = page.readUInt32LE(META.pageBytes);
  if (pageBytes < 512 || pageBytes > 65_536) return null;
  return {
    pageBytes,
    lastPage: Number(page.readBigUInt64LE(META.lastPage)),
    transaction: Number(page.readBigUInt64LE(META.transaction)),
  };
}
