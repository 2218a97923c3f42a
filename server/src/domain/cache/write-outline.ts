/**
 * Where in a write body the parts are that the document cache needs, noted while the body is walked. Positions are plain
 * numbers, since a body may hold a million rows.
 */

/** Asks upstream to tell the ids of the rows that a write has changed. */
export const affectedIdsKey = "return_affected_ids";

/** A list of rows: where each begins and ends, and its id. */
export class RowSpans {
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  /** Offset of the id's first byte; -1 in a row without one. */
  readonly idStarts: number[] = [];
  readonly idEnds: number[] = [];

  get count(): number {
    return this.starts.length;
  }
}

export interface Span {
  readonly start: number;
  readonly end: number;
}

export class WriteOutline {
  readonly upsertRows = new RowSpans();
  readonly patchRows = new RowSpans();
  /** The object of columns. */
  upsertColumns: Span | undefined;
  patchColumns: Span | undefined;
  /** The array of ids. */
  deletes: Span | undefined;
  schema: Span | undefined;
  /** Attribute names of all rows and columns. */
  readonly names = new Set<string>();
  /** More names than are worth noting. */
  hasManyNames = false;
  deletesByFilter = false;
  patchesByFilter = false;
  copies = false;
  upsertsOnCondition = false;
  patchesOnCondition = false;
  deletesOnCondition = false;
  /** Whether the caller wants to be told which rows were affected. */
  wantsIds = false;
  /** Where the caller says that it does not. */
  #wish: Span | undefined;

  /** Whether only upstream knows which of the rows are written. */
  get needsIds(): boolean {
    return (
      this.deletesByFilter ||
      this.patchesByFilter ||
      this.upsertsOnCondition ||
      this.patchesOnCondition ||
      this.deletesOnCondition
    );
  }

  /** Whether anything of it can change rows. */
  get changesRows(): boolean {
    return (
      this.copies ||
      this.deletesByFilter ||
      this.patchesByFilter ||
      this.upsertRows.count + this.patchRows.count > 0 ||
      this.upsertColumns !== undefined ||
      this.patchColumns !== undefined ||
      this.deletes !== undefined
    );
  }

  /** Notes an operation, or what goes with one. */
  note(name: string, span: Span): void {
    switch (name) {
      case "upsert_columns":
        this.upsertColumns = span;
        break;
      case "patch_columns":
        this.patchColumns = span;
        break;
      case "deletes":
        this.deletes = span;
        break;
      case "schema":
        this.schema = span;
        break;
      case "upsert_condition":
        this.upsertsOnCondition = true;
        break;
      case "patch_condition":
        this.patchesOnCondition = true;
        break;
      case "delete_condition":
        this.deletesOnCondition = true;
    }
  }

  /** Notes `return_affected_ids`. What is neither true, false nor null is upstream's to refuse, and stays as it is. */
  noteWish(bytes: Buffer, span: Span): void {
    const text = bytes.toString("latin1", span.start, Math.min(span.end, span.start + 6));
    if (text === "false" || text === "null") this.#wish = span;
    else this.wantsIds = true;
  }

  /**
   * What to write, and where, so that upstream tells which rows it wrote; undefined where that needs nothing.
   * @param end offset of the brace that closes the body
   */
  forcedIds(end: number): (Span & { readonly text: string }) | undefined {
    if (!this.needsIds || this.wantsIds) return undefined;
    if (this.#wish !== undefined) return { ...this.#wish, text: "true" };
    return { start: end, end, text: `,"${affectedIdsKey}":true` };
  }

  addName(name: string): void {
    if (this.names.size < NAMES_MAX) this.names.add(name);
    else this.hasManyNames = true;
  }
}

/** Upstream allows a namespace far fewer attributes. */
const NAMES_MAX = 10_000;
