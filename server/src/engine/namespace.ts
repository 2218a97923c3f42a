/**
 * One namespace: its stored record and, once something asks for documents, its table. Every method runs to its end on
 * one thread without yielding, so readers see a write wholly or not at all and writes have one order without locks.
 */
import { EngineError } from "./errors.js";
import type { Id } from "./ids.js";
import type { Holder, TableMemory } from "./memory.js";
import { isSameSchema, type Schema } from "./schema/schema.js";
import type { NamespaceRecord } from "./store/namespace-record.js";
import type { Snapshots } from "./store/snapshots.js";
import type { Store } from "./store/store.js";
import { rowHeapBytes } from "./table/heap-bytes.js";
import { Table } from "./table/table.js";
import type { Row } from "./values.js";

/** Chosen: so many changed documents are put right at opening in some tens of milliseconds. */
const SAVE_CHANGED_MIN = 1_000;
/** Chosen: the share of changed documents from which saving a table again is worth its bytes. */
const SAVE_CHANGED_SHARE = 0.1;
/** Chosen: beyond this share, putting them right costs as much as reading all of them. */
const CATCH_UP_SHARE = 0.5;

/** Where namespaces keep what must outlive the process. */
export interface Storage {
  readonly store: Store;
  readonly snapshots: Snapshots;
  readonly memory: TableMemory;
}

export class Namespace implements Holder {
  private loaded: Table | null;
  private current: NamespaceRecord;
  /** Documents changed since the saved table; all of them when there is none. */
  private changed = 0;

  /** `isNew` spares reading documents that cannot be there. */
  constructor(
    private readonly storage: Storage,
    record: NamespaceRecord,
    isNew: boolean,
  ) {
    this.current = record;
    this.loaded = isNew ? tableFor(record) : null;
  }

  get name(): string {
    return this.current.name;
  }

  get record(): NamespaceRecord {
    return this.current;
  }

  /** The documents in memory, read when they are not there. Throws 400 when they do not fit. */
  get table(): Table {
    this.loaded ??= this.load();
    this.storage.memory.touch(this);
    return this.loaded;
  }

  get heapBytes(): number {
    return this.loaded?.heapBytes ?? 0;
  }

  unload(): void {
    this.loaded = null;
  }

  private load(): Table {
    const { store, snapshots, memory } = this.storage;
    memory.admit(this, this.current.heapBytes);
    const restored = snapshots.restore(this.current);
    if (restored !== null) {
      this.changed = restored.changed;
      return restored.table;
    }
    const table = tableFor(this.current);
    for (const [id, row] of store.documents(this.current)) table.put(id, row);
    this.changed = table.rowCount;
    return table;
  }

  /** Throws 400 when a write that takes so much memory while it is worked on does not fit. */
  admitWrite(bytes: number): void {
    void this.table;
    this.storage.memory.admitWrite(this, bytes);
  }

  /** Makes a change durable, then visible. When it throws, neither has happened. */
  apply(next: NamespaceRecord, changes: ReadonlyMap<Id, Row | null>): void {
    const { table } = this;
    const { store, snapshots, memory } = this.storage;
    const growth = growthOf(changes, next.schema);
    memory.admit(this, growth);
    const record = {
      ...next,
      commit: next.commit + (changes.size === 0 ? 0 : 1),
      heapBytes: table.heapBytes + growth,
    };
    const changed = this.changed + changes.size;
    const saved = store.savedTable(record.number);
    const keepsSaved =
      isSameSchema(record.schema, this.current.schema) &&
      changed <= Math.max(SAVE_CHANGED_MIN, table.rowCount * CATCH_UP_SHARE);
    durably(() => store.commit(record, changes, keepsSaved));
    this.current = record;
    table.adopt(record.schema);
    for (const [id, row] of changes) {
      if (row === null) table.remove(id);
      else table.put(id, row);
    }
    table.compactIfDue();
    this.changed = keepsSaved ? changed : table.rowCount;
    if (!keepsSaved) snapshots.discard(saved);
  }

  /** Whether so much has changed since the table was saved that it should be again. */
  get isSaveDue(): boolean {
    if (this.loaded === null) return false;
    return this.changed >= Math.max(SAVE_CHANGED_MIN, this.loaded.rowCount * SAVE_CHANGED_SHARE);
  }

  /** Saves the table, a few milliseconds' worth at each step. The caller ends it early when `record` changes meanwhile. */
  *save(): Generator<void> {
    yield* this.storage.snapshots.save(this.current, this.table);
    this.changed = 0;
  }
}

/** Heap bytes that the new documents will take; what they replace stays for a while. */
function growthOf(changes: ReadonlyMap<Id, Row | null>, schema: Schema): number {
  let bytes = 0;
  for (const row of changes.values()) if (row !== null) bytes += rowHeapBytes(row, schema);
  return bytes;
}

function tableFor(record: NamespaceRecord): Table {
  const table = new Table();
  table.adopt(record.schema);
  return table;
}

/** Runs a commit; a store that cannot take it (a full disk, say) becomes a 503 and nothing has changed. */
export function durably(commit: () => void): void {
  try {
    commit();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EngineError(503, `the write could not be stored and was not applied: ${reason}`, { cause });
  }
}
