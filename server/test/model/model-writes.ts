/** What a write does to the rows of the model, in the few forms that histories use. */

import { type Filter, matches } from "./model-queries.js";

export const STAMP = "_hevlayer_upserted_at";

export interface Row {
  readonly id: string;
  readonly stamp: number | undefined;
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface WriteBody {
  readonly upsert_rows?: readonly Record<string, unknown>[];
  readonly patch_rows?: readonly Record<string, unknown>[];
  readonly deletes?: readonly string[];
  readonly delete_by_filter?: Filter;
  readonly patch_by_filter?: { readonly filters: Filter; readonly patch: Record<string, unknown> };
  readonly upsert_condition?: Filter;
  readonly return_affected_ids?: boolean;
}

/** A row made or replaced, or removed when `row` is undefined. */
export interface Change {
  readonly id: string;
  readonly row: Row | undefined;
}

export type Outcome =
  | {
      readonly status: 200;
      readonly rows: ReadonlyMap<string, Row>;
      readonly changes: readonly Change[];
      readonly body: unknown;
    }
  | { readonly status: 400; readonly body: unknown };

/** Attributes whose value makes upstream refuse the whole write. */
export const REFUSED_TOKEN = "refuse me";

export function applyWrite(before: ReadonlyMap<string, Row>, body: WriteBody, _now: number): Outcome {
  const rows = new Map(before);
  const changes: Change[] = [];
  const affected = { upserted_ids: [] as string[], patched_ids: [] as string[], deleted_ids: [] as string[] };
  const set = (row: Row) => {
    rows.set(row.id, row);
    changes.push({ id: row.id, row });
  };
  if ((body.upsert_rows ?? []).some(({ token }) => token === REFUSED_TOKEN))
    return { status: 400, body: { status: "error", error: "the model refuses this" } };
  // Turbopuffer's order: deletes by filter, patches by filter, upserts, patches, deletes.
  if (body.delete_by_filter !== undefined)
    for (const row of [...rows.values()].filter((candidate) => matches(candidate, body.delete_by_filter))) {
      rows.delete(row.id);
      changes.push({ id: row.id, row: undefined });
      affected.deleted_ids.push(row.id);
    }
  if (body.patch_by_filter !== undefined)
    for (const row of [...rows.values()].filter((candidate) =>
      matches(candidate, body.patch_by_filter?.filters),
    )) {
      set(patched(row, body.patch_by_filter.patch));
      affected.patched_ids.push(row.id);
    }
  for (const given of body.upsert_rows ?? []) {
    const row = rowOf(given);
    const current = rows.get(row.id);
    if (
      current !== undefined &&
      body.upsert_condition !== undefined &&
      !matches(current, body.upsert_condition)
    )
      continue;
    set(row);
    affected.upserted_ids.push(row.id);
  }
  for (const given of body.patch_rows ?? []) {
    const current = rows.get(String(given.id));
    if (current === undefined) continue;
    set(patched(current, given));
    affected.patched_ids.push(current.id);
  }
  for (const id of body.deletes ?? []) {
    if (rows.delete(id)) affected.deleted_ids.push(id);
    changes.push({ id, row: undefined });
  }
  const answer = { status: "OK", message: "applied", rows_affected: changes.length, billing: {} };
  return { status: 200, rows, changes, body: body.return_affected_ids ? { ...answer, ...affected } : answer };
}

function rowOf({ id, [STAMP]: stamp, ...attributes }: Record<string, unknown>): Row {
  const known = Object.entries(attributes).filter(([, value]) => value !== null);
  return {
    id: String(id),
    stamp: typeof stamp === "number" ? stamp : undefined,
    attributes: Object.fromEntries(known),
  };
}

function patched(row: Row, { id: _, ...patch }: Record<string, unknown>): Row {
  return rowOf({ id: row.id, ...row.attributes, [STAMP]: row.stamp, ...patch });
}
