/** What upstream's metadata of a namespace says that a watcher wants to know. */

import type { UpstreamAnswer } from "../../ports/upstream.js";
import { stampAttribute, stampType } from "../reserved.js";
import type { IndexStatus } from "./view.js";

export interface ObservedMetadata {
  readonly status: IndexStatus;
  /** Whether the schema has the stamp's attribute, as one that a filter may name. */
  readonly hasStamp: boolean;
  /** Epoch-ms by upstream's clock; undefined when it tells none. */
  readonly lastWriteAt: number | undefined;
}

/** @param answer a success with a decoded body. @returns undefined when that is no JSON object */
export function readObserved(answer: UpstreamAnswer): ObservedMetadata | undefined {
  const metadata = parse(answer.body);
  if (!isRecord(metadata)) return undefined;
  const { schema, last_write_at: lastWrite } = metadata;
  const lastWriteAt = typeof lastWrite === "string" ? Date.parse(lastWrite) : Number.NaN;
  return {
    status: statusOf(metadata),
    hasStamp: isRecord(schema) && canFilter(schema[stampAttribute]),
    lastWriteAt: Number.isFinite(lastWriteAt) ? lastWriteAt : undefined,
  };
}

/** Types of an attribute that takes stamps and compares with one. */
const stampTypes: ReadonlySet<unknown> = new Set([stampType, "uint"]);

/** Anybody may change a schema: upstream refuses a filter on what is of another type, or not filterable. */
function canFilter(stamp: unknown): boolean {
  return isRecord(stamp) ? stampTypes.has(stamp.type) && stamp.filterable !== false : stampTypes.has(stamp);
}

function statusOf(metadata: Record<string, unknown>): IndexStatus {
  const status = isRecord(metadata.index) ? metadata.index.status : undefined;
  if (status === "up-to-date") return "stable";
  if (status === "updating" || hasUnindexedBytes(metadata)) return "updating";
  return "unknown";
}

/** Wherever it stands: upstream has moved it before. */
function hasUnindexedBytes(metadata: Record<string, unknown>): boolean {
  const open: object[] = [metadata];
  for (let next = open.pop(); next !== undefined; next = open.pop())
    for (const [name, value] of Object.entries(next)) {
      if (name === "unindexed_bytes" && typeof value === "number" && value > 0) return true;
      if (typeof value === "object" && value !== null) open.push(value);
    }
  return false;
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
