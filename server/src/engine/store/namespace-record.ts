/** What is stored about a namespace besides its documents. */

import type { IdType } from "../ids.js";
import type { Attribute, Metric } from "../schema/attribute.js";
import type { Schema } from "../schema/schema.js";

export interface NamespaceRecord {
  readonly name: string;
  /** Prefix of its documents' keys; never used twice. */
  readonly number: number;
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
type StoredRecord = Omit<NamespaceRecord, "schema"> & { schema: StoredSchema };

export function printRecord(record: NamespaceRecord): string {
  const { idType, metric, attributes } = record.schema;
  const stored: StoredRecord = { ...record, schema: { idType, metric, attributes: [...attributes] } };
  return JSON.stringify(stored);
}

export function parseRecord(text: string): NamespaceRecord {
  const stored = JSON.parse(text) as StoredRecord;
  return { ...stored, schema: { ...stored.schema, attributes: new Map(stored.schema.attributes) } };
}
