/**
 * What survives the process: an lmdb file with one record per namespace and one per document. A commit is one
 * synchronous lmdb transaction, flushed before it returns: it costs a fsync on the engine's thread and buys the plainest
 * guarantee there is. An acknowledged write is on disk, a failed one left nothing, and no other write ran in between.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Database, open, type RootDatabase } from "lmdb";
import type { Id } from "../ids.js";
import type { Row, Value } from "../values.js";
import { type NamespaceRecord, parseRecord, printRecord } from "./namespace-record.js";
import { decodeId, decodeRow, encodeKey, encodeRow, firstKey } from "./row-codec.js";

/** Version of everything this file writes; a reader refuses what is newer than itself. */
export const FORMAT_VERSION = 1;

/** Namespaces are numbered so that a deleted name can be used again at once; the counter never goes back. */
const COUNTER_KEY = "next-namespace";
const FORMAT_KEY = "format";

export class Store {
  private constructor(
    private readonly root: RootDatabase<string, string>,
    private readonly records: Database<string, string>,
    private readonly rows: Database<Buffer, Uint8Array>,
  ) {}

  /**
   * Opens or creates the store in a directory. Throws when the directory cannot be used or its format is newer than
   * this version knows; the message says what to do.
   */
  static open(directory: string): Store {
    mkdirSync(directory, { recursive: true });
    const root = open<string, string>({ path: join(directory, "engine.mdb"), encoding: "string", maxDbs: 4 });
    // Slots of readers that were killed would keep old pages from being reused.
    root.readerCheck();
    const found = Number(root.get(FORMAT_KEY) ?? FORMAT_VERSION);
    if (found > FORMAT_VERSION) {
      void root.close();
      throw new Error(
        `data directory ${directory} has format ${found}, this version reads up to ${FORMAT_VERSION}: use a newer version or another directory`,
      );
    }
    root.transactionSync(() => root.putSync(FORMAT_KEY, String(FORMAT_VERSION)));
    const records = root.openDB<string, string>({ name: "namespaces", encoding: "string" });
    const rows = root.openDB<Buffer, Uint8Array>({ name: "rows", encoding: "binary", keyEncoding: "binary" });
    return new Store(root, records, rows);
  }

  /** Every namespace, by name. */
  namespaces(): NamespaceRecord[] {
    return Array.from(this.records.getRange({}), ({ value }) => parseRecord(value));
  }

  /** A number that no namespace has or had. It is used up only by the commit that stores a record with it. */
  nextNumber(): number {
    return Number(this.root.get(COUNTER_KEY) ?? "1");
  }

  /** Stores a namespace's record and changed documents, all or nothing, on disk when it returns. */
  commit(record: NamespaceRecord, changes: Iterable<readonly [Id, Row | null]>): void {
    this.root.transactionSync(() => {
      this.putRecord(record);
      for (const [id, row] of changes) {
        const key = encodeKey(record.number, id);
        if (row === null) this.rows.removeSync(key);
        else this.rows.putSync(key, encodeRow(row));
      }
    });
  }

  /** Stores a record whose documents are those of another namespace. */
  commitCopy(record: NamespaceRecord, source: NamespaceRecord): void {
    this.root.transactionSync(() => {
      this.putRecord(record);
      for (const { key, value } of this.range(source.number)) {
        const copy = Buffer.from(key);
        copy.writeUInt32BE(record.number);
        this.rows.putSync(copy, Buffer.from(value));
      }
    });
  }

  /** Removes a namespace with all its documents. */
  remove(record: NamespaceRecord): void {
    this.root.transactionSync(() => {
      this.records.removeSync(record.name);
      for (const { key } of this.range(record.number)) this.rows.removeSync(Buffer.from(key));
    });
  }

  private putRecord(record: NamespaceRecord): void {
    this.records.putSync(record.name, printRecord(record));
    if (record.number >= this.nextNumber()) this.root.putSync(COUNTER_KEY, String(record.number + 1));
  }

  private range(number: number): Iterable<{ key: Uint8Array; value: Uint8Array }> {
    return this.rows.getRange({ start: firstKey(number), end: firstKey(number + 1) });
  }

  /** Every document of a namespace, by id. */
  *documents(record: NamespaceRecord): Iterable<readonly [Id, Map<string, Value>]> {
    for (const { key, value } of this.range(record.number)) {
      yield [decodeId(key, record.schema.idType), decodeRow(value, record.schema)];
    }
  }

  async close(): Promise<void> {
    await this.root.close();
  }
}
