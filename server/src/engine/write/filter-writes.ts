/** The parts of a write that choose their documents themselves: by filter, and by a dropped attribute. */
import { badRequest } from "../errors.js";
import { bindFilter } from "../filter/bind.js";
import { matches } from "../filter/expression.js";
import { selectSlots } from "../filter/select.js";
import type { Id } from "../ids.js";
import type { Json } from "../json.js";
import type { AdjustableLimits } from "../limits.js";
import type { Schema } from "../schema/schema.js";
import type { StepBudget } from "../step-budget.js";
import { toValue, type Value } from "../values.js";
import type { Before, Overlay } from "./overlay.js";
import type { WriteRequest } from "./request.js";

export interface Touched {
  readonly ids: readonly Id[];
  /** More documents match than the request may change. */
  readonly remaining: boolean;
}

/** What a request may do: how many documents, and how many steps it may take to find them. */
export interface Allowance {
  readonly limits: AdjustableLimits;
  readonly steps: StepBudget;
}

const NOTHING: Touched = { ids: [], remaining: false };

/** Rewrites the documents that hold an attribute the new schema dropped, so that it cannot come back from the store. */
export function dropColumns(overlay: Overlay, before: Before): void {
  const { table } = before;
  const dropped = [...(before.schema?.attributes.keys() ?? [])].filter((name) => !overlay.keeps(name));
  if (dropped.length === 0) return;
  for (const slot of table.live.slots()) {
    const id = table.id(slot);
    if (dropped.some((name) => table.value(slot, name) !== null)) overlay.set(id, overlay.copyOf(id));
  }
}

export function deleteByFilter(
  overlay: Overlay,
  schema: Schema,
  request: WriteRequest,
  { limits, steps }: Allowance,
): Touched {
  const part = request.deleteByFilter;
  if (part === null) return NOTHING;
  const touched = choose(overlay, schema, part, {
    field: "delete_by_filter",
    max: limits.deleteByFilterRows,
    steps,
  });
  for (const id of touched.ids) overlay.remove(id);
  return touched;
}

export function patchByFilter(
  overlay: Overlay,
  schema: Schema,
  request: WriteRequest,
  { limits, steps }: Allowance,
): Touched {
  const part = request.patchByFilter;
  if (part === null) return NOTHING;
  const values = patchValues(part.patch, schema);
  const touched = choose(overlay, schema, part, {
    field: "patch_by_filter",
    max: limits.patchByFilterRows,
    steps,
  });
  for (const id of touched.ids) overlay.patch(id, part.patch, values);
  return touched;
}

function patchValues(patch: readonly (readonly [string, Json])[], schema: Schema): Map<string, Value> {
  const values = new Map<string, Value>();
  for (const [name, value] of patch) {
    const attribute = schema.attributes.get(name);
    if (value !== null && attribute !== undefined) values.set(name, toValue(value, name, attribute));
  }
  return values;
}

function choose(
  overlay: Overlay,
  schema: Schema,
  part: { readonly filters: Json; readonly allowPartial: boolean },
  { field, max, steps }: { readonly field: string; readonly max: number; readonly steps: StepBudget },
): Touched {
  const filter = bindFilter(part.filters, schema, field, steps);
  const { table } = overlay;
  const ids = Array.from(selectSlots(table, filter, steps).slots(), (slot) => table.id(slot)).filter(
    // A document that an earlier step of this request changed is judged as it now stands.
    (id) =>
      overlay.exists(id) &&
      (!overlay.changes.has(id) || matches(filter, (name) => overlay.value(id, name), steps)),
  );
  if (ids.length <= max) return { ids, remaining: false };
  if (!part.allowPartial) {
    throw badRequest(
      `${field} matches ${ids.length} rows, limit is ${max}; set ${field}_allow_partial to change up to the limit`,
    );
  }
  return { ids: ids.slice(0, max), remaining: true };
}
