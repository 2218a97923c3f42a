/**
 * Where in a write body the parts are that the document cache needs, noted while the body is walked. Positions are plain
 * numbers, since a body may hold a million rows.
 */

/** Asks upstream to tell the ids of the rows that a write has changed. */
export const affectedIdsKey = "return_affected_ids";

/** Rows of one write that are followed one by one; about what the budget of the cache allows. */
export const ROWS_MAX = 20_000;
/** Members of all those rows together: 16 MB of positions. */
const MEMBERS_MAX = 500_000;

/** A list of rows: where the id and every member of each is. Beyond the bounds rows are only counted. */
export class RowSpans {
  /** Rows so far. */
  count = 0;
  /** Offset of each id's first byte, -1 in a row without one, and behind its last. */
  readonly idStarts: number[] = [];
  readonly idEnds: number[] = [];
  /** Of each member: key without quotes, start and end, then value, start and end. */
  readonly members: number[] = [];
  /** Where the members of each row begin in `members`. */
  readonly #firsts: number[] = [];

  /** Whether there are more than are followed. */
  get isOver(): boolean {
    return this.count > ROWS_MAX || this.members.length > MEMBERS_MAX * 4;
  }

  beginRow(): void {
    this.count += 1;
    if (this.isOver) return;
    this.idStarts.push(-1);
    this.idEnds.push(-1);
    this.#firsts.push(this.members.length);
  }

  id(start: number, end: number): void {
    if (this.isOver) return;
    this.idStarts[this.count - 1] = start;
    this.idEnds[this.count - 1] = end;
  }

  member(keyStart: number, keyEnd: number, start: number, end: number): void {
    if (!this.isOver) this.members.push(keyStart, keyEnd, start, end);
  }

  /** The index in `members` at which a row's begin; that of the next row is where they end. */
  first(row: number): number {
    return this.#firsts[row] ?? this.members.length;
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
