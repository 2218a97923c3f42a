/** Reading a caller's JSON body with the errors a caller should see. */

import { AppError } from "../../errors.js";
import { JsonSyntaxError } from "../../lang/json-cursor.js";

/**
 * Runs `read` over a body.
 *
 * @throws AppError `invalid_json` in place of a syntax error; other errors pass
 */
export function readBody<T>(body: Uint8Array, read: (bytes: Buffer) => T): T {
  try {
    return read(Buffer.from(body.buffer, body.byteOffset, body.byteLength));
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw new AppError("invalid_json", `request body is not valid JSON: ${error.message}`, { cause: error });
  }
}
