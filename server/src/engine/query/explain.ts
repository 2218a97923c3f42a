/** A query's plan in words, for people; the text is no contract. */

import type { Filter } from "../filter/expression.js";
import type { Table } from "../table/table.js";
import type { BoundQuery } from "./query.js";

export function explain(query: BoundQuery, table: Table): string {
  const lines = [`scan ${table.rowCount} rows in memory`];
  if (query.filter !== null) lines.push(`filter: ${describeFilter(query.filter)}`);
  lines.push(query.aggregation === null ? describeRank(query) : describeAggregation(query));
  return lines.join("\n");
}

function describeFilter(filter: Filter): string {
  switch (filter.kind) {
    case "leaf":
      return `${filter.attribute} by ${filter.shortcut === undefined ? "scan" : `${filter.shortcut.kind} index`}`;
    case "and":
    case "or":
      return `(${filter.operands.map(describeFilter).join(` ${filter.kind} `)})`;
    case "not":
      return `not ${describeFilter(filter.operand)}`;
  }
}

function describeRank({ rank, limit, offset }: BoundQuery): string {
  const page = `rows ${offset + 1} to ${offset + limit.total}`;
  switch (rank.kind) {
    case "order": {
      const keys = rank.keys.map(
        ({ attribute, descending }) => `${attribute} ${descending ? "desc" : "asc"}`,
      );
      return `order by ${keys.join(", ")}, ${page}`;
    }
    case "distance":
      return `exact ${rank.metric} to ${rank.attribute} (${rank.vector.length} dimensions), ${page}`;
    case "score":
      return `score, highest first, ${page}`;
  }
}

function describeAggregation({ aggregation }: BoundQuery): string {
  const groups = aggregation?.groupBy?.map(({ attribute }) => attribute) ?? [];
  return groups.length === 0 ? "aggregate all rows" : `aggregate by ${groups.join(", ")}`;
}
