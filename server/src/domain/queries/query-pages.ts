/**
 * Pages of a ranked query. Upstream knows no cursor, so a further page asks for as many rows as were seen and a page more, and
 * shows those behind the last row seen. That row is looked for by its id, which holds while others come and go before it;
 * only a ranking that upstream computes exactly promises neither gap nor repeat.
 *
 * Deep in a ranking most of that answer would be thrown away. There upstream's `offset` is tried first, beginning with the
 * last row seen: when that row is what the answer begins with, the rest of it is the page.
 */

import { AppError } from "../../errors.js";
import { JsonSyntaxError } from "../../lang/json-cursor.js";
import { cutRows, readLastRow, readRows, rowId, rowsSeen } from "./answer-page.js";
import { depthMax } from "./page-size.js";
import type { PageSize, Query } from "./query.js";
import { decodeCursor, encodeCursor, type PagePosition, queryHash } from "./query-cursor.js";
import type { PinnedCut } from "./stable-read.js";

/** Which rows of a ranking are asked of upstream. */
export interface Window {
  /** Rows to skip. */
  readonly from: number;
  readonly count: number;
}

/** One page of a query that is asked for. */
export interface PageRequest {
  readonly size: PageSize;
  /** Where the page before ended; undefined for the first page. */
  readonly after: PagePosition | undefined;
  /** What to ask of upstream, each if the one before did not serve. */
  readonly windows: readonly [Window, ...Window[]];
  /** Distinguishes the query from others. */
  hash(): string;
}

/** Rows seen from which `offset` is tried; with fewer, asking for all of them again is one cheap request (chosen). */
const deepFrom = 1_000;

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
  if (size !== undefined && size.rows < depthMax)
    return { size, after, windows: windowsOf(size, after), hash };
  if (after === undefined) return undefined;
  throw new AppError("validation_error", "cursor: this query has no pages");
}

function windowsOf(size: PageSize, after: PagePosition | undefined): [Window, ...Window[]] {
  if (after === undefined) return [{ from: 0, count: size.rows }];
  const all = { from: 0, count: Math.min(after.seen + size.rows, depthMax) };
  if (after.seen < deepFrom || size.offset === undefined) return [all];
  const from = after.seen - 1;
  return [{ from, count: all.count - from }, all];
}

/** What is shown of an answer, and the token of the page behind it. */
export interface ShownPage {
  /** Undefined when the answer is shown as it is. */
  readonly body: Buffer | undefined;
  readonly nextCursor: string | undefined;
}

/**
 * @param body upstream's answer to the request for `window`, decoded
 * @param cut what it was read at
 * @returns undefined when the answer does not begin with the last row seen, as it should
 * @throws AppError `upstream_error` when a page has to be cut out of an answer that has no rows
 */
export function showPage(
  body: Uint8Array,
  page: PageRequest,
  window: Window,
  cut: PinnedCut,
): ShownPage | undefined {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const { after, size } = page;
  if (after === undefined) return { body: undefined, nextCursor: afterFirst(bytes, page, window, cut) };
  const rows = ifJson(() => readRows(bytes));
  if (rows === undefined) throw new AppError("upstream_error", "turbopuffer answered a query with no rows");
  if (window.from > 0 && rowId(rows, 0) !== after.lastId) return undefined;
  const from = window.from > 0 ? 1 : rowsSeen(rows, after.lastId, after.seen);
  const to = Math.min(from + size.rows, rows.count);
  // Rows are left over, or there may be more behind those that were asked for.
  const more = to < rows.count || mayGoOn(rows.count, window);
  const lastId = more ? rowId(rows, to - 1) : undefined;
  return { body: cutRows(rows, from, to), nextCursor: tokenOf(lastId, window.from + to, page, cut) };
}

/** The token behind a first page, whose answer is only looked at: what cannot be read has none. */
function afterFirst(bytes: Buffer, page: PageRequest, window: Window, cut: PinnedCut): string | undefined {
  const last = ifJson(() => readLastRow(bytes));
  if (last === undefined || !mayGoOn(last.count, window)) return undefined;
  return tokenOf(last.id(), last.count, page, cut);
}

/** Upstream gave all that was asked for, and ranks deeper. */
function mayGoOn(count: number, window: Window): boolean {
  return count === window.count && window.from + count < depthMax;
}

function tokenOf(
  lastId: string | undefined,
  seen: number,
  page: PageRequest,
  { watermark, filtered }: PinnedCut,
): string | undefined {
  return lastId === undefined ? undefined : encodeCursor({ lastId, seen, watermark, filtered }, page.hash());
}

function ifJson<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined;
    throw error;
  }
}
