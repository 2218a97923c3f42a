/** What failures of the PostgreSQL client mean to the queue store. Messages never hold the connection string. */

import { QueueStoreError } from "../../ports/queue-store.js";

const fields = (error: unknown): { code: string; message: string } => {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  return { code: typeof code === "string" ? code : "", message: typeof message === "string" ? message : "" };
};

/** True when the transaction lost a race with another and may simply be run again: it changed nothing. */
export function isRetryable(error: unknown): boolean {
  return /^(40P01|40001)$/.test(fields(error).code);
}

/**
 * @param what operation and queue, for the message
 * @param mayHaveCommitted true when the commit was under way
 */
export function toQueueStoreError(error: unknown, what: string, mayHaveCommitted: boolean): QueueStoreError {
  if (error instanceof QueueStoreError) return error;
  const { code, message } = fields(error);
  // An answer with a SQLSTATE is one: the transaction was refused and rolled back.
  const options = { cause: error, outcomeUnknown: mayHaveCommitted && !/^[0-9A-Z]{5}$/.test(code) };
  if (/^(57014|55P03|25P03)$/.test(code) || /timeout/i.test(message))
    return new QueueStoreError("timeout", `queue ${what}: PostgreSQL did not answer in time`, options);
  if (/^28/.test(code) || code === "42501")
    return new QueueStoreError(
      "denied",
      `queue ${what}: PostgreSQL refused the user of DATABASE_URL (${code})`,
      options,
    );
  if (code === "3D000")
    return new QueueStoreError(
      "denied",
      `queue ${what}: the database of DATABASE_URL does not exist`,
      options,
    );
  return new QueueStoreError(
    "unavailable",
    `queue ${what}: PostgreSQL is not reachable or failed (${code || "connection lost"})`,
    options,
  );
}
