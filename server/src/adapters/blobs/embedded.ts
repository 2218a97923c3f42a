/**
 * The blob store of a single machine, shared safely by the processes on it.
 *
 * Every key has one entry in lmdb, and its compare-and-set settles all races. A small body lives in the entry; a larger one
 * is an immutable file of its own that the entry names: written under a temporary name, flushed, renamed, flushed again, and
 * only then named. A process that dies in between leaves a file nobody names, which a later start removes.
 */

import { createHash, randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { open as openFile, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../../clock.js";
import type { Log } from "../../log.js";
import {
  type Blob,
  type BlobCallOptions,
  type BlobEntry,
  type BlobPage,
  type BlobPutOutcome,
  type BlobStore,
  BlobStoreError,
  checkBlobKey,
  checkBlobLimit,
} from "../../ports/blob-store.js";
import { afterPrefix } from "../lmdb/byte-keys.js";
import {
  type ByteDatabase,
  durably,
  type Environment,
  isDamage,
  isInTransaction,
  NotWritten,
  openBytes,
  openEnvironment,
} from "../lmdb/environment.js";
import { environmentDamage } from "../lmdb/meta-pages.js";
import { type BlobIndexEntry, decodeEntry, encodeEntry } from "./entry-format.js";

/** Bodies up to this many bytes live in lmdb; larger ones would make every commit copy them. */
const INLINE_BYTES_MAX = 64 * 1024;
/** Unnamed files younger than this, in ms, may belong to a write in flight in another process. */
const ORPHAN_AGE_MS = 3_600_000;
/** Times a reader looks again when the file it was sent to has just been replaced. */
const READ_TRIES = 10;

export interface EmbeddedBlobStoreOptions {
  /** Made when absent. Nothing else may be kept in it. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Pick<Log, "warn">;
}

/**
 * Opens the store and removes what writes that never finished have left behind.
 * @throws BlobStoreError `damaged` when the files cannot be read: what they hold is not ours to drop
 */
export async function openEmbeddedBlobStore(options: EmbeddedBlobStoreOptions): Promise<BlobStore> {
  const damage = environmentDamage(options.directory);
  if (damage !== undefined)
    throw new BlobStoreError("damaged", `blob store cannot be opened: ${damage}; restore it from a backup`);
  while (isInTransaction(options.directory)) await nextTurn();
  const environment = openEnvironment(options.directory);
  const store = new EmbeddedBlobStore(environment, options.directory);
  const removed = await store.removeOrphans(options.clock.now() - ORPHAN_AGE_MS);
  if (removed > 0) options.log.warn({ files: removed }, "removed blobs whose writes never finished");
  return store;
}

class EmbeddedBlobStore implements BlobStore {
  readonly #environment: Environment;
  readonly #entries: ByteDatabase;
  readonly #bodies: string;
  #closing: Promise<void> | undefined;

  constructor(environment: Environment, directory: string) {
    this.#environment = environment;
    this.#entries = openBytes(environment, "entries");
    this.#bodies = path.join(directory, "bodies");
    mkdirSync(this.#bodies, { recursive: true });
  }

  get(key: string, options: BlobCallOptions = {}): Promise<Blob | undefined> {
    return this.#guarded("get", key, options, () => this.#get(key));
  }

  async #get(key: string): Promise<Blob | undefined> {
    checkBlobKey(key);
    for (let attempt = 0; attempt < READ_TRIES; attempt += 1) {
      this.#environment.resetReadTxn();
      const stored = this.#entries.get(Buffer.from(key, "utf8"));
      if (stored === undefined) return undefined;
      const entry = decodeEntry(key, stored);
      const body = entry.file === undefined ? entry.inline : await this.#readBody(entry.file);
      if (body === undefined) continue;
      if (etagOf(body) !== entry.etag)
        throw new BlobStoreError("damaged", `blob ${key} does not match its checksum`);
      return { body, etag: entry.etag };
    }
    throw new BlobStoreError("unavailable", `blob ${key} was replaced during each of ${READ_TRIES} reads`);
  }

  putIfAbsent(key: string, body: Uint8Array, options: BlobCallOptions = {}): Promise<BlobPutOutcome> {
    return this.#guarded("put", key, options, () => this.#put(key, body, undefined));
  }

  putIfMatch(
    key: string,
    body: Uint8Array,
    etag: string,
    options: BlobCallOptions = {},
  ): Promise<BlobPutOutcome> {
    return this.#guarded("put", key, options, () => this.#put(key, body, etag));
  }

  delete(key: string, options: BlobCallOptions = {}): Promise<void> {
    return this.#guarded("delete", key, options, async () => {
      checkBlobKey(key);
      const replaced = await durably(this.#environment, () => {
        const stored = this.#entries.get(Buffer.from(key, "utf8"));
        if (stored !== undefined) this.#entries.remove(Buffer.from(key, "utf8"));
        return stored;
      });
      await this.#dropBody(replaced);
    });
  }

  list(
    query: { readonly prefix: string; readonly after?: string; readonly limit: number },
    options: BlobCallOptions = {},
  ): Promise<BlobPage> {
    return this.#guarded("list", query.prefix, options, async () => this.#list(query));
  }

  #list(query: { readonly prefix: string; readonly after?: string; readonly limit: number }): BlobPage {
    checkBlobLimit(query.limit);
    this.#environment.resetReadTxn();
    const prefix = Buffer.from(query.prefix, "utf8");
    const after = Buffer.from(query.after ?? "", "utf8");
    const skips = Buffer.compare(after, prefix) >= 0 && query.after !== undefined;
    const end = afterPrefix(prefix);
    const entries: BlobEntry[] = [];
    for (const { key, value } of this.#entries.getRange({
      // lmdb takes no empty key; every key of ours begins with a byte above this one.
      start: skips ? after : prefix.length > 0 ? prefix : Buffer.from([0]),
      exclusiveStart: skips,
      ...(end === undefined ? {} : { end }),
      limit: query.limit + 1,
    })) {
      const name = Buffer.from(key).toString("utf8");
      const { etag, sizeBytes } = decodeEntry(name, value);
      entries.push({ key: name, etag, sizeBytes });
    }
    return { entries: entries.slice(0, query.limit), more: entries.length > query.limit };
  }

  ping(options: BlobCallOptions = {}): Promise<void> {
    return this.#guarded("ping", "", options, async () => {
      this.#entries.getKeysCount({ limit: 1 });
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#environment.close();
    return this.#closing;
  }

  /** Removes body files that no entry names and that were last touched before `before` (epoch-ms). Returns how many. */
  async removeOrphans(before: number): Promise<number> {
    const files = new Set(await readdir(this.#bodies));
    if (files.size === 0) return 0;
    for (const { key, value } of this.#entries.getRange({})) {
      const { file } = decodeEntry(Buffer.from(key).toString("utf8"), value);
      if (file !== undefined) files.delete(file);
    }
    let removed = 0;
    for (const file of files) {
      const found = await stat(path.join(this.#bodies, file)).catch(() => undefined);
      if (found === undefined || found.mtimeMs >= before) continue;
      await rm(path.join(this.#bodies, file), { force: true });
      removed += 1;
    }
    return removed;
  }

  async #put(key: string, body: Uint8Array, expected: string | undefined): Promise<BlobPutOutcome> {
    checkBlobKey(key);
    const at = Buffer.from(key, "utf8");
    const holds = (stored: Buffer | undefined): boolean =>
      expected === undefined
        ? stored === undefined
        : stored !== undefined && decodeEntry(key, stored).etag === expected;
    this.#environment.resetReadTxn();
    // The loser of most races is known before it writes a file.
    if (!holds(this.#entries.get(at))) return { status: "conflict" };
    const isLarge = body.byteLength > INLINE_BYTES_MAX;
    const entry: BlobIndexEntry = {
      etag: etagOf(body),
      sizeBytes: body.byteLength,
      ...(isLarge ? { file: await this.#writeBody(body) } : { inline: body }),
    };
    const encoded = encodeEntry(entry);
    const result = await durably(this.#environment, () => {
      const stored = this.#entries.get(at);
      if (!holds(stored)) return { status: "conflict" as const };
      this.#entries.put(at, encoded);
      return { status: "stored" as const, replaced: stored };
    }).catch(async (error: unknown) => {
      if (error instanceof NotWritten && !error.mayBeStored) await this.#dropBody(encoded);
      throw error;
    });
    if (result.status === "conflict") {
      await this.#dropBody(encoded);
      return { status: "conflict" };
    }
    await this.#dropBody(result.replaced);
    return { status: "stored", etag: entry.etag };
  }

  async #writeBody(body: Uint8Array): Promise<string> {
    const name = randomUUID();
    const temporary = path.join(this.#bodies, `${name}.tmp`);
    const file = await openFile(temporary, "wx");
    try {
      await file.writeFile(body);
      await file.sync();
    } catch (error) {
      // On a disk that is full the part that was written takes the room of others.
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    } finally {
      await file.close();
    }
    await rename(temporary, path.join(this.#bodies, name));
    await this.#syncDirectory();
    return name;
  }

  /** A rename is durable once its directory is. */
  async #syncDirectory(): Promise<void> {
    const directory = await openFile(this.#bodies, "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }

  /** Undefined when the file is gone: the entry was replaced after it was read. */
  async #readBody(file: string): Promise<Buffer | undefined> {
    try {
      return await readFile(path.join(this.#bodies, file));
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw new BlobStoreError("unavailable", "blob body cannot be read", { cause: error });
    }
  }

  async #dropBody(encoded: Buffer | undefined): Promise<void> {
    const file = encoded && decodeEntry("", encoded).file;
    // One that cannot be removed now is an orphan like any other.
    if (file !== undefined) await rm(path.join(this.#bodies, file), { force: true }).catch(() => undefined);
  }

  /** Runs a call, turning every failure into `BlobStoreError`. */
  async #guarded<T>(
    operation: string,
    key: string,
    { signal }: BlobCallOptions,
    run: () => Promise<T>,
  ): Promise<T> {
    const what = `blob ${operation} ${key}`;
    if (this.#closing !== undefined) throw new BlobStoreError("closed", `${what} after close`);
    if (signal?.aborted) throw new BlobStoreError("aborted", `${what} was aborted`);
    try {
      return await run();
    } catch (error) {
      if (error instanceof BlobStoreError || error instanceof RangeError) throw error;
      if (isDamage(error))
        throw new BlobStoreError("damaged", `${what}: the files are damaged`, { cause: error });
      const reason = error instanceof Error && "code" in error ? String(error.code) : messageOf(error);
      const outcomeUnknown = error instanceof NotWritten && error.mayBeStored;
      throw new BlobStoreError("unavailable", `${what} failed (${reason})`, { cause: error, outcomeUnknown });
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function etagOf(body: Uint8Array): string {
  return createHash("sha256").update(body).digest("hex");
}
