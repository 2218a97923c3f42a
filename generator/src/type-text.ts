/** A model type as TypeScript text, for parameters and items; bodies are named and come from `types.ts`. */
import type { Type } from "./model.js";
import { typescriptKey } from "./names.js";

/** @param use told of every named type in the text, so that it can be imported */
export function typeText(type: Type, use: (name: string) => void): string {
  const text = bareText(type, use);
  return type.nullable && type.kind !== "any" ? `${text} | null` : text;
}

function bareText(type: Type, use: (name: string) => void): string {
  switch (type.kind) {
    case "any":
      return "unknown";
    case "string":
    case "number":
    case "boolean":
      return type.kind;
    case "integer":
      return type.format === "uint64" ? "number | bigint" : "number";
    case "enum":
      return type.values.map((value) => JSON.stringify(value)).join(" | ");
    case "const":
      return JSON.stringify(type.value);
    case "ref":
      use(type.name);
      return type.name;
    case "array":
      return `readonly (${typeText(type.items, use)})[]`;
    case "map":
      return `Record<string, ${typeText(type.values, use)}>`;
    case "tuple":
      return `readonly [${[...type.items.map((item) => typeText(item, use)), ...(type.rest ? [`...(${typeText(type.rest, use)})[]`] : [])].join(", ")}]`;
    case "union":
      return type.variants.map((variant) => typeText(variant, use)).join(" | ");
    case "object": {
      const fields = type.fields.map(
        (field) => `${typescriptKey(field.wire)}${field.required ? "" : "?"}: ${typeText(field.type, use)}`,
      );
      if (type.open) fields.push("[key: string]: unknown");
      return `{ ${fields.join("; ")} }`;
    }
    default:
      return type satisfies never;
  }
}
