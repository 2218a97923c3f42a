/**
 * Works out what a write changes, against a table that it only reads. Everything that can be refused is refused here,
 * before the store sees a byte: a plan that exists can be applied whole.
 */
import { badRequest } from "../errors.js";
import { type Id, type IdType, inferIdType, toId } from "../ids.js";
import { isObject, type Json, type Printable } from "../json.js";
import { type AdjustableLimits, LIMITS } from "../limits.js";
import { EMPTY_SCHEMA, type Schema, updateSchema, vectorNames } from "../schema/schema.js";
import { StepBudget } from "../step-budget.js";
import { idBytes } from "../table/table.js";
import { type Row, toValue, type Value, valueBytes } from "../values.js";
import { checkWork } from "../work.js";
import { type ConditionCheck, createCondition } from "./condition.js";
import { deleteByFilter, dropColumns, patchByFilter } from "./filter-writes.js";
import { inferAttributes } from "./infer.js";
import { type Before, Overlay } from "./overlay.js";
import type { IncomingDocument, WriteRequest } from "./request.js";

export interface WritePlan {
  readonly schema: Schema;
  /** The documents that change: the new row, or null for a removal. */
  readonly changes: ReadonlyMap<Id, Row | null>;
  readonly outcome: WriteOutcome;
}

export interface WriteOutcome {
  readonly upserted: readonly Id[] | null;
  readonly patched: readonly Id[] | null;
  readonly deleted: readonly Id[] | null;
  readonly rowsRemaining: boolean;
  /** Logical bytes written. */
  readonly bytesWritten: number;
  /** Whether the write had to read documents: conditions and filters are billed for it. */
  readonly queried: boolean;
}

interface Documents {
  readonly upserts: ReadonlyMap<Id, IncomingDocument>;
  readonly patches: ReadonlyMap<Id, IncomingDocument>;
  readonly deletes: ReadonlySet<Id>;
}

/** Plans a write of documents or schema. Throws 400 or 422; nothing has changed then. */
export function planWrite(before: Before, request: WriteRequest, limits: AdjustableLimits): WritePlan {
  const schema = planSchema(before.schema, request);
  const documents = identify(request, schema);
  checkWriteWork(request, before.table.rowCount);
  refuseVectorPatches(request, schema);
  const overlay = new Overlay(before.table, schema);
  const steps = new StepBudget(limits.steps);
  dropColumns(overlay, before);
  const conditionFor = (condition: Json, field: string) =>
    createCondition(condition, schema, field, steps, (id, name) => overlay.value(id, name));
  const deletes = deleteByFilter(overlay, schema, request, { limits, steps });
  const patches = patchByFilter(overlay, schema, request, { limits, steps });
  const upserted = applyUpserts(
    overlay,
    schema,
    documents.upserts,
    conditionFor(request.upsertCondition, "upsert_condition"),
  );
  const patched = applyPatches(
    overlay,
    schema,
    documents.patches,
    conditionFor(request.patchCondition, "patch_condition"),
  );
  const deleted = applyDeletes(
    overlay,
    documents.deletes,
    conditionFor(request.deleteCondition, "delete_condition"),
  );
  checkNamespaceSize(overlay);
  const listed = (part: unknown, ids: readonly Id[]) => (part === null ? null : ids);
  return {
    schema,
    changes: overlay.changes,
    outcome: {
      upserted: listed(request.upserts, upserted),
      patched: listed(request.patches ?? request.patchByFilter, [...patches.ids, ...patched]),
      deleted: listed(request.deletes ?? request.deleteByFilter, [...deletes.ids, ...deleted]),
      rowsRemaining: deletes.remaining || patches.remaining,
      bytesWritten: bytesOf(overlay.changes, schema),
      queried: isQueried(request),
    },
  };
}

function checkNamespaceSize({ table, changes }: Overlay): void {
  const max = LIMITS.documentsPerNamespace;
  // Nearly always plain before the new ones among the changes are counted.
  if (table.rowCount + changes.size <= max) return;
  let rows = table.rowCount;
  for (const [id, row] of changes) {
    if (row === null) rows--;
    else if (table.slot(id) === undefined) rows++;
  }
  if (rows > max) throw badRequest(`namespace would hold too many documents: ${rows}, limit is ${max}`);
}

/** Filters ask every document, conditions the documents that are sent. */
function checkWriteWork(request: WriteRequest, documents: number): void {
  const { upserts, patches, deletes, upsertCondition, patchCondition, deleteCondition } = request;
  const filters = [request.deleteByFilter?.filters ?? null, request.patchByFilter?.filters ?? null];
  checkWork(filters, documents, "filter-based write");
  checkWork([upsertCondition], upserts?.length ?? 0, "upsert_condition");
  checkWork([patchCondition], patches?.length ?? 0, "patch_condition");
  checkWork([deleteCondition], deletes?.length ?? 0, "delete_condition");
}

function isQueried(request: WriteRequest): boolean {
  const { upsertCondition, patchCondition, deleteCondition } = request;
  const conditional = [upsertCondition, patchCondition, deleteCondition].some(
    (condition) => condition !== null,
  );
  return conditional || request.deleteByFilter !== null || request.patchByFilter !== null;
}

/** The schema the write leaves behind: declared, then inferred, with the id type and metric settled. */
function planSchema(before: Schema | null, request: WriteRequest): Schema {
  const existing = before !== null;
  let schema = before ?? EMPTY_SCHEMA;
  const { metric } = request;
  if (metric !== null && schema.metric !== null && metric !== schema.metric) {
    throw badRequest(`distance metric mismatch, expected ${schema.metric}, got ${metric}`);
  }
  if (request.schema !== undefined) schema = updateSchema(schema, request.schema, existing);
  const sent = [...(request.upserts ?? []), ...(request.patches ?? [])].map(({ attributes }) => attributes);
  if (request.patchByFilter !== null) sent.push(request.patchByFilter.patch);
  refuseUndeclaredVectorPatch(schema, request);
  const declared = schema;
  schema = inferAttributes(declared, sent, existing);
  for (const name of before?.attributes.keys() ?? []) {
    if (!declared.attributes.has(name) && schema.attributes.has(name)) {
      throw badRequest(`cannot write attribute '${name}' in the request that drops it`);
    }
  }
  schema = { ...schema, idType: schema.idType ?? impliedIdType(request) };
  if (vectorNames(schema).length === 0 || schema.metric !== null) return schema;
  if (metric === null) throw badRequest("distance_metric must be specified");
  return { ...schema, metric };
}

function impliedIdType(request: WriteRequest): IdType | null {
  const first = request.upserts?.[0]?.id ?? request.patches?.[0]?.id ?? request.deletes?.[0];
  return first === undefined ? null : inferIdType(first);
}

/** A patch may not bring a vector in by inference either. */
function refuseUndeclaredVectorPatch(schema: Schema, request: WriteRequest): void {
  if (schema.attributes.has("vector")) return;
  for (const attributes of patchedAttributes(request)) {
    if (attributes.some(([name]) => name === "vector")) throw vectorPatch();
  }
}

function refuseVectorPatches(request: WriteRequest, schema: Schema): void {
  const vectors = new Set(vectorNames(schema));
  if (vectors.size === 0) return;
  for (const attributes of patchedAttributes(request)) {
    if (attributes.some(([name]) => vectors.has(name))) throw vectorPatch();
  }
}

function patchedAttributes(request: WriteRequest): (readonly (readonly [string, Json])[])[] {
  const patched = (request.patches ?? []).map(({ attributes }) => attributes);
  return request.patchByFilter === null ? patched : [...patched, request.patchByFilter.patch];
}

function vectorPatch() {
  return badRequest("patching vectors is currently unsupported");
}

/** Brings ids to the namespace's type and refuses one that appears twice. */
function identify(request: WriteRequest, schema: Schema): Documents {
  const type = schema.idType ?? "uint";
  const seen = new Set<Id>();
  const repeated = new Set<Id>();
  const note = (raw: number | bigint | string): Id => {
    const id = toId(raw, type);
    if (seen.has(id)) repeated.add(id);
    seen.add(id);
    return id;
  };
  const byId = (list: readonly IncomingDocument[] | null) =>
    new Map((list ?? []).map((document) => [note(document.id), document] as const));
  const documents = {
    upserts: byId(request.upserts),
    patches: byId(request.patches),
    deletes: new Set((request.deletes ?? []).map(note)),
  };
  if (repeated.size > 0) {
    throw badRequest(
      `write request contains duplicate document IDs: ${[...repeated].slice(0, 100).join(", ")}`,
    );
  }
  return documents;
}

/** A sent document as typed values; nulls and attributes without a type yet are left out. */
function toRow(document: IncomingDocument, schema: Schema): Map<string, Value> {
  const row = new Map<string, Value>();
  for (const [name, value] of document.attributes) {
    const attribute = schema.attributes.get(name);
    if (value !== null && attribute !== undefined) row.set(name, toValue(value, name, attribute));
  }
  return row;
}

function checkDocument(id: Id, row: Row, schema: Schema, vectors: readonly string[]): void {
  for (const name of vectors) {
    if (!row.has(name)) throw badRequest(`document ${id} has no value for vector attribute '${name}'`);
  }
  let bytes = 0;
  for (const [name, value] of row) bytes += sizeOf(name, value, schema);
  if (bytes > LIMITS.documentBytes) {
    throw badRequest(`document ${id} is too large: ${bytes} bytes, limit is ${LIMITS.documentBytes} bytes`);
  }
}

function sizeOf(name: string, value: Value, schema: Schema): number {
  const attribute = schema.attributes.get(name);
  return attribute === undefined ? 0 : valueBytes(value, attribute.type);
}

function applyUpserts(
  overlay: Overlay,
  schema: Schema,
  upserts: Documents["upserts"],
  allowed: ConditionCheck,
): Id[] {
  const vectors = vectorNames(schema);
  const applied: Id[] = [];
  for (const [id, document] of upserts) {
    const row = toRow(document, schema);
    checkDocument(id, row, schema, vectors);
    if (overlay.exists(id) && !allowed(id, document)) continue;
    overlay.set(id, row);
    applied.push(id);
  }
  return applied;
}

function applyPatches(
  overlay: Overlay,
  schema: Schema,
  patches: Documents["patches"],
  allowed: ConditionCheck,
): Id[] {
  const applied: Id[] = [];
  for (const [id, document] of patches) {
    const values = toRow(document, schema);
    if (!overlay.exists(id) || !allowed(id, document)) continue;
    const row = overlay.patch(id, document.attributes, values);
    checkDocument(id, row, schema, []);
    applied.push(id);
  }
  return applied;
}

function applyDeletes(overlay: Overlay, deletes: ReadonlySet<Id>, allowed: ConditionCheck): Id[] {
  const applied: Id[] = [];
  for (const id of deletes) {
    if (!overlay.exists(id) || !allowed(id, null)) continue;
    overlay.remove(id);
    applied.push(id);
  }
  return applied;
}

function bytesOf(changes: ReadonlyMap<Id, Row | null>, schema: Schema): number {
  let bytes = 0;
  for (const [id, row] of changes) {
    bytes += idBytes(id, schema.idType);
    for (const [name, value] of row ?? []) bytes += sizeOf(name, value, schema);
  }
  return bytes;
}

/** The wire's answer to a write, without its billing and performance blocks. */
export function printOutcome(outcome: WriteOutcome, returnIds: boolean): Record<string, Printable> {
  const { upserted, patched, deleted } = outcome;
  const count = (ids: readonly Id[] | null) => ids?.length ?? 0;
  const answer: Record<string, Printable> = {
    status: "OK",
    message: "documents committed successfully",
    rows_affected: count(upserted) + count(patched) + count(deleted),
  };
  for (const [name, ids] of Object.entries({ upserted, patched, deleted })) {
    if (ids === null) continue;
    answer[`rows_${name}`] = ids.length;
    if (returnIds && ids.length > 0) answer[`${name}_ids`] = ids;
  }
  if (outcome.rowsRemaining) answer.rows_remaining = true;
  return answer;
}

/** Whether a request carries documents, which is what creates a namespace. */
export function carriesDocuments(request: WriteRequest): boolean {
  return (request.upserts?.length ?? 0) > 0;
}

/** Whether a schema map names the id type; an explicit creation without documents needs it. */
export function declaresId(schema: Json | undefined): boolean {
  return isObject(schema ?? null) && (schema as { id?: Json }).id !== undefined;
}
