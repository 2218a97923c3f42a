/** A query body as it was understood, one query or several. */

import type { JsonObject } from "../../lang/json-members.js";
import type { ObjectEdit } from "../../lang/object-edit.js";

/** One query by itself, or one of several. */
export interface Leg {
  /** Its text; no key of it occurs twice or is escaped. */
  readonly object: JsonObject;
  /** `native` is upstream's own; the ranking of the others is built here. */
  readonly form: "native" | "vector" | "nearest_to_id";
  /** Ids to search near, in string form; none unless the form is `nearest_to_id`. */
  readonly seeds: readonly string[];
  /** `include_attributes` as JSON text, where `vector` had to be taken out of it. */
  readonly attributes: string | undefined;
}

/** Where a query says how many rows it wants, so that a further page can ask for others. */
export interface PageSize {
  /** 1 to 10,000. */
  readonly rows: number;
  /** Rows that the query skips by itself; undefined where upstream will refuse what it says. */
  readonly offset: number | undefined;
  /** Asks for `count` rows instead. */
  edit(edit: ObjectEdit, count: number): void;
}

export interface SingleQuery {
  readonly kind: "single";
  readonly leg: Leg;
  /** Filters of `as_of` or `between`, as JSON text. */
  readonly temporal: readonly string[];
  /** The token that asks for a further page. */
  readonly cursor: string | undefined;
  /** Undefined where there are no pages. */
  readonly size: PageSize | undefined;
}

export interface BatchQuery {
  readonly kind: "batch";
  /** The body around the legs. */
  readonly object: JsonObject;
  readonly legs: readonly Leg[];
  readonly temporal: readonly string[];
}

export type Query = SingleQuery | BatchQuery;
