/** An answer's bytes become the operation's result, or a ResponseError that says what is wrong with them. */
import type { MetaField, OperationInfo } from "./call.js";
import { BODY_TEXT_MAX, type ErrorContext, isRecord, ResponseError } from "./errors.js";
import { decodeJson } from "./json.js";
import type { Exchange } from "./perf.js";
import { responseWithoutSecrets, withoutSecrets } from "./redact.js";

/** A replaced byte in an id or an attribute would be data that nobody wrote. */
const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads text leniently: bytes that are not UTF-8 are replaced. */
export function decodeText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/**
 * @param secrets are kept out of the error, should the server have sent one back
 * @throws ResponseError for a body that is empty where one is due, broken, or of the wrong top-level type
 */
export function decodeResult(
  operation: OperationInfo,
  exchange: Exchange,
  context: ErrorContext,
  secrets: readonly string[],
): unknown {
  if (operation.result === "none") return undefined;
  const { status, headers, bytes } = exchange;
  const refuse = (rule: string, cause?: unknown): never => {
    const text = decodeText(bytes.subarray(0, BODY_TEXT_MAX));
    const response = responseWithoutSecrets({ status, headers, text }, secrets);
    const shown = cause === undefined ? {} : { cause: withoutSecrets(cause, secrets) };
    throw new ResponseError(`${operation.id}: the answer ${rule}`, {
      ...context,
      ...shown,
      response,
      body: response.text,
    });
  };
  let text: string;
  try {
    text = operation.result === "text" ? decodeText(bytes) : STRICT.decode(bytes);
  } catch (cause) {
    return refuse("is not UTF-8 text that a string can hold", cause);
  }
  if (operation.result === "text") return text;
  if (text.trim() === "") return operation.result === "value" ? undefined : refuse("is empty");
  let data: unknown;
  try {
    data = decodeJson(text);
  } catch (cause) {
    return refuse("is not valid JSON", cause);
  }
  if (operation.result === "object" && !isRecord(data)) return refuse("is not a JSON object");
  if (operation.result === "array" && !Array.isArray(data)) return refuse("is not a JSON array");
  if (operation.meta && isRecord(data)) liftMeta(data, operation.meta, headers);
  return data;
}

function liftMeta(data: Record<string, unknown>, meta: readonly MetaField[], headers: Headers): void {
  for (const { header, field, type } of meta) {
    const value = headers.get(header);
    data[field] =
      value === null || type === "string" ? value : type === "boolean" ? value === "true" : Number(value);
  }
}
