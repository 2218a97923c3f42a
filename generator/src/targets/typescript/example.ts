/** The example in a method's documentation: the call as a user would write it, with the spec's own example values. */
import type { Operation, Param } from "../../model.js";
import { typescriptKey } from "../../names.js";

/** Columns that a value may fill before it is broken into lines; the call and the comment take the rest. */
const WIDTH = 80;

/**
 * The call in a code fence, or undefined when the spec gives no value for something the call needs.
 *
 * @param options the operation's options with their names
 */
export function callExample(
  operation: Operation,
  options: readonly { name: string; param: Param }[],
): string | undefined {
  const [body] = operation.body?.examples ?? [];
  const missing = options.some(({ param }) => param.required && param.example === undefined);
  if (missing || (operation.body?.required && !body)) return undefined;
  const args = operation.pathParams.map((param) => literal(param.example ?? param.wire, 0));
  if (body) args.push(literal(body.value, 0));
  const shown = options.filter(({ param }) => param.example !== undefined);
  if (shown.length > 0 && (!operation.body || body)) {
    args.push(literal(Object.fromEntries(shown.map(({ name, param }) => [name, param.example])), 0));
  }
  return ["```ts", `await client.${operation.id}(${args.join(", ")});`, "```"].join("\n");
}

/** A JSON value as TypeScript, on one line where it fits. */
function literal(value: unknown, indent: number): string {
  const inline = inlineLiteral(value);
  if (inline.length + indent <= WIDTH || typeof value !== "object" || value === null) return inline;
  const pad = " ".repeat(indent + 2);
  const lines = Array.isArray(value)
    ? value.map((item) => `${pad}${literal(item, indent + 2)},`)
    : Object.entries(value).map(
        ([key, item]) => `${pad}${typescriptKey(key)}: ${literal(item, indent + 2)},`,
      );
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  return [open, ...lines, `${" ".repeat(indent)}${close}`].join("\n");
}

function inlineLiteral(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inlineLiteral).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).map(([key, item]) => `${typescriptKey(key)}: ${inlineLiteral(item)}`);
  return fields.length > 0 ? `{ ${fields.join(", ")} }` : "{}";
}
