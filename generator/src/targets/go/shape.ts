/**
 * Neutral types as Go types: which are declared, which stay open, and where a pointer tells "absent" from zero.
 *
 * In requests a plain value is left out while it is zero, so that literals stay short; booleans are pointers because false
 * is worth sending. In responses whatever may be missing or null is a pointer, strings that are merely optional excepted.
 */
import type { Api, Field, NamedType, Operation, Type } from "../../model.js";
import { goExported } from "../../names.js";

/**
 * Schemas that the written half declares. Rows and columns are open maps there, with accessors, since a struct would cost
 * a second decode for each row and keep typed slices out of columns; filters and rankings have constructors.
 */
const WRITTEN: Readonly<Record<string, string>> = {
  Row: "Row",
  QueryRow: "Row",
  Columns: "Columns",
  Filter: "Filter",
  RankBy: "RankBy",
};

/** The type of bodies that are Turbopuffer's own. */
export const OPEN_MAP = "map[string]any";

export interface Declarations {
  /** Named types to declare, in the spec's order. */
  declared: NamedType[];
  goName(name: string): string;
  /** The type behind a reference chain. */
  resolve(type: Type): Type;
}

export function declarations(api: Api): Declarations {
  const byName = new Map(api.types.map((type) => [type.name, type]));
  const find = (name: string): NamedType => {
    const type = byName.get(name);
    if (!type) throw new Error(`schema ${name} is referenced and not declared`);
    return type;
  };
  const reached = new Set<string>();
  for (const operation of api.operations) {
    for (const type of typesOf(operation)) reach(type, reached, find);
  }
  return {
    declared: api.types.filter((type) => reached.has(type.name)),
    goName: (name) => WRITTEN[name] ?? goExported(find(name).words),
    resolve(type) {
      let current = type;
      while (current.kind === "ref") current = find(current.name).type;
      return current;
    },
  };
}

/** The types an operation's Go signature shows. Passthrough bodies are open maps, parameters are always plain. */
function typesOf(operation: Operation): Type[] {
  if (operation.kind === "passthrough") return [];
  return [operation.body?.type, operation.success.type].filter((type) => type !== undefined);
}

function reach(type: Type, reached: Set<string>, find: (name: string) => NamedType): void {
  switch (type.kind) {
    case "ref": {
      if (type.name in WRITTEN || reached.has(type.name)) return;
      reached.add(type.name);
      reach(find(type.name).type, reached, find);
      return;
    }
    case "array":
      reach(type.items, reached, find);
      return;
    case "map":
      reach(type.values, reached, find);
      return;
    case "object":
      for (const field of type.fields) reach(field.type, reached, find);
      return;
    case "union":
      // A union is `any`, but an object among its variants is what a caller puts there.
      for (const variant of type.variants) reach(variant, reached, find);
      return;
    default:
      // A tuple is `any` or a slice of scalars: the names inside it show in no Go type.
      return;
  }
}

/** A value's type where it can neither be absent nor null. `inlineName` names an enum or an object declared in place. */
export function plainType(type: Type, declared: Declarations, inlineName: string): string {
  switch (type.kind) {
    case "string":
      return "string";
    case "integer":
      return type.format === "uint64" ? "uint64" : "int64";
    case "number":
      return "float64";
    case "boolean":
      return "bool";
    case "enum":
      return inlineName;
    case "const":
      return constType(type.value);
    case "ref":
      return declared.goName(type.name);
    case "array":
      return `[]${plainType(type.items, declared, inlineName)}`;
    case "map":
      return `map[string]${plainType(type.values, declared, inlineName)}`;
    case "object":
      return type.fields.length > 0 ? inlineName : OPEN_MAP;
    case "tuple":
      return tupleType(type.items, declared);
    case "union":
    case "any":
      return "any";
  }
}

/** The enum or object declared in place inside a field's type; undefined when all of it has a name of its own. */
export function inlineType(type: Type): Extract<Type, { kind: "enum" | "object" }> | undefined {
  switch (type.kind) {
    case "enum":
      return type;
    case "object":
      return type.fields.length > 0 ? type : undefined;
    case "array":
      return inlineType(type.items);
    case "map":
      return inlineType(type.values);
    default:
      return undefined;
  }
}

function constType(value: string | number | boolean): string {
  if (typeof value === "number") return Number.isInteger(value) ? "int64" : "float64";
  return typeof value === "string" ? "string" : "bool";
}

/** A pair of numbers is a slice of them; a mixed tuple has no Go type. */
function tupleType(items: Type[], declared: Declarations): string {
  const kinds = new Set(items.map((item) => plainType(item, declared, "any")));
  const [only] = kinds;
  return kinds.size === 1 && only !== undefined && only !== "any" ? `[]${only}` : "any";
}

/** A struct field's type; see the file's header for where pointers stand. */
export function fieldType(
  field: Field,
  direction: "request" | "response",
  declared: Declarations,
  inlineName: string,
): string {
  const plain = plainType(field.type, declared, inlineName);
  const resolved = declared.resolve(field.type);
  if (["array", "map", "any", "union", "tuple"].includes(resolved.kind)) return plain;
  if (plain === OPEN_MAP || Object.values(WRITTEN).includes(plain)) return plain;
  const nullable = field.type.nullable || resolved.nullable;
  return nullable || (!field.required && needsPointer(resolved, direction)) ? `*${plain}` : plain;
}

function needsPointer(type: Type, direction: "request" | "response"): boolean {
  switch (type.kind) {
    case "boolean":
    case "object":
      return true;
    case "integer":
    case "number":
      return direction === "response";
    default:
      return false;
  }
}

/** The Go type of an operation's request body or result. */
export function bodyType(operation: Operation, type: Type, declared: Declarations): string {
  if (operation.kind === "passthrough") return OPEN_MAP;
  const plain = plainType(type, declared, "string");
  return declared.resolve(type).kind === "object" && plain !== OPEN_MAP ? `*${plain}` : plain;
}
