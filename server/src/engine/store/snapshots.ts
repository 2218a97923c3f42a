/**
 * Tables saved beside the store, so that opening a namespace reads arrays instead of parsing documents and analysing
 * texts again. A saved table is a cache and never the truth: the store says in a transaction of its own which file is
 * good and which documents changed since, and whatever is in doubt about a file sends the reader back to the rows.
 *
 * A kill at any point leaves either the earlier file or the new one in force; the other is swept out at the next start.
 */
import { closeSync, mkdirSync, openSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DamagedFrames, FrameReader, FrameWriter } from "../table/frames.js";
import { Table } from "../table/table.js";
import { ANALYSIS_VERSION } from "../text/analysis-version.js";
import { type NamespaceRecord, printStoredSchema } from "./namespace-record.js";
import type { SavedTable, Store } from "./store.js";

/** Version of the files; one of another version is made anew from the rows. */
const FILE_VERSION = 1;

/** What else the contents depend on: terms are found by the same analysis that made them, or not at all. */
const MADE_BY = `${FILE_VERSION} analysis ${ANALYSIS_VERSION} unicode ${process.versions.unicode} icu ${process.versions.icu}`;

/** A table as it was saved, and how many documents have since been put right in it. */
export interface Restored {
  readonly table: Table;
  readonly changed: number;
}

export class Snapshots {
  private readonly directory: string;

  /** Sweeps out files that the store does not name. `notice` is told of files that could not be used. */
  constructor(
    dataDirectory: string,
    private readonly store: Store,
    private readonly newToken: () => string,
    private readonly notice: (message: string) => void,
  ) {
    this.directory = join(dataDirectory, "snapshots");
    mkdirSync(this.directory, { recursive: true });
    const named = store.savedTokens();
    for (const file of readdirSync(this.directory)) {
      if (!named.has(file)) rmSync(join(this.directory, file), { force: true });
    }
  }

  /** The namespace's table as of its last commit, or null when there is no saved one that can be trusted. */
  restore(record: NamespaceRecord): Restored | null {
    const saved = this.store.savedTable(record.number);
    if (saved === undefined) return null;
    const changed = this.store.changedSince(record, saved);
    try {
      if (changed === null) throw new DamagedFrames("it is behind the documents");
      const table = this.read(record, saved);
      for (const id of changed) {
        const row = this.store.document(record, id);
        if (row === null) table.remove(id);
        else table.put(id, row);
      }
      return { table, changed: changed.size };
    } catch (error) {
      if (!isUnusable(error)) throw error;
      this.notice(`the saved table of namespace ${record.name} is made anew: ${(error as Error).message}`);
      return null;
    }
  }

  private read(record: NamespaceRecord, { token, commit }: SavedTable): Table {
    const fd = openSync(join(this.directory, token), "r");
    try {
      const source = new FrameReader(fd);
      if (JSON.stringify(source.json()) !== JSON.stringify(headOf(record, commit))) {
        throw new DamagedFrames("it was made by another version or for another namespace");
      }
      return Table.load(source, record.schema);
    } finally {
      closeSync(fd);
    }
  }

  /**
   * Saves a table in steps of a few milliseconds. The namespace must stay as it is until the last; a caller that sees it
   * change, or has no more time, returns the iterator, and the earlier saved table stays in force. Throws the system's
   * error when the file cannot be written.
   */
  *save(record: NamespaceRecord, table: Table): Generator<void> {
    const token = this.newToken();
    const path = join(this.directory, token);
    const earlier = this.store.savedTable(record.number);
    let isDone = false;
    try {
      yield* this.write(`${path}.part`, record, table);
      renameSync(`${path}.part`, path);
      this.store.putSaved(record.number, { token, commit: record.commit });
      isDone = true;
    } finally {
      if (!isDone) {
        rmSync(`${path}.part`, { force: true });
        rmSync(path, { force: true });
      }
    }
    if (earlier !== undefined) rmSync(join(this.directory, earlier.token), { force: true });
  }

  private *write(path: string, record: NamespaceRecord, table: Table): Generator<void> {
    const fd = openSync(path, "wx");
    try {
      const out = new FrameWriter(fd);
      out.putJson(headOf(record, record.commit));
      yield* table.save(out);
    } finally {
      closeSync(fd);
    }
  }

  /** Removes the file of a table that the store has forgotten. */
  discard(saved: SavedTable | undefined): void {
    if (saved !== undefined) rmSync(join(this.directory, saved.token), { force: true });
  }
}

function headOf({ number, schema }: NamespaceRecord, commit: number) {
  return { madeBy: MADE_BY, number, commit, schema: printStoredSchema(schema) };
}

/** Damage, and a file that is not there or cannot be read. A defect is neither. */
function isUnusable(error: unknown): boolean {
  return error instanceof DamagedFrames || typeof (error as NodeJS.ErrnoException).syscall === "string";
}
