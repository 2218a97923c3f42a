/**
 * One namespace: its stored record and, once something asks for documents, its table. Every method runs to its end on
 * one thread without yielding, so readers see a write wholly or not at all and writes have one order without locks.
 */
import { EngineError } from "./errors.js";
import type { Id } from "./ids.js";
import { isSameSchema } from "./schema/schema.js";
import type { NamespaceRecord } from "./store/namespace-record.js";
import type { Snapshots } from "./store/snapshots.js";
import type { Store } from "./store/store.js";
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
}

export class Namespace {
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

  get record(): NamespaceRecord {
    return this.current;
  }

  /** The documents in memory, read on first use. */
  get table(): Table {
    this.loaded ??= this.load();
    return this.loaded;
  }

  private load(): Table {
    const { store, snapshots } = this.storage;
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

  /** Makes a change durable, then visible. When it throws, neither has happened. */
  apply(next: NamespaceRecord, changes: ReadonlyMap<Id, Row | null>): void {
    const { table } = this;
    const { store, snapshots } = this.storage;
    const record = changes.size === 0 ? next : { ...next, commit: next.commit + 1 };
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
