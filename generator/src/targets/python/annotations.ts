/**
 * Types as Python annotations. What is sent is typed as loosely as it can be read (any sequence, any mapping, arrays of
 * numbers by buffer); what is received is what the decoder makes (list, dict), with every enum left open.
 */
import type { Type } from "../../model.js";
import { pascal, safeIdentifier, snake } from "../../names.js";
import type { Printer } from "../../printer.js";
import type { Reach, Side } from "./reach.js";

export const RUNTIME = ".._runtime";

/** How an object type of the spec is spelled in Python. */
export type ObjectForm = "model" | "typed-dict" | "mapping";

export class Annotations {
  readonly #printer: Printer;
  readonly #reach: Reach;
  /** Module that defines the named types, or undefined inside that module. */
  readonly #models: string | undefined;

  constructor(printer: Printer, reach: Reach, models?: string) {
    this.#printer = printer;
    this.#reach = reach;
    this.#models = models;
  }

  /** The annotation of a value that is sent or received. */
  of(type: Type, side: Side): string {
    const bare = this.#bare(type, side);
    return type.nullable && bare !== this.any() ? `${bare} | None` : bare;
  }

  any(): string {
    return this.standard("Any");
  }

  /** Imports a name of `typing`. */
  standard(name: string): string {
    return this.#printer.import({ from: "typing", name });
  }

  /** Imports a name of `collections.abc`. Evaluated at run time when a model's fields are worked out. */
  abstract(name: "Sequence" | "Mapping"): string {
    return this.#printer.import({ from: "collections.abc", name });
  }

  runtime(name: string): string {
    return this.#printer.import({ from: RUNTIME, name });
  }

  #bare(type: Type, side: Side): string {
    switch (type.kind) {
      case "any":
        return this.any();
      case "string":
        return type.format === "date-time" ? this.#moment(side) : "str";
      case "integer":
        return "int";
      case "number":
        return "float";
      case "boolean":
        return "bool";
      case "enum":
        return this.#enumeration(type.values, side);
      case "const":
        return `${this.standard("Literal")}[${pythonLiteral(type.value)}]`;
      case "ref":
        return this.#reference(type.name, side);
      case "array":
        return this.#array(type.items, side);
      case "map":
        return this.#keyed(this.of(type.values, side), side);
      case "tuple":
        return side === "request" ? `${this.abstract("Sequence")}[${this.any()}]` : `list[${this.any()}]`;
      case "union":
        return [...new Set(type.variants.map((variant) => this.of(variant, side)))].join(" | ");
      case "object":
        return this.#keyed(this.any(), side);
    }
  }

  #moment(side: Side): string {
    const moment = this.#printer.import({ from: "datetime", name: "datetime" });
    return side === "request" ? `${moment} | str` : moment;
  }

  #enumeration(values: readonly string[], side: Side): string {
    const literal = `${this.standard("Literal")}[${values.map(pythonString).join(", ")}]`;
    return side === "request" ? literal : `${literal} | str`;
  }

  #array(items: Type, side: Side): string {
    const item = this.of(items, side);
    if (side === "response") return `list[${item}]`;
    const sequence = `${this.abstract("Sequence")}[${item}]`;
    return items.kind === "number" ? `${sequence} | ${this.runtime("NumberBuffer")}` : sequence;
  }

  #keyed(values: string, side: Side): string {
    return side === "request" ? `${this.abstract("Mapping")}[str, ${values}]` : `dict[str, ${values}]`;
  }

  #reference(name: string, side: Side): string {
    const python = pythonTypeName(this.#reach, name, side);
    return this.#models === undefined ? python : this.#printer.import({ from: this.#models, name: python });
  }
}

/** Objects become models where they are read and dicts with known keys where they are written. */
export function objectForm(type: Type & { kind: "object" }, side: Side): ObjectForm {
  if (side === "response") return "model";
  // Declared extras mean that the caller names the keys, which a TypedDict cannot have.
  return type.extra ? "mapping" : "typed-dict";
}

/**
 * The Python name of a schema. One that is both written and read as an object has two spellings: the model keeps the
 * name, the dict that is sent ends in `Input`.
 */
export function pythonTypeName(reach: Reach, name: string, side: Side): string {
  const target = reach.named.get(name);
  const base = pascal(target?.words ?? [name]);
  const both = reach.request.has(name) && reach.response.has(name);
  return both && side === "request" && target?.type.kind === "object" ? `${base}Input` : base;
}

/** A Python string literal. JSON's escapes are a subset of Python's. */
export function pythonString(text: string): string {
  return JSON.stringify(text);
}

export function pythonLiteral(value: unknown): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return pythonString(value);
  if (Array.isArray(value)) return `[${value.map(pythonLiteral).join(", ")}]`;
  if (typeof value === "object") {
    const items = Object.entries(value).map(([key, item]) => `${pythonString(key)}: ${pythonLiteral(item)}`);
    return `{${items.join(", ")}}`;
  }
  return String(value);
}

/** snake_case, with an underscore after keywords. */
export function pythonName(words: readonly string[]): string {
  return safeIdentifier("python", snake(words));
}
