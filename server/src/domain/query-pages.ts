/**
 * Pages of a ranked query. Upstream knows no cursor, so a further page asks for as many rows as were seen and a page more, and
 * shows those behind the last row seen. That row is looked for by its id, which holds while others come and go before it;
 * only a ranking that upstream computes exactly promises neither gap nor repeat.
 */

import { AppError } from "../errors.js";
import { JsonSyntaxError } from "../lang/json-cursor.js";
import { type AnswerRows, cutRows, readRows, rowId, rowsSeen } from "./answer-page.js";
import { depthMax } from "./page-size.js";
import type { PageSize, Query } from "./query.js";
import { decodeCursor, encodeCursor, type PagePosition, queryHash } from "./query-cursor.js";
import type { PinnedCut } from "./stable-read.js";

/** One page of a query that is asked for. */
export interface PageRequest {
  readonly size: PageSize;
  /** Where the page before ended; undefined for the first page. */
  readonly after: PagePosition | undefined;
  /** Rows to ask of upstream. */
  readonly asked: number;
  /** Distinguishes the query from others. */
  hash(): string;
}

/**
 * The page that a query asks for; undefined when it has no pages: several queries, an aggregation, no single number of rows,
 * or all that upstream ranks in one page.
 *
 * @throws AppError `validation_error` for a token that is not of this query
 */
export function pageOf(query: Query, namespace: string): PageRequest | undefined {
  if (query.kind !== "single") return undefined;
  const { leg, cursor, size } = query;
  const hash = () => queryHash(namespace, leg.object);
  const after = cursor === undefined ? undefined : decodeCursor(cursor, hash());
  if (size === undefined || size.rows >= depthMax) {
    if (after === undefined) return undefined;
    throw new AppError("validation_error", "cursor: this query has no pages");
  }
  const asked = after === undefined ? size.rows : Math.min(after.seen + size.rows, depthMax);
  return { size, after, asked, hash };
}

/** What is shown of an answer, and the token of the page behind it. */
export interface ShownPage {
  /** Undefined when the answer is shown as it is. */
  readonly body: Buffer | undefined;
  readonly nextCursor: string | undefined;
}

/**
 * @param body upstream's answer to the request for `page.asked` rows, decoded
 * @param cut what it was read at
 * @throws AppError `upstream_error` when a page has to be cut out of an answer that has no rows
 */
export function showPage(body: Uint8Array, page: PageRequest, cut: PinnedCut): ShownPage {
  const rows = tryRows(body);
  const { after, size, asked } = page;
  if (rows === undefined) {
    if (after === undefined) return { body: undefined, nextCursor: undefined };
    throw new AppError("upstream_error", "turbopuffer answered a query with no rows");
  }
  const from = after === undefined ? 0 : rowsSeen(rows, after.lastId, after.seen);
  const to = after === undefined ? rows.count : Math.min(from + size.rows, rows.count);
  // Upstream gave all that was asked for, or there are rows left over: there may be more.
  const more = to < rows.count || (rows.count === asked && asked < depthMax);
  return {
    body: after === undefined ? undefined : cutRows(rows, from, to),
    nextCursor: more ? nextCursor(rows, to, page, cut) : undefined,
  };
}

function nextCursor(rows: AnswerRows, to: number, page: PageRequest, cut: PinnedCut): string | undefined {
  const lastId = rowId(rows, to - 1);
  if (lastId === undefined) return undefined;
  return encodeCursor({ lastId, seen: to, ...cut }, page.hash());
}

function tryRows(body: Uint8Array): AnswerRows | undefined {
  try {
    return readRows(Buffer.from(body.buffer, body.byteOffset, body.byteLength));
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined;
    throw error;
  }
}
