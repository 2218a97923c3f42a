/**
 * What survives the process: an lmdb file with one record per namespace and one per document. A commit is one
 * synchronous lmdb transaction, flushed before it returns: it costs a fsync on the engine's thread and buys the plainest
 * guarantee there is. An acknowledged write is on disk, a failed one left nothing, and no other write ran in between.
 *
 * Where a table has been saved beside it (`snapshots.ts`), the file also says which, and which documents changed since.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Database, open, type RootDatabase } from "lmdb";
import type { Id } from "../ids.js";
import type { Row, Value } from "../values.js";
import { type NamespaceRecord, parseRecord, printRecord } from "./namespace-record.js";
import {
  decodeId,
  decodeIds,
  decodeRow,
  encodeJournalKey,
  encodeKey,
  encodeKeys,
  encodeRow,
  firstKey,
} from "./row-codec.js";
import { damageOf } from "./store-file.js";

/**
 * Version of everything this file writes. A reader refuses what is newer than itself and takes over what is older: format
 * 1 had no snapshots, which is what a directory without any looks like.
 */
export const FORMAT_VERSION = 2;

/** Namespaces are numbered so that a deleted name can be used again at once; the counter never goes back. */
const COUNTER_KEY = "next-namespace";
const FORMAT_KEY = "format";

/** A saved table: what its file is called by, and the commit whose documents it holds. */
export interface SavedTable {
  readonly token: string;
  readonly commit: number;
}

export class Store {
  /** The saved tables by number, as the file has them: every commit asks. */
  private readonly savedTables: Map<number, SavedTable>;

  private constructor(
    private readonly root: RootDatabase<string, string>,
    private readonly records: Database<string, string>,
    private readonly rows: Database<Buffer, Uint8Array>,
    private readonly saved: Database<SavedTable, number>,
    private readonly journal: Database<Buffer, Uint8Array>,
  ) {
    this.savedTables = new Map(Array.from(saved.getRange({}), ({ key, value }) => [key, value]));
  }

  /**
   * Opens or creates the store in a directory. Throws when the directory cannot be used, its file is damaged or its format
   * is newer than this version knows; the message says what to do.
   */
  static open(directory: string): Store {
    mkdirSync(directory, { recursive: true });
    const path = join(directory, "engine.mdb");
    const damage = damageOf(path);
    if (damage !== null) {
      throw new Error(
        `data directory ${directory} has a damaged engine.mdb, ${damage}: put back a backup or use another directory`,
      );
    }
    const root = open<string, string>({ path, encoding: "string", maxDbs: 8 });
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
    const binary = { encoding: "binary", keyEncoding: "binary" } as const;
    return new Store(
      root,
      root.openDB<string, string>({ name: "namespaces", encoding: "string" }),
      root.openDB<Buffer, Uint8Array>({ name: "rows", ...binary }),
      root.openDB<SavedTable, number>({ name: "saved-tables", encoding: "json" }),
      root.openDB<Buffer, Uint8Array>({ name: "journal", ...binary }),
    );
  }

  /** Every namespace, by name. */
  namespaces(): NamespaceRecord[] {
    return Array.from(this.records.getRange({}), ({ value }) => parseRecord(value));
  }

  /** A number that no namespace has or had. It is used up only by the commit that stores a record with it. */
  nextNumber(): number {
    return Number(this.root.get(COUNTER_KEY) ?? "1");
  }

  /**
   * Stores a namespace's record and changed documents, all or nothing, on disk when it returns. A saved table stays good,
   * with the changes noted beside it, when `keepsSaved` says so; else it is forgotten.
   */
  commit(record: NamespaceRecord, changes: ReadonlyMap<Id, Row | null>, keepsSaved: boolean): void {
    const { number, commit } = record;
    const isSaved = this.savedTables.has(number);
    this.root.transactionSync(() => {
      this.putRecord(record);
      for (const [id, row] of changes) {
        const key = encodeKey(number, id);
        if (row === null) this.rows.removeSync(key);
        else this.rows.putSync(key, encodeRow(row));
      }
      if (isSaved && !keepsSaved) this.forgetSaved(number);
      else if (isSaved && changes.size > 0)
        this.journal.putSync(encodeJournalKey(number, commit), encodeKeys(number, changes.keys()));
    });
    if (!keepsSaved) this.savedTables.delete(number);
  }

  /** Stores a record whose documents are those of another namespace; `replaced` had its name and no documents. */
  commitCopy(record: NamespaceRecord, source: NamespaceRecord, replaced: NamespaceRecord | null): void {
    this.root.transactionSync(() => {
      if (replaced !== null) this.forgetSaved(replaced.number);
      this.putRecord(record);
      for (const { key, value } of this.range(source.number)) {
        const copy = Buffer.from(key);
        copy.writeUInt32BE(record.number);
        this.rows.putSync(copy, Buffer.from(value));
      }
    });
    if (replaced !== null) this.savedTables.delete(replaced.number);
  }

  /** Removes a namespace with all its documents. */
  remove(record: NamespaceRecord): void {
    this.root.transactionSync(() => {
      this.records.removeSync(record.name);
      for (const { key } of this.range(record.number)) this.rows.removeSync(Buffer.from(key));
      this.forgetSaved(record.number);
    });
    this.savedTables.delete(record.number);
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

  /** One document, null when it is not there. */
  document(record: NamespaceRecord, id: Id): Map<string, Value> | null {
    const value = this.rows.get(encodeKey(record.number, id));
    return value === undefined ? null : decodeRow(value, record.schema);
  }

  /** The saved table of a namespace, by its number. */
  savedTable(number: number): SavedTable | undefined {
    return this.savedTables.get(number);
  }

  /** Tokens of all saved tables. */
  savedTokens(): Set<string> {
    return new Set(Array.from(this.savedTables.values(), ({ token }) => token));
  }

  /** Makes a table the saved one of a namespace, in place of any earlier one. */
  putSaved(number: number, table: SavedTable): void {
    this.root.transactionSync(() => {
      this.forgetSaved(number);
      this.saved.putSync(number, table);
    });
    this.savedTables.set(number, table);
  }

  /** Within a transaction; once it is through, the caller changes `savedTables` too. */
  private forgetSaved(number: number): void {
    this.saved.removeSync(number);
    const range = { start: firstKey(number), end: firstKey(number + 1) };
    for (const key of Array.from(this.journal.getKeys(range))) this.journal.removeSync(Buffer.from(key));
  }

  /** Ids of the documents changed since a table was saved, or null when not every change was noted. */
  changedSince(record: NamespaceRecord, { commit }: SavedTable): Set<Id> | null {
    const ids = new Set<Id>();
    let commits = 0;
    for (const { value } of this.journal.getRange({
      start: firstKey(record.number),
      end: firstKey(record.number + 1),
    })) {
      for (const id of decodeIds(value, record.schema.idType)) ids.add(id);
      commits++;
    }
    return commit + commits === record.commit ? ids : null;
  }

  async close(): Promise<void> {
    await this.root.close();
  }
}
