/**
 * One walk over a write body: what it asks for, what is wrong with it, and where stamps go.
 *
 * Nothing is parsed into values and nothing is rewritten here; the walk yields a splice that `writes.ts` applies once it
 * knows the stamp. Only what the gateway must refuse is refused (a body that cannot be stamped, names it owns, keys that
 * were removed); the rest is upstream's to judge, in upstream's own words.
 *
 * A key that occurs twice, or is spelled with escapes, at a level that is inspected makes the body ambiguous: the walk
 * stops, and runs again over the normalised text.
 */

import { AppError } from "../../errors.js";
import { JsonCursor, type KeySpan } from "../../lang/json-cursor.js";
import { normaliseKeys, skipStrictly } from "../../lang/json-normalise.js";
import { Splice } from "../../lang/json-splice.js";
import { affectedIdsKey, type RowSpans, WriteOutline } from "../cache/write-outline.js";
import { isReservedId, stampAttribute, stampType } from "../reserved.js";
import { AttributeKeys } from "./attribute-keys.js";
import { isOperationKey, WriteFaults } from "./write-faults.js";

export interface WriteInspection {
  /** The body the splice applies to: the caller's, or its normalised form. */
  bytes: Buffer;
  /** Puts the stamp wherever the body needs one. */
  splice: Splice;
  /** A copy or branch, which may take much longer than a write. */
  copies: boolean;
  /** Whether the splice puts a stamp anywhere. */
  stamps: boolean;
  /** Rows that get one. */
  rows: number;
  /** The most bytes that applying the splice takes beside the body; 0 when it changes nothing. */
  copyBytesMax: number;
  /** Where the parts are that the document cache needs, in `bytes`; only when asked for. */
  outline: WriteOutline | undefined;
}

export interface InspectionOptions {
  /**
   * There is a document cache: notes where rows are, and has upstream tell which rows it wrote where only it knows. Default
   * false.
   */
  mirrors?: boolean;
}

/**
 * @param bytesMax the largest body upstream takes, stamps included
 * @throws JsonSyntaxError when the text is not JSON as far as it was read
 * @throws AppError `validation_error` naming field and rule; of several faults, removed keys are named first, then a
 *   missing operation, then a shape that cannot be stamped, then reserved names
 * @throws AppError `payload_too_large` when stamps would make the body larger than `bytesMax`
 */
export function inspectWrite(
  body: Buffer,
  bytesMax: number,
  { mirrors = false }: InspectionOptions = {},
): WriteInspection {
  const outline = () => (mirrors ? new WriteOutline() : undefined);
  const inspection = new Walk(body, bytesMax, false, outline()).run();
  if (inspection !== "ambiguous") return inspection;
  const normalised = new Walk(normaliseKeys(body), bytesMax, true, outline()).run();
  if (normalised === "ambiguous") throw new Error("a normalised write body was ambiguous");
  return normalised;
}

/** Thrown through the walk, caught by `run`. */
class Ambiguity extends Error {}

const removedKeys = new Map([
  ["upserts", "upsert_rows"],
  ["patches", "patch_rows"],
]);

/** Digits of a stamp and a comma; good until the year 2286. */
const stampBytes = 14;
const memberBytes = `"${stampAttribute}":`.length + stampBytes;

class Walk {
  readonly #cursor: JsonCursor;
  readonly #bytesMax: number;
  readonly #normalised: boolean;
  readonly #splice = new Splice();
  readonly #keys: AttributeKeys;
  readonly #faults = new WriteFaults();
  readonly #operations = new Set<string>();
  readonly #value = this.#splice.template((stamp) => stamp);
  readonly #member = this.#splice.template((stamp) => `,"${stampAttribute}":${stamp}`);
  readonly #onlyMember = this.#splice.template((stamp) => `"${stampAttribute}":${stamp}`);
  /** Declares the stamp in a schema that lacks it; wanted only when something is stamped. */
  #declaration: { at: number; first: boolean } | undefined;
  #stamped = false;
  #stampedRows = 0;
  /** How much stamps add at most. */
  #addedBytes = 0;
  readonly #outline: WriteOutline | undefined;
  /** Offset of the brace that closes the body. */
  #bodyEnd = 0;

  constructor(bytes: Buffer, bytesMax: number, normalised: boolean, outline: WriteOutline | undefined) {
    this.#cursor = new JsonCursor(bytes);
    this.#bytesMax = bytesMax;
    this.#normalised = normalised;
    this.#outline = outline;
    this.#keys = new AttributeKeys(bytes, outline && ((name) => outline.addName(name)));
  }

  run(): WriteInspection | "ambiguous" {
    try {
      this.#body();
    } catch (error) {
      if (error instanceof Ambiguity) return "ambiguous";
      throw error;
    }
    this.#faults.throwFirst(this.#operations.size > 0);
    this.#declareStamp();
    const copies =
      this.#operations.has("copy_from_namespace") || this.#operations.has("branch_from_namespace");
    if (this.#outline !== undefined) this.#finishOutline(this.#outline, copies);
    return {
      bytes: this.#cursor.bytes,
      splice: this.#splice,
      copies,
      stamps: this.#stamped,
      rows: this.#stampedRows,
      copyBytesMax: this.#splice.isEmpty ? 0 : this.#cursor.bytes.length + this.#addedBytes,
      outline: this.#outline,
    };
  }

  #finishOutline(outline: WriteOutline, copies: boolean): void {
    outline.copies = copies;
    outline.deletesByFilter = this.#operations.has("delete_by_filter");
    outline.patchesByFilter = this.#operations.has("patch_by_filter");
    const forced = outline.forcedIds(this.#bodyEnd);
    if (forced === undefined) return;
    const { start, end, text } = forced;
    this.#splice.replace(
      start,
      end,
      this.#splice.template(() => text),
    );
  }

  #body(): void {
    const cursor = this.#cursor;
    if (cursor.kind() !== "object") {
      cursor.skip();
      cursor.finish();
      throw new AppError("validation_error", "write body: expected an object");
    }
    const seen = new Set<string>();
    cursor.object((key) => {
      const name = this.#uniqueName(key, seen);
      const replacement = removedKeys.get(name);
      if (replacement !== undefined) {
        this.#faults.add("removed", `${name}: this key was removed, use ${replacement}`);
      }
      // Clients that spell out absent fields send null: upstream reads that as absent, and so does this.
      if (name === affectedIdsKey) this.#wish();
      else if (isNull(cursor)) cursor.skip();
      else this.#operation(name);
    });
    this.#bodyEnd = cursor.position - 1;
    cursor.finish();
  }

  #wish(): void {
    const start = this.#cursor.position;
    this.#cursor.skip();
    this.#outline?.noteWish(this.#cursor.bytes, { start, end: this.#cursor.position });
  }

  #operation(name: string): void {
    if (isOperationKey(name)) this.#operations.add(name);
    const outline = this.#outline;
    const { position: start } = this.#cursor;
    switch (name) {
      case "upsert_rows":
        this.#rows(name, outline?.upsertRows);
        return;
      case "patch_rows":
        this.#rows(name, outline?.patchRows);
        return;
      case "upsert_columns":
      case "patch_columns":
        this.#columns(name);
        break;
      case "patch_by_filter":
        this.#patchByFilter();
        return;
      case "deletes":
        this.#ids("deletes");
        break;
      case "schema":
        this.#schema();
        break;
      default:
        this.#cursor.skip();
    }
    outline?.note(name, { start, end: this.#cursor.position });
  }

  #rows(path: string, spans: RowSpans | undefined): void {
    const cursor = this.#cursor;
    if (cursor.kind() !== "array") {
      this.#misshapen(path, "expected an array of row objects");
      return;
    }
    cursor.array((index) => {
      spans?.beginRow();
      this.#attributes(() => `${path}[${index}]`, spans);
    });
  }

  /** A row, or the `patch` of a filter: an object of attributes that gets the stamp. */
  #attributes(path: () => string, spans?: RowSpans): void {
    const cursor = this.#cursor;
    if (cursor.kind() !== "object") {
      this.#misshapen(path(), "expected an object");
      return;
    }
    this.#keys.nextRow();
    let members = 0;
    let stamped = false;
    cursor.object((key) => {
      members++;
      const start = cursor.position;
      switch (this.#classify(key, path)) {
        case "stamp":
          this.#skipOverwritten();
          this.#splice.replace(start, cursor.position, this.#value);
          stamped = true;
          return;
        case "id":
          this.#id(() => `${path()}.id`);
          spans?.id(start, cursor.position);
          return;
        default:
          cursor.skip();
          spans?.member(key.start, key.end, start, cursor.position);
      }
    });
    this.#stamped = true;
    this.#stampedRows++;
    this.#grow(memberBytes);
    if (stamped) return;
    const at = cursor.position - 1;
    this.#splice.replace(at, at, members === 0 ? this.#onlyMember : this.#member);
  }

  #columns(path: string): void {
    const cursor = this.#cursor;
    if (cursor.kind() !== "object") {
      this.#misshapen(path, "expected an object of arrays");
      return;
    }
    this.#keys.nextRow();
    let ids: number | undefined;
    let members = 0;
    let stampColumn: { start: number; end: number } | undefined;
    cursor.object((key) => {
      members++;
      const start = cursor.position;
      const name = () => `${path}.${cursor.name(key)}`;
      const keyClass = this.#classify(key, () => path);
      if (keyClass === "stamp") {
        this.#skipOverwritten();
        stampColumn = { start, end: cursor.position };
      } else if (cursor.kind() !== "array") this.#misshapen(name(), "expected an array");
      else if (keyClass === "id") ids = this.#ids(name());
      else cursor.skip();
    });
    if (ids === undefined) {
      this.#faults.add("shape", `${path}.id: expected an array of ids`);
      return;
    }
    this.#stamped = true;
    this.#stampedRows += ids;
    this.#grow(memberBytes + ids * stampBytes);
    this.#stampColumn(ids, stampColumn, cursor.position - 1, members === 0);
  }

  #stampColumn(
    rows: number,
    present: { start: number; end: number } | undefined,
    close: number,
    first: boolean,
  ): void {
    const column = (stamp: string) => `[${new Array(rows).fill(stamp).join(",")}]`;
    if (present !== undefined) {
      this.#splice.replace(present.start, present.end, this.#splice.template(column));
      return;
    }
    const comma = first ? "" : ",";
    const member = (stamp: string) => `${comma}"${stampAttribute}":${column(stamp)}`;
    this.#splice.replace(close, close, this.#splice.template(member));
  }

  #patchByFilter(): void {
    const cursor = this.#cursor;
    const rule = "expected an object of attributes";
    if (cursor.kind() !== "object") {
      this.#misshapen("patch_by_filter.patch", rule);
      return;
    }
    const seen = new Set<string>();
    let patched = false;
    cursor.object((key) => {
      if (this.#uniqueName(key, seen) === "patch") {
        patched = true;
        this.#attributes(() => "patch_by_filter.patch");
      } else cursor.skip();
    });
    if (!patched) this.#faults.add("shape", `patch_by_filter.patch: ${rule}`);
  }

  #schema(): void {
    const cursor = this.#cursor;
    if (cursor.kind() !== "object") {
      cursor.skip();
      return;
    }
    this.#keys.nextRow();
    let members = 0;
    let declared = false;
    cursor.object((key) => {
      members++;
      const start = cursor.position;
      if (this.#classify(key, () => "schema") !== "stamp") {
        cursor.skip();
        return;
      }
      this.#skipOverwritten();
      declared = true;
      this.#splice.replace(
        start,
        cursor.position,
        this.#splice.template(() => `"${stampType}"`),
      );
    });
    if (!declared) this.#declaration = { at: cursor.position - 1, first: members === 0 };
  }

  #declareStamp(): void {
    if (!this.#stamped || this.#declaration === undefined) return;
    const { at, first } = this.#declaration;
    const member = `${first ? "" : ","}"${stampAttribute}":"${stampType}"`;
    this.#splice.replace(
      at,
      at,
      this.#splice.template(() => member),
    );
  }

  /**
   * Moves past a value that the stamp replaces, checking it to the bottom: left out of what upstream parses, a broken one
   * would make the whole body pass for JSON.
   */
  #skipOverwritten(): void {
    skipStrictly(this.#cursor);
  }

  /** Walks ids and returns how many there are; any other value is skipped. */
  #ids(path: string): number {
    const cursor = this.#cursor;
    if (cursor.kind() !== "array") {
      cursor.skip();
      return 0;
    }
    let count = 0;
    cursor.array((index) => {
      this.#id(() => `${path}[${index}]`);
      count++;
    });
    return count;
  }

  #id(path: () => string): void {
    const cursor = this.#cursor;
    const isString = cursor.kind() === "string";
    const start = cursor.position;
    const first = cursor.bytes[start + 1];
    // Almost every id is settled by its first byte, without decoding it.
    if (!isString || (first !== 0x5f && first !== 0x5c)) cursor.skip();
    else if (isReservedId(cursor.string()))
      this.#faults.add("reserved", `${path()}: ids beginning _hevlayer: are reserved`);
  }

  /** The class of an attribute's key, its faults recorded. */
  #classify(key: KeySpan, path: () => string): "plain" | "id" | "stamp" {
    if (key.escaped && !this.#normalised) throw new Ambiguity();
    const keyClass = this.#keys.classify(key);
    switch (keyClass) {
      case "repeated":
        throw new Ambiguity();
      case "reserved":
        this.#faults.add(
          "reserved",
          `${path()}.${this.#cursor.name(key)}: attribute names beginning _hevlayer_ are reserved`,
        );
        return "plain";
      case "removed":
        this.#faults.add("removed", `${path()}.${this.#cursor.name(key)}: blob attributes are not supported`);
        return "plain";
      default:
        return keyClass;
    }
  }

  /** The name of a key that must occur once. */
  #uniqueName(key: KeySpan, seen: Set<string>): string {
    if (key.escaped && !this.#normalised) throw new Ambiguity();
    const name = this.#cursor.name(key);
    if (seen.has(name)) throw new Ambiguity();
    seen.add(name);
    return name;
  }

  /** Checked on the way: a body of millions of empty rows would otherwise fill the memory before it is refused. */
  #grow(bytes: number): void {
    this.#addedBytes += bytes;
    if (this.#cursor.bytes.length + this.#addedBytes <= this.#bytesMax) return;
    throw new AppError(
      "payload_too_large",
      `write body with its stamps is larger than ${this.#bytesMax} bytes`,
    );
  }

  #misshapen(path: string, rule: string): void {
    this.#faults.add("shape", `${path}: ${rule}`);
    this.#cursor.skip();
  }
}

function isNull(cursor: JsonCursor): boolean {
  return cursor.kind() === "scalar" && cursor.bytes[cursor.position] === 0x6e;
}
