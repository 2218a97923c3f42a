/** One query against one namespace: bind every part to the schema, select, rank or aggregate, print. Synchronous, so a query sees one state. */
import { badRequest, unsupported } from "../errors.js";
import { bindFilter } from "../filter/bind.js";
import type { Filter } from "../filter/expression.js";
import { selectSlots } from "../filter/select.js";
import type { JsonObject, Printable } from "../json.js";
import { LIMITS } from "../limits.js";
import { bindRankBy, type RankBy } from "../rank/rank-by.js";
import { type Limit, readLimit, readOffset, readVariant } from "../request-fields.js";
import { METRICS } from "../schema/attribute.js";
import type { Schema } from "../schema/schema.js";
import type { StepBudget } from "../step-budget.js";
import type { Table } from "../table/table.js";
import { type Aggregation, aggregate, readAggregation } from "./aggregate.js";
import { type Computed, computeColumns } from "./compute.js";
import {
  type PrintedRow,
  printRow,
  type RowPrinter,
  readProjection,
  returnedBytes,
  type VectorEncoding,
} from "./projection.js";
import { rankHits } from "./ranking.js";

/** A namespace as a query sees it. */
export interface Snapshot {
  readonly schema: Schema;
  readonly table: Table;
}

export interface QueryOutcome {
  /** `rows`, `aggregations` or `aggregation_groups`. */
  readonly result: Record<string, Printable>;
  readonly rows: readonly PrintedRow[] | null;
  readonly returnedBytes: number;
}

export interface BoundQuery {
  readonly filter: Filter | null;
  readonly aggregation: Aggregation | null;
  readonly rank: RankBy;
  readonly limit: Limit;
  readonly offset: number;
  readonly printer: RowPrinter;
  readonly computed: readonly Computed[];
  /** What running it may still take. */
  readonly steps: StepBudget;
}

/** What one computed value of one row is charged, the bytes of its print included. */
const COMPUTED_STEPS = 100;

/** What printing a byte of a row is charged: four of them may be a float of nine digits. */
const PRINTED_BYTE_STEPS = 2;

const NO_LIMIT: Limit = { total: 0, per: null };

/**
 * Binds a single query. `steps` is what the request may still take; `encoding` is the `vector_encoding` of the request
 * that the query is one of. Throws 400 or 422.
 */
export function bindQuery(
  body: JsonObject,
  schema: Schema,
  steps: StepBudget,
  encoding?: VectorEncoding,
): BoundQuery {
  if (body.rerank_by !== undefined && body.rerank_by !== null) throw unsupported("hosted rerank models");
  const metric = readVariant(body, "distance_metric", METRICS);
  if (metric !== undefined && schema.metric !== null && metric !== schema.metric) {
    throw badRequest(`distance metric mismatch, expected ${schema.metric}, got ${metric}`);
  }
  const aggregation = readAggregation(body, schema);
  const { filters } = body;
  const filter =
    filters === undefined || filters === null ? null : bindFilter(filters, schema, "filters", steps);
  const ownEncoding = readVariant(body, "vector_encoding", ["float", "base64"]) ?? "float";
  const printer = { schema, encoding: encoding ?? ownEncoding, attributes: readProjection(body, schema) };
  const base = { filter, aggregation, printer, computed: [], steps };
  if (aggregation !== null) {
    return { ...base, rank: { kind: "order", keys: [] }, limit: NO_LIMIT, offset: 0 };
  }
  const rank = bindRankBy(body.rank_by ?? ["id", "asc"], schema, filter !== null, steps);
  const limit = readLimit(body);
  if (limit === undefined) throw badRequest("rank_by queries must specify top_k or limit");
  checkPer(limit, schema);
  const computed = computeColumns(body.compute_attributes, schema, steps);
  return { ...base, rank, limit, offset: readOffset(body, ["rank_by"]), computed };
}

function checkPer(limit: Limit, schema: Schema): void {
  for (const name of limit.per?.attributes ?? []) {
    if (name === "id") continue;
    const attribute = schema.attributes.get(name);
    if (attribute === undefined) throw badRequest(`limit.per attribute "${name}" not found in schema`);
    if (attribute.type.kind === "vector") {
      throw badRequest(
        `limit.per attribute "${name}" is a vector; rows are counted by attributes of other types`,
      );
    }
  }
}

/**
 * Runs a bound query over the table it was bound for. Throws 400 when its rows would take more than `bytesMax` logical
 * bytes: a request must not be able to exhaust the process.
 */
export function runQuery(
  query: BoundQuery,
  table: Table,
  bytesMax: number = LIMITS.answerBytes,
): QueryOutcome {
  const selected = selectSlots(table, query.filter, query.steps);
  if (query.aggregation !== null) {
    const result = aggregate(table, selected.slots(), query.aggregation, query.printer.schema, query.steps);
    return { result, rows: null, returnedBytes: 0 };
  }
  const hits = rankHits(table, selected, query);
  let bytes = 0;
  const rows = hits.map(({ slot, dist }) => {
    const rowBytes = returnedBytes(query.printer, table, slot, dist);
    bytes += rowBytes;
    query.steps.spend(rowBytes * PRINTED_BYTE_STEPS);
    if (bytes > bytesMax) {
      throw badRequest(
        `query result is too large, limit is ${LIMITS.answerBytes} bytes; lower limit or include fewer attributes`,
      );
    }
    return printRow(query.printer, table, slot, dist);
  });
  // Column by column, because each holds a score for the whole table.
  for (const { name, evaluate } of query.computed) {
    query.steps.spend(hits.length * COMPUTED_STEPS);
    const valueAt = evaluate(table);
    hits.forEach(({ slot }, i) => {
      const value = valueAt(slot);
      if (value !== null) (rows[i] as PrintedRow)[name] = value;
    });
  }
  return { result: { rows }, rows, returnedBytes: bytes };
}
