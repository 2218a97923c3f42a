/** The rows of a write body as the cache will keep them, read out of the body once it has been applied. */

import { JsonCursor } from "../../lang/json-cursor.js";
import { JsonElements } from "../../lang/json-elements.js";
import type { AttributeClass, NamespaceTypes } from "../documents/id-types.js";
import { isReservedAttribute, isVectorAttribute, stampAttribute } from "../reserved.js";
import { exactJson, isExactText } from "./exact-values.js";
import type { RowOutcome } from "./pending-records.js";
import { Arena, DocumentWriter, userMembers } from "./stored-document.js";
import { type StoredVector, vectorFromJson } from "./stored-vector.js";
import type { RowOperation } from "./write-ids.js";
import type { RowSpans, Span, WriteOutline } from "./write-outline.js";

/** Receives the rows in the order in which `visitIds` gives their ids. */
export type RowVisitor = (operation: RowOperation, outcome: RowOutcome) => void | Promise<void>;

const UNSURE: RowOutcome = { kind: "unsure" };
const GONE: RowOutcome = { kind: "gone" };
const NULL = 0x6e;
const STAMP_KEY = Buffer.from(JSON.stringify(stampAttribute));

/** Calls `visit` with every row of a write, in turn. @param stamp what was put on the rows */
export async function visitRows(
  bytes: Buffer,
  outline: WriteOutline,
  types: NamespaceTypes,
  stamp: number,
  visit: RowVisitor,
): Promise<void> {
  const reader = new RowReader(bytes, types, stamp);
  for (const [operation, rows] of [
    ["upsert", outline.upsertRows],
    ["patch", outline.patchRows],
  ] as const)
    for (let row = 0; row < rows.count; row++) {
      const pause = visit(operation, reader.row(operation, rows, row));
      if (pause !== undefined) await pause;
    }
  for (const [operation, columns] of [
    ["upsert", outline.upsertColumns],
    ["patch", outline.patchColumns],
  ] as const)
    for (const outcome of columns === undefined ? [] : reader.columns(operation, columns)) {
      const pause = visit(operation, outcome);
      if (pause !== undefined) await pause;
    }
  if (outline.deletes === undefined) return;
  const ids = new JsonElements(bytes, outline.deletes.start, outline.deletes.end);
  while (ids.next()) {
    const pause = visit("delete", GONE);
    if (pause !== undefined) await pause;
  }
}

interface KnownKey {
  /** Of the key's characters, quotes excluded. */
  readonly start: number;
  readonly end: number;
  readonly name: string;
  readonly role: "skipped" | "vector" | "attribute";
  readonly isReserved: boolean;
  readonly kind: AttributeClass | undefined;
}

class RowReader {
  readonly #bytes: Buffer;
  readonly #types: NamespaceTypes;
  /** The member that was put on every row. */
  readonly #stamp: Buffer;
  /** Documents and vectors of a chunk go into the cache together, and are over then. */
  readonly #arena = new Arena();
  readonly #writer = new DocumentWriter(this.#arena);
  /** Keys of the rows so far, by their place in a row: rows of a body nearly always have the same. */
  readonly #shape: KnownKey[] = [];

  constructor(bytes: Buffer, types: NamespaceTypes, stamp: number) {
    this.#bytes = bytes;
    this.#types = types;
    this.#stamp = Buffer.concat([STAMP_KEY, Buffer.from(`:${stamp}`)]);
  }

  row(operation: "upsert" | "patch", rows: RowSpans, row: number): RowOutcome {
    const build = operation === "upsert" ? new UpsertBuild(this.#writer, this.#arena) : new PatchBuild();
    const { members } = rows;
    const end = rows.first(row + 1);
    let place = 0;
    for (let at = rows.first(row); at < end; at += 4) {
      const known = this.#known(members[at] as number, members[at + 1] as number, place++);
      this.#take(build, known, members[at + 2] as number, members[at + 3] as number);
    }
    return build.finish(this.#stamp);
  }

  *columns(operation: "upsert" | "patch", columns: Span): Generator<RowOutcome> {
    const cursor = new JsonCursor(this.#bytes, columns.start, columns.end);
    const arrays: { known: KnownKey; elements: JsonElements }[] = [];
    cursor.object((key) => {
      const known = this.#known(key.start, key.end, arrays.length);
      arrays.push({ known, elements: new JsonElements(this.#bytes, cursor.position, columns.end) });
      cursor.skip();
    });
    for (;;) {
      const build = operation === "upsert" ? new UpsertBuild(this.#writer, this.#arena) : new PatchBuild();
      let hasRow = false;
      for (const { known, elements } of arrays) {
        if (!elements.next()) continue;
        hasRow = true;
        this.#take(build, known, elements.start, elements.end);
      }
      if (!hasRow) return;
      yield build.finish(this.#stamp);
    }
  }

  #take(build: UpsertBuild | PatchBuild, known: KnownKey, start: number, end: number): void {
    if (known.role === "skipped") return;
    const bytes = this.#bytes;
    if (bytes[start] === NULL) {
      build.clear(known.name);
      return;
    }
    if (known.role === "vector") {
      build.setVector(bytes.subarray(start, end), this.#types.vector === "float32");
      return;
    }
    const json = exactJson(known.kind, bytes, start, end);
    if (json === false) build.isExact = false;
    else if (typeof json === "string") build.setText(known.name, json);
    else build.copy(known, bytes, start, end);
  }

  #known(start: number, end: number, place: number): KnownKey {
    const before = this.#shape[place];
    if (before !== undefined && this.#isSame(before, start, end)) return before;
    const text = this.#bytes.toString("utf8", start, end);
    const name = text.includes("\\") ? (JSON.parse(`"${text}"`) as string) : text;
    const known: KnownKey = {
      start,
      end,
      name,
      role: roleOf(name),
      isReserved: isReservedAttribute(name),
      kind: this.#types.attributes.get(name),
    };
    this.#shape[place] = known;
    return known;
  }

  #isSame(known: KnownKey, start: number, end: number): boolean {
    if (known.end - known.start !== end - start) return false;
    for (let offset = end - start - 1; offset >= 0; offset--)
      if (this.#bytes[known.start + offset] !== this.#bytes[start + offset]) return false;
    return true;
  }
}

function roleOf(name: string): KnownKey["role"] {
  if (name === "id" || name === stampAttribute) return "skipped";
  if (name === "vector") return "vector";
  return isVectorAttribute(name) ? "skipped" : "attribute";
}

/** A whole document. */
class UpsertBuild {
  isExact = true;
  readonly #writer: DocumentWriter;
  readonly #arena: Arena;
  #vector: StoredVector | undefined;

  constructor(writer: DocumentWriter, arena: Arena) {
    this.#writer = writer;
    this.#arena = arena;
  }

  /** Nulls are as good as absent. */
  clear(_name: string): void {}

  /** A vector that upstream would give back otherwise stays unknown, and is read from upstream when it is needed. */
  setVector(json: Buffer, isExact: boolean): void {
    this.#vector = isExact ? vectorFromJson(json, this.#arena) : undefined;
  }

  setText(name: string, json: string): void {
    this.#writer.add(name, json);
  }

  copy(known: KnownKey, bytes: Buffer, start: number, end: number): void {
    this.#writer.copy(known.isReserved, bytes, known.start - 1, known.end + 1, start, end);
  }

  finish(stamp: Buffer): RowOutcome {
    this.#writer.copy(true, stamp, 0, STAMP_KEY.length, STAMP_KEY.length + 1, stamp.length);
    const attributes = this.#writer.finish();
    const isExact = this.isExact && isExactText(userMembers(attributes));
    return isExact ? { kind: "live", attributes, vector: this.#vector } : UNSURE;
  }
}

/** A change of a document. */
class PatchBuild {
  isExact = true;
  readonly #patch = new Map<string, Buffer | null>();

  clear(name: string): void {
    this.#patch.set(name, null);
  }

  /** Upstream refuses a patch of a vector. Should it ever take one, what is cached is not it. */
  setVector(): void {
    this.isExact = false;
  }

  setText(name: string, json: string): void {
    this.#patch.set(name, Buffer.from(json));
  }

  copy(known: KnownKey, bytes: Buffer, start: number, end: number): void {
    this.#patch.set(known.name, bytes.subarray(start, end));
  }

  finish(stamp: Buffer): RowOutcome {
    for (const json of this.#patch.values()) this.isExact &&= json === null || isExactText(json);
    this.#patch.set(stampAttribute, stamp.subarray(STAMP_KEY.length + 1));
    return this.isExact ? { kind: "patch", patch: this.#patch } : UNSURE;
  }
}
