/**
 * `${name}` in scenarios.
 *
 * A text that is one variable alone takes the variable's value with its type; a variable inside a longer text is pasted
 * as text. `$${` stands for a literal `${`. An unknown name is an error, never an empty text.
 */
import { isObject, printJson, type Value } from "./values.js";

export type Variables = Map<string, Value>;

const WHOLE = /^\$\{([\w.]+)\}$/;
const INSIDE = /(\$?)\$\{([\w.]+)\}/g;

/** Replaces variables at any depth, in keys too. Throws on an unknown name. */
export function expand<T>(value: T, variables: Variables): T {
  return expandValue(value as Value, variables) as T;
}

function expandValue(value: Value, variables: Variables): Value {
  if (typeof value === "string") return expandText(value, variables);
  if (Array.isArray(value)) return value.map((item) => expandValue(item, variables));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      asText(expandText(key, variables)),
      expandValue(item, variables),
    ]),
  );
}

function expandText(text: string, variables: Variables): Value {
  const whole = WHOLE.exec(text);
  if (whole?.[1] !== undefined) return lookUp(whole[1], variables);
  return text.replaceAll(INSIDE, (match: string, doubled: string, name: string) =>
    doubled === "$" ? match.slice(1) : asText(lookUp(name, variables)),
  );
}

function lookUp(name: string, variables: Variables): Value {
  const value = variables.get(name);
  if (value === undefined) throw new Error(`unknown variable \${${name}}`);
  return value;
}

function asText(value: Value): string {
  return typeof value === "string" ? value : printJson(value);
}

/** Reads a dotted path (`rows.0.id`) out of a value; undefined when it leads nowhere. */
export function pick(value: Value, path: string): Value | undefined {
  let current: Value | undefined = value;
  for (const part of path.split(".")) {
    if (Array.isArray(current)) current = current[Number(part)];
    else if (isObject(current)) current = current[part];
    else return undefined;
  }
  return current;
}
