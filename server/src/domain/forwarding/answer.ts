/** Reading upstream's successful answers, with the error a caller should see when they make no sense. */

import { AppError } from "../../errors.js";
import { JsonSyntaxError } from "../../lang/json-cursor.js";
import { type JsonObject, readMembers } from "../../lang/json-members.js";
import type { UpstreamAnswer } from "../../ports/upstream.js";

/** The decoded body of an answer that was asked for `decoded` or `inspected`; undefined when it does not decode. */
export function plainBody({ headers, body, plain }: UpstreamAnswer): Uint8Array | undefined {
  const encoding = headers["content-encoding"];
  return encoding === undefined || encoding === "identity" ? body : plain;
}

/**
 * Runs `read` over the object that an answer holds.
 *
 * @param what names the answer in the error: `metadata`
 * @throws AppError `upstream_error` when the answer is not a JSON object, or `read` meets bytes that are not JSON
 */
export function readAnswer<T>(answer: UpstreamAnswer, what: string, read: (object: JsonObject) => T): T {
  try {
    const { buffer, byteOffset, byteLength } = answer.body;
    const object = readMembers(Buffer.from(buffer, byteOffset, byteLength));
    if (object !== undefined) return read(object);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw new AppError("upstream_error", `turbopuffer answered a ${what} request with malformed JSON`, {
      cause: error,
    });
  }
  throw new AppError("upstream_error", `turbopuffer answered a ${what} request with no JSON object`);
}
