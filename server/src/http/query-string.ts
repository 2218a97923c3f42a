/**
 * Reads declared query parameters out of a raw query string, by OpenAPI's `form` style without `explode`: a list is split at
 * its commas before each item is decoded, so that an item may hold an encoded comma. A repeated list parameter adds to
 * the list; of any other repeated parameter the last one counts. Undeclared parameters are ignored.
 */

import type { SpecParameter } from "./spec-document.js";

export function createQueryParser(
  parameters: readonly SpecParameter[],
): (rawQuery: string) => Record<string, string | string[]> {
  const inQuery = parameters.filter((parameter) => parameter.in === "query");
  const types = new Map(inQuery.map(({ name, schema }) => [name, schema.type ?? "any"]));
  return (rawQuery) => {
    const values: Record<string, string | string[]> = {};
    if (rawQuery === "") return values;
    for (const pair of rawQuery.split("&")) {
      const equals = pair.indexOf("=");
      const name = decode(equals < 0 ? pair : pair.slice(0, equals));
      const type = types.get(name);
      if (type === undefined) continue;
      const text = equals < 0 ? "" : pair.slice(equals + 1);
      if (type === "array") {
        const items = text === "" ? [] : text.split(",").map(decode);
        const before = values[name];
        values[name] = Array.isArray(before) ? [...before, ...items] : items;
      } else {
        const value = decode(text);
        values[name] = type === "boolean" ? booleanText(value) : value;
      }
    }
    return values;
  };
}

/** `1` and `0` are booleans too; anything else is left for the validator to refuse. */
export function booleanText(value: string): string {
  return value === "1" ? "true" : value === "0" ? "false" : value;
}

/** Undecodable text stays as it is: a lone `%` is not worth a refusal. */
function decode(text: string): string {
  if (!text.includes("%") && !text.includes("+")) return text;
  const spaced = text.replaceAll("+", " ");
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}
