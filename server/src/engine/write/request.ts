/**
 * The write request, read once into what the planner works on. Rows and columns become the same list of documents; only
 * shapes are checked here (422), rules that need the schema are the planner's (400).
 */
import { badRequest, EngineError, unsupported, wrongShape } from "../errors.js";
import { readRawId } from "../ids.js";
import { describeKind, isObject, type Json, type JsonObject } from "../json.js";
import { LIMITS } from "../limits.js";
import { readBody, readBoolean, readVariant } from "../request-fields.js";
import { METRICS, type Metric } from "../schema/attribute.js";

type RawId = number | bigint | string;

export interface IncomingDocument {
  readonly id: RawId;
  /** Every attribute as sent, nulls included; `id` is not among them. */
  readonly attributes: readonly (readonly [string, Json])[];
}

export interface WriteRequest {
  /** `null` when the request has no such part; an empty list when it has one without rows. */
  readonly upserts: readonly IncomingDocument[] | null;
  readonly patches: readonly IncomingDocument[] | null;
  readonly deletes: readonly RawId[] | null;
  readonly upsertCondition: Json;
  readonly patchCondition: Json;
  readonly deleteCondition: Json;
  readonly deleteByFilter: { readonly filters: Json; readonly allowPartial: boolean } | null;
  readonly patchByFilter: {
    readonly filters: Json;
    readonly patch: readonly (readonly [string, Json])[];
    readonly allowPartial: boolean;
  } | null;
  readonly returnAffectedIds: boolean;
  readonly metric: Metric | null;
  readonly schema: Json | undefined;
  readonly createNamespace: boolean | null;
  readonly copyFrom: string | null;
  readonly branchFrom: string | null;
}

export function readWrite(json: Json): WriteRequest {
  const body = readBody(json);
  if (body.sharding !== undefined && body.sharding !== null) throw unsupported("sharding");
  checkEncryption(body.encryption, "encryption");
  readBoolean(body, "disable_backpressure");
  const request: WriteRequest = {
    upserts: readDocuments(body, "upsert"),
    patches: readDocuments(body, "patch"),
    deletes: readDeletes(body.deletes),
    upsertCondition: body.upsert_condition ?? null,
    patchCondition: body.patch_condition ?? null,
    deleteCondition: body.delete_condition ?? null,
    deleteByFilter: readDeleteByFilter(body),
    patchByFilter: readPatchByFilter(body),
    returnAffectedIds: readBoolean(body, "return_affected_ids") ?? false,
    metric: readVariant(body, "distance_metric", METRICS) ?? null,
    schema: body.schema ?? undefined,
    createNamespace: readBoolean(body, "create_namespace") ?? null,
    copyFrom: readSource(body, "copy_from_namespace"),
    branchFrom: readSource(body, "branch_from_namespace"),
  };
  refuseMixedCopy(body);
  return request;
}

function checkEncryption(value: Json | undefined, path: string): void {
  if (value === undefined || value === null) return;
  if (!isObject(value)) throw wrongShape(path, `invalid type: ${describeKind(value)}, expected a map`);
  if (value.mode === "default") return;
  if (value.mode === "customer-managed") {
    const key = typeof value.key_name === "string" ? value.key_name : "";
    throw new EngineError(400, `Malformed Cloud KMS crypto key: ${key}`, {
      headers: { "x-should-retry": "false" },
    });
  }
  throw wrongShape(
    `${path}.mode`,
    `unknown variant ${describeKind(value.mode)}, expected \`default\` or \`customer-managed\``,
  );
}

function readDocuments(body: JsonObject, kind: "upsert" | "patch"): IncomingDocument[] | null {
  const rows = readRows(body[`${kind}_rows`], `${kind}_rows`);
  const columns = readColumns(body[`${kind}_columns`], `${kind}_columns`);
  if (rows === null) return columns;
  return columns === null ? rows : [...rows, ...columns];
}

function readRows(value: Json | undefined, path: string): IncomingDocument[] | null {
  if (value === undefined || value === null) return null;
  if (!Array.isArray(value))
    throw wrongShape(path, `invalid type: ${describeKind(value)}, expected a sequence`);
  checkCount(value, path);
  return value.map((row, i) => {
    const where = `${path}[${i}]`;
    if (!isObject(row)) throw wrongShape(where, `invalid type: ${describeKind(row)}, expected a map`);
    if (row.id === undefined) throw wrongShape(where, "missing field `id`");
    const attributes = Object.entries(row).filter(([name]) => name !== "id");
    return { id: readRawId(row.id, `${where}.id`, "Id"), attributes };
  });
}

function readColumns(value: Json | undefined, path: string): IncomingDocument[] | null {
  if (value === undefined || value === null) return null;
  if (!isObject(value)) throw wrongShape(path, `invalid type: ${describeKind(value)}, expected a map`);
  const { id: ids } = value;
  if (ids === undefined) throw wrongShape(path, "missing field `id`");
  if (!Array.isArray(ids))
    throw wrongShape(`${path}.id`, "data did not match any variant of untagged enum IdVec");
  checkCount(ids, `${path}.id`);
  const columns = Object.entries(value).filter(([name]) => name !== "id");
  for (const [name, column] of columns) {
    if (!Array.isArray(column)) {
      throw wrongShape(`${path}.${name}`, `invalid type: ${describeKind(column)}, expected a sequence`);
    }
    if (column.length !== ids.length) {
      throw badRequest(
        `${path} must all have the same length: id has ${ids.length} values, '${name}' has ${column.length}`,
      );
    }
  }
  return ids.map((id, i) => ({
    id: readRawId(id, `${path}.id[${i}]`, "IdVec"),
    attributes: columns.map(([name, column]) => [name, (column as Json[])[i] ?? null] as const),
  }));
}

function readDeletes(value: Json | undefined): RawId[] | null {
  if (value === undefined || value === null) return null;
  if (!Array.isArray(value))
    throw wrongShape("deletes", "data did not match any variant of untagged enum IdVec");
  checkCount(value, "deletes");
  return value.map((id, i) => readRawId(id, `deletes[${i}]`, "IdVec"));
}

function checkCount(documents: readonly Json[], path: string): void {
  if (documents.length > LIMITS.documentsPerWrite) {
    throw badRequest(
      `${path} has too many documents: ${documents.length}, limit is ${LIMITS.documentsPerWrite}; send fewer at once`,
    );
  }
}

function readDeleteByFilter(body: JsonObject): WriteRequest["deleteByFilter"] {
  const allowPartial = readBoolean(body, "delete_by_filter_allow_partial") ?? false;
  const filters = body.delete_by_filter;
  return filters === undefined || filters === null ? null : { filters, allowPartial };
}

function readPatchByFilter(body: JsonObject): WriteRequest["patchByFilter"] {
  const allowPartial = readBoolean(body, "patch_by_filter_allow_partial") ?? false;
  const value = body.patch_by_filter;
  if (value === undefined || value === null) return null;
  if (!isObject(value))
    throw wrongShape("patch_by_filter", `invalid type: ${describeKind(value)}, expected a map`);
  const { filters, patch } = value;
  if (filters === undefined) throw wrongShape("patch_by_filter", "missing field `filters`");
  if (!isObject(patch)) {
    throw wrongShape("patch_by_filter.patch", `invalid type: ${describeKind(patch)}, expected a map`);
  }
  if (patch.id !== undefined) throw badRequest("patch_by_filter cannot patch id");
  return { filters, patch: Object.entries(patch), allowPartial };
}

function readSource(body: JsonObject, field: "copy_from_namespace" | "branch_from_namespace"): string | null {
  const value = body[field];
  if (value === undefined || value === null) return null;
  if (typeof value === "string") return value;
  if (!isObject(value))
    throw wrongShape(field, `invalid type: ${describeKind(value)}, expected a string or a map`);
  if (typeof value.source_namespace !== "string") throw wrongShape(field, "missing field `source_namespace`");
  for (const key of ["source_region", "source_api_key"]) {
    if (value[key] !== undefined && value[key] !== null)
      throw unsupported("cross-region or cross-organisation copy");
  }
  checkEncryption(value.dest_encryption, `${field}.dest_encryption`);
  return value.source_namespace;
}

const BESIDE_COPY: ReadonlySet<string> = new Set(["encryption", "sharding", "disable_backpressure"]);

function refuseMixedCopy(body: JsonObject): void {
  for (const field of ["copy_from_namespace", "branch_from_namespace"]) {
    if (body[field] === undefined || body[field] === null) continue;
    const others = Object.keys(body).filter(
      (key) => key !== field && !BESIDE_COPY.has(key) && body[key] !== null,
    );
    if (others.length > 0) throw badRequest(`${field} cannot be used with other write request fields`);
  }
}
