/** A call of an operation as its docstring shows it, put together from the spec's own examples. */
import type { Operation, Param } from "../../model.js";
import { snake } from "../../names.js";
import { pythonLiteral, pythonString } from "./annotations.js";

/** Columns of a docstring inside a method, with some room to the right. */
const WIDTH = 96;

/**
 * `client.fetch_document("products", "sku-17")`, or undefined when a path parameter has no example. `name` spells a
 * parameter as the method does; `prefix` is `await ` for the async client.
 */
export function exampleCall(
  operation: Operation,
  name: (param: Param) => string,
  prefix: string,
): string | undefined {
  const body = operation.body?.examples[0];
  if (operation.pathParams.some((param) => param.example === undefined) || (operation.body && !body)) {
    return undefined;
  }
  const path = operation.pathParams.map((param) => pythonLiteral(param.example));
  const keywords = operation.queryParams
    .filter((param) => param.example !== undefined)
    .map((param) => `${name(param)}=${pythonLiteral(param.example)}`);
  const call = `${prefix}client.${snake(operation.words)}(`;
  const flat = [...path, ...(body ? [pythonLiteral(body.value)] : []), ...keywords].join(", ");
  if (call.length + flat.length + 1 <= WIDTH) return `${call}${flat})`;
  const parts = [...path, ...(body ? [spread(body.value, 1)] : []), ...keywords];
  return `${call}\n${parts.map((part) => `    ${part},\n`).join("")})`;
}

/** A literal over several lines where one does not hold it, laid out as ruff does. */
function spread(value: unknown, depth: number): string {
  const flat = pythonLiteral(value);
  const indent = "    ".repeat(depth);
  if (indent.length + flat.length + 1 <= WIDTH || typeof value !== "object" || value === null) return flat;
  const lines = Array.isArray(value)
    ? value.map((item) => spread(item, depth + 1))
    : Object.entries(value).map(([key, item]) => `${pythonString(key)}: ${spread(item, depth + 1)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return `${open}\n${lines.map((line) => `${indent}    ${line},\n`).join("")}${indent}${close}`;
}
