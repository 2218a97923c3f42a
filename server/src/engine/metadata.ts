/** A namespace's metadata: printing it and the two members that can be changed. */
import { badRequest, wrongShape } from "./errors.js";
import { isInteger, isObject, type Json, type JsonObject, type Printable } from "./json.js";
import { readBoolean } from "./request-fields.js";
import { printSchemaForMetadata } from "./schema/schema.js";
import type { NamespaceRecord } from "./store/namespace-record.js";
import type { Table } from "./table/table.js";

export interface MetadataForm {
  /** The v1 path's older `encryption` member. */
  readonly legacy: boolean;
  /** Share of the namespace shown as not yet indexed, 0 to 1. */
  readonly unindexed: number;
}

/**
 * Counts are real. The index is up to date unless a simulated lag says otherwise: writes are indexed before they are
 * acknowledged.
 */
export function printMetadata(
  record: NamespaceRecord,
  table: Table,
  { legacy, unindexed }: MetadataForm,
): Record<string, Printable> {
  return {
    schema: printSchemaForMetadata(record.schema) as Printable,
    approx_row_count: table.rowCount,
    approx_logical_bytes: table.logicalBytes,
    created_at: new Date(record.createdAt).toISOString(),
    updated_at: new Date(record.updatedAt).toISOString(),
    last_write_at: new Date(record.lastWriteAt).toISOString(),
    encryption: legacy ? { sse: true } : { mode: "default" },
    index: printIndex(table, unindexed),
    ...(record.pinnedReplicas === null ? {} : { pinning: { replicas: record.pinnedReplicas } }),
    ...(record.parent === null ? {} : { branching: { parent: record.parent } }),
    ...(record.readOnly ? { read_only: true } : {}),
  };
}

function printIndex(table: Table, unindexed: number): Printable {
  if (unindexed === 0) return { status: "up-to-date" };
  return {
    status: "updating",
    unindexed_bytes: Math.ceil(table.logicalBytes * unindexed),
    unindexed_rows: Math.ceil(table.rowCount * unindexed),
  };
}

/** How much of a simulated index lag is still ahead, 1 right after a write and 0 once `lagMs` have passed. */
export function unindexedShare(record: NamespaceRecord, nowMs: number, lagMs: number): number {
  if (lagMs === 0) return 0;
  return Math.min(1, Math.max(0, 1 - (nowMs - record.lastWriteAt) / lagMs));
}

/** The record with `pinning` and `read_only` of a metadata update; absent members stay. Throws 400 or 422. */
export function patchRecord(record: NamespaceRecord, body: JsonObject): NamespaceRecord {
  return {
    ...record,
    pinnedReplicas: readPinning(body.pinning, record.pinnedReplicas),
    readOnly: readBoolean(body, "read_only") ?? record.readOnly,
  };
}

function readPinning(value: Json | undefined, current: number | null): number | null {
  if (value === undefined) return current;
  if (value === null || value === false) return null;
  if (value === true) return 1;
  const replicas = isObject(value) ? (value.replicas ?? 1) : null;
  if (!isInteger(replicas))
    throw wrongShape("pinning", "data did not match any variant of untagged enum UpdatePinningInput");
  if (replicas < 1) throw badRequest("replicas must be greater than 0");
  return Number(replicas);
}
