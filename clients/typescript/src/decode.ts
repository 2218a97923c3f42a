/** An answer's bytes become the operation's result, or a ResponseError that says what is wrong with them. */
import type { MetaField, OperationInfo } from "./call.js";
import { type ErrorContext, isRecord, ResponseError } from "./errors.js";
import { decodeJson } from "./json.js";
import type { Exchange } from "./perf.js";

/** Text of a bad answer that its error keeps. */
const BODY_KEPT_CHARACTERS = 64 * 1024;

export function decodeText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** @throws ResponseError for a body that is empty where one is due, broken, or of the wrong top-level type */
export function decodeResult(operation: OperationInfo, exchange: Exchange, context: ErrorContext): unknown {
  if (operation.result === "none") return undefined;
  const text = decodeText(exchange.bytes);
  if (operation.result === "text") return text;
  const { status, headers } = exchange;
  const refuse = (rule: string, cause?: unknown): never => {
    const response = { status, headers, text: text.slice(0, BODY_KEPT_CHARACTERS) };
    const init = { ...context, response, body: response.text, cause };
    throw new ResponseError(`${operation.id}: the answer ${rule}`, init);
  };
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
