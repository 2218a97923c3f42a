/** What a caller sees when a request needs the object store and that cannot serve it. */

import { AppError } from "../../errors.js";
import { BlobStoreError } from "../../ports/blob-store.js";

/**
 * Runs what needs the object store.
 *
 * @param what names the step in the error: `warm jobs of products`
 * @throws AppError `gateway_timeout` when the store did not answer in time, `upstream_error` for any other failure of it
 */
export async function needingBlobs<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    if (!(cause instanceof BlobStoreError)) throw cause;
    if (cause.reason === "timeout")
      throw new AppError("gateway_timeout", `${what}: the object store did not answer in time`, { cause });
    throw new AppError("upstream_error", `${what}: the object store failed (${cause.reason})`, { cause });
  }
}
