/** One row of a namespace listing, from upstream's metadata of that namespace. */

import type { CacheState } from "../../generated/types.js";
import { type JsonObject, memberText, memberValue, readMembers } from "../../lang/json-members.js";

export interface SummarySource {
  name: string;
  /** Upstream's metadata, or why it could not be read. */
  metadata: JsonObject | { error: string };
  /** When the metadata was asked for, epoch-ms. */
  readAtMs: number;
  cacheState: CacheState;
}

const errorLengthMax = 200;

/**
 * The row as JSON text. Fields that the metadata gives no ground for are left out.
 *
 * @throws JsonSyntaxError when a part of the metadata is not JSON
 */
export function summaryRow({ name, metadata, readAtMs, cacheState }: SummarySource): string {
  const row: string[] = [`"name":${JSON.stringify(name)}`];
  let labels: Record<string, string> = {};
  if ("error" in metadata) {
    row.push(`"metadata_error":${JSON.stringify(metadata.error.slice(0, errorLengthMax))}`);
  } else {
    pushCount(row, "row_count", metadata, "approx_row_count");
    pushCount(row, "size_bytes", metadata, "approx_logical_bytes");
    pushIndex(row, metadata, readAtMs);
    pushLastWrite(row, metadata);
    pushSchema(row, metadata);
    labels = labelsOf(metadata);
  }
  row.push(`"cache_state":${JSON.stringify(cacheState)}`);
  row.push(`"shadow":${name.endsWith("-shadow")}`, `"labels":${JSON.stringify(labels)}`);
  return `{${row.join(",")}}`;
}

/** Counts keep upstream's digits, so that they stay exact. */
function pushCount(row: string[], field: string, metadata: JsonObject, source: string): void {
  const member = metadata.members.get(source);
  if (member === undefined) return;
  const digits = memberText(metadata.bytes, member);
  if (/^\d+$/.test(digits)) row.push(`"${field}":${digits}`);
}

function pushIndex(row: string[], metadata: JsonObject, readAtMs: number): void {
  const member = metadata.members.get("index");
  const index = memberValue(metadata, "index");
  if (member === undefined || !isRecord(index)) return;
  row.push(`"index":${memberText(metadata.bytes, member)}`);
  if (index.status === "up-to-date") row.push(`"stable_as_of_ms":${readAtMs}`, '"is_stable":true');
  else if (index.status === "updating") row.push('"is_stable":false');
}

function pushLastWrite(row: string[], metadata: JsonObject): void {
  const lastWriteAt = memberValue(metadata, "last_write_at");
  if (typeof lastWriteAt !== "string") return;
  const lastWriteMs = Date.parse(lastWriteAt);
  if (Number.isFinite(lastWriteMs)) row.push(`"last_write_ms":${lastWriteMs}`);
}

function pushSchema(row: string[], metadata: JsonObject): void {
  const member = metadata.members.get("schema");
  if (member === undefined) return;
  const schema = readMembers(metadata.bytes.subarray(member.start, member.end));
  if (schema === undefined) return;
  const fields = [...schema.members.keys()].filter((name) => name !== "id");
  const dimensions = vectorDimensions(memberValue(schema, "vector"));
  const summary = dimensions === undefined ? { fields } : { vector_dim: dimensions, fields };
  row.push(`"schema_summary":${JSON.stringify(summary)}`);
}

/** `[512]f32` is a vector of 512. */
function vectorDimensions(attribute: unknown): number | undefined {
  const type = isRecord(attribute) ? attribute.type : attribute;
  const match = typeof type === "string" ? /^\[(\d+)\]/.exec(type) : null;
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

function labelsOf(metadata: JsonObject): Record<string, string> {
  const config = memberValue(metadata, "config");
  const labels = memberValue(metadata, "labels") ?? (isRecord(config) ? config.labels : undefined);
  if (!isRecord(labels)) return {};
  const strings = Object.entries(labels).filter(
    (label): label is [string, string] => typeof label[1] === "string",
  );
  return Object.fromEntries(strings);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
