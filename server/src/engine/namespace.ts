/**
 * One namespace: its stored record and, once something asks for documents, its table. Every method runs to its end on
 * one thread without yielding, so readers see a write wholly or not at all and writes have one order without locks.
 */
import { EngineError } from "./errors.js";
import type { Id } from "./ids.js";
import type { NamespaceRecord } from "./store/namespace-record.js";
import type { Store } from "./store/store.js";
import { Table } from "./table/table.js";
import type { Row } from "./values.js";

export class Namespace {
  private loaded: Table | null;
  private current: NamespaceRecord;

  /** `isNew` spares reading documents that cannot be there. */
  constructor(
    private readonly store: Store,
    record: NamespaceRecord,
    isNew: boolean,
  ) {
    this.current = record;
    this.loaded = isNew ? tableFor(record) : null;
  }

  get record(): NamespaceRecord {
    return this.current;
  }

  /** The documents in memory, read from the store on first use. */
  get table(): Table {
    if (this.loaded === null) {
      const table = tableFor(this.current);
      for (const [id, row] of this.store.documents(this.current)) table.put(id, row);
      this.loaded = table;
    }
    return this.loaded;
  }

  /** Makes a change durable, then visible. When it throws, neither has happened. */
  apply(record: NamespaceRecord, changes: ReadonlyMap<Id, Row | null>): void {
    const { table } = this;
    durably(() => this.store.commit(record, changes));
    this.current = record;
    table.adopt(record.schema);
    for (const [id, row] of changes) {
      if (row === null) table.remove(id);
      else table.put(id, row);
    }
    table.compactIfDue();
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
