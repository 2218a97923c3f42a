/** Queries of the model: rows in the order of their ids, through the filters that histories and the gateway use. */

import { type Row, STAMP } from "./model-writes.js";

export type Filter = readonly [string, ...unknown[]];

export interface QueryBody {
  readonly filters?: Filter | null;
  readonly rank_by?: readonly unknown[];
  readonly top_k?: number;
  readonly limit?: number;
  readonly include_attributes?: boolean | readonly string[];
  readonly consistency?: { readonly level: "strong" | "eventual" };
  readonly queries?: readonly QueryBody[];
}

export function runQuery(rows: ReadonlyMap<string, Row>, body: QueryBody): Record<string, unknown> {
  if (body.queries !== undefined)
    return { results: body.queries.map((query) => runQuery(rows, query)), billing: {}, performance: {} };
  const sorted = [...rows.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  const found = sorted.filter((row) => matches(row, body.filters ?? undefined));
  return {
    rows: found.slice(0, body.top_k ?? body.limit ?? 10).map((row) => ({
      id: row.id,
      ...row.attributes,
      ...(row.stamp === undefined ? {} : { [STAMP]: row.stamp }),
    })),
    billing: {},
    performance: {},
  };
}

/** @throws Error for a filter that the model does not have */
export function matches(row: Row, filter: Filter | undefined): boolean {
  if (filter === undefined) return true;
  const [head, ...rest] = filter;
  if (head === "And") return (rest[0] as Filter[]).every((part) => matches(row, part));
  const [operator, operand] = rest as [string, unknown];
  const value = head === "id" ? row.id : head === STAMP ? row.stamp : row.attributes[head];
  switch (operator) {
    case "Eq":
      return operand === null ? value === undefined : value === operand;
    case "In":
      return (operand as unknown[]).includes(value);
    case "Gt":
      return value !== undefined && (value as string) > (operand as string);
    case "Lt":
      return value === undefined || (value as number) < (operand as number);
    case "Lte":
      // Nulls pass: rows written around the gateway stay visible.
      return value === undefined || (value as number) <= (operand as number);
    default:
      throw new Error(`the model has no filter ${JSON.stringify(filter)}`);
  }
}
