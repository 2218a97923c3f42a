/** What is stored about a namespace besides its documents. */

import type { IdType } from "../ids.js";
import type { Attribute, Metric } from "../schema/attribute.js";
import type { Schema } from "../schema/schema.js";

export interface NamespaceRecord {
  readonly name: string;
  /** Prefix of its documents' keys; never used twice. */
  readonly number: number;
  /** How many writes have changed its documents. */
  readonly commit: number;
  /** Estimated heap bytes of its table, so that it is known before it is read. */
  readonly heapBytes: number;
  readonly schema: Schema;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Last change of documents or schema, milliseconds since the epoch. */
  readonly updatedAt: number;
  /** Last change of documents, milliseconds since the epoch. */
  readonly lastWriteAt: number;
  /** Source of a branch, null otherwise. */
  readonly parent: string | null;
  /** Pinned replicas, stored and echoed only; null when not pinned. */
  readonly pinnedReplicas: number | null;
  readonly readOnly: boolean;
}

type StoredSchema = { idType: IdType | null; metric: Metric | null; attributes: [string, Attribute][] };
/** `commit` and `heapBytes` came with format 2. */
type StoredRecord = Omit<NamespaceRecord, "schema" | "commit" | "heapBytes"> & {
  schema: StoredSchema;
  commit?: number;
  heapBytes?: number;
};

export function printRecord(record: NamespaceRecord): string {
  const stored: StoredRecord = { ...record, schema: storedSchema(record.schema) };
  return JSON.stringify(stored);
}

/** The schema as text: equal for schemas that are equal down to the order of their attributes. */
export function printStoredSchema(schema: Schema): string {
  return JSON.stringify(storedSchema(schema));
}

function storedSchema({ idType, metric, attributes }: Schema): StoredSchema {
  return { idType, metric, attributes: [...attributes] };
}

export function parseRecord(text: string): NamespaceRecord {
  const stored = JSON.parse(text) as StoredRecord;
  return {
    ...stored,
    commit: stored.commit ?? 0,
    heapBytes: stored.heapBytes ?? 0,
    schema: { ...stored.schema, attributes: new Map(stored.schema.attributes) },
  };
}
