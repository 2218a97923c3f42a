/**
 * The lmdb databases behind the embedded document cache, and the steps that keep them in agreement. Everything that writes
 * runs inside one transaction of the caller's; lmdb does not undo a transaction whose callback throws, so conditions are
 * judged before the first write.
 *
 * `records` set+id → record · `vectors` set+id → vector · `epochs` set → epoch · `order` place → set+id, the eviction
 * queue · `expiry` time+version → set+id, also of versions that are gone · `meta` counters.
 */

import { statSync } from "node:fs";
import path from "node:path";
import type { CacheCondition } from "../../ports/document-cache.js";
import { byteKey, keyNumber, splitByteKey, writeNumber } from "../lmdb/byte-keys.js";
import {
  type ByteDatabase,
  type Environment,
  liveBytes,
  openBytes,
  openEnvironment,
} from "../lmdb/environment.js";
import { Scratch } from "../lmdb/scratch.js";
import { decodeHeader, decodeRecord, encodeRecord, encodeVector } from "./record-format.js";

/** Versions within which a record that is written again keeps its place in the order of eviction. */
const YOUNG = 4_096;
const SEQUENCE = Buffer.from("sequence");
const BOOT = Buffer.from("boot");

/** What a write puts under a key. A vector that is left out is removed, unless `keepVector`. */
export interface RecordContent {
  readonly mark: Uint8Array;
  readonly epoch: string;
  readonly attributes: Uint8Array | undefined;
  readonly vector: Uint8Array | undefined;
  readonly keepVector: boolean;
  /** Epoch-ms; 0 = none. */
  readonly expiresAt: number;
}

export class EmbeddedRecords {
  readonly records: ByteDatabase;
  readonly vectors: ByteDatabase;
  readonly epochs: ByteDatabase;
  readonly order: ByteDatabase;
  readonly expiry: ByteDatabase;
  readonly meta: ByteDatabase;
  readonly #environment: Environment;
  readonly #file: string;
  readonly #inode: number;
  readonly #scratch = new Scratch();
  readonly #take = (length: number): Buffer => this.#scratch.take(length);
  /** The last version given, while a transaction gives some. */
  #sequence: number | undefined;

  /** @throws whatever lmdb throws for files it cannot read */
  constructor(directory: string) {
    const environment = openEnvironment(directory);
    this.#environment = environment;
    this.records = openBytes(environment, "records");
    this.vectors = openBytes(environment, "vectors");
    this.epochs = openBytes(environment, "epochs");
    this.order = openBytes(environment, "order");
    this.expiry = openBytes(environment, "expiry");
    this.meta = openBytes(environment, "meta");
    this.#file = path.join(directory, "data.mdb");
    this.#inode = statSync(this.#file).ino;
  }

  /** Runs `step` in a write transaction; resolves when it is committed and every process sees it, not yet on disk. */
  transaction<T>(step: () => T): Promise<T> {
    return this.#environment.transaction(() => {
      try {
        return step();
      } finally {
        // Also after a step that threw: lmdb keeps what it wrote before.
        if (this.#sequence !== undefined) this.meta.put(SEQUENCE, byteKey(this.#sequence));
        this.#sequence = undefined;
      }
    });
  }

  /** Whether the files under the directory are still those that were opened. */
  ownsFiles(): boolean {
    return statSync(this.#file, { throwIfNoEntry: false })?.ino === this.#inode;
  }

  /** Makes later reads of this turn see every commit made so far, by other processes too. */
  refresh(): void {
    this.#environment.resetReadTxn();
  }

  /** Bytes of live pages; the file may be larger by pages that are free to be used again. */
  bytes(): number {
    return liveBytes([this.records, this.vectors, this.epochs, this.order, this.expiry]);
  }

  /** Whether `condition` holds for the bytes now stored under a key. An expired record counts as absent. */
  holds(condition: CacheCondition, stored: Buffer | undefined, now: number): boolean {
    if (condition.when === "always") return true;
    const header = stored && decodeHeader(stored);
    const live = header !== undefined && !isExpired(header.expiresAt, now);
    if (condition.when === "absent") return !live;
    return live && String(header.version) === condition.version;
  }

  /** Writes a record over what is stored. Returns its version. */
  write(key: Buffer, stored: Buffer | undefined, content: RecordContent): number {
    const previous = stored && decodeHeader(stored);
    const version = this.#nextVersion();
    // A record that has just come keeps its place: marks and their records follow each other closely.
    const stays = previous !== undefined && version - previous.place < YOUNG;
    if (previous !== undefined && !stays) this.order.remove(byteKey(previous.place));
    const place = stays ? previous.place : version;
    const keptVector = content.keepVector ? (previous?.vectorVersion ?? 0) : 0;
    if (content.vector !== undefined)
      this.vectors.put(key, encodeVector(version, content.vector, this.#take));
    else if (previous && previous.vectorVersion !== 0 && keptVector === 0) this.vectors.remove(key);
    const record = {
      version,
      expiresAt: content.expiresAt,
      vectorVersion: content.vector === undefined ? keptVector : version,
      place,
      mark: content.mark,
      epoch: content.epoch,
      attributes: content.attributes,
    };
    this.records.put(key, encodeRecord(record, this.#take));
    if (!stays) this.order.put(byteKey(place), key);
    // The end of the record before stays where it is noted: the sweep sees that it is no longer this one's.
    if (content.expiresAt !== 0) this.expiry.put(expiryKey(content.expiresAt, version), key);
    return version;
  }

  /** Removes a record and everything that points to it. */
  remove(key: Buffer, stored: Buffer): void {
    const header = decodeHeader(stored);
    this.order.remove(byteKey(header.place));
    if (header.expiresAt !== 0) this.expiry.remove(expiryKey(header.expiresAt, header.version));
    if (header.vectorVersion !== 0) this.vectors.remove(key);
    this.records.remove(key);
  }

  /** The set a key belongs to. */
  setOf(key: Uint8Array): string {
    return splitByteKey(key, 2)[0]?.toString("utf8") ?? "";
  }

  /**
   * Forgets every epoch unless the machine has been up since the files were last opened: after a power loss lmdb may have
   * lost its last commits, invalidations among them, so nothing from before may be served.
   */
  async settleBoot(boot: string): Promise<void> {
    if (this.meta.get(BOOT)?.toString() === boot) return;
    await this.#environment.transaction(() => {
      for (const set of [...this.epochs.getKeys({})]) this.epochs.remove(set);
      this.meta.put(BOOT, Buffer.from(boot));
    });
  }

  /** Reads through the directory of each database and every epoch. @throws when pages or records are damaged */
  probe(): void {
    for (const { value } of this.epochs.getRange({})) value.toString();
    for (const { value } of this.records.getRange({ limit: 100 })) decodeRecord(Buffer.from(value));
    for (const database of [this.vectors, this.order, this.expiry, this.meta])
      for (const _entry of database.getRange({ reverse: true, limit: 100 }));
  }

  /** Empties every database in place, so that all processes see it at once. */
  async clear(): Promise<void> {
    await this.#environment.transaction(() => {
      for (const database of [this.epochs, this.records, this.vectors, this.order, this.expiry])
        void database.clearAsync();
    });
  }

  close(): Promise<void> {
    return this.#environment.close();
  }

  #nextVersion(): number {
    if (this.#sequence === undefined) {
      const stored = this.meta.get(SEQUENCE);
      this.#sequence = stored === undefined ? 0 : keyNumber(stored);
    }
    this.#sequence += 1;
    return this.#sequence;
  }
}

/** True once a record with this expiry (epoch-ms, 0 = none) is over. */
export function isExpired(expiresAt: number, now: number): boolean {
  return expiresAt !== 0 && expiresAt <= now;
}

/** The end of the `expiry` range that is over at `now`. As `byteKey` of the two, without its detours: every write has one. */
export function expiryKey(expiresAt: number, version: number): Buffer {
  const key = Buffer.allocUnsafe(18);
  key.writeUInt16BE(8, 0);
  writeNumber(key, Math.ceil(expiresAt), 2);
  writeNumber(key, version, 10);
  return key;
}
