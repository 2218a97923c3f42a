/**
 * JSON Schema to the model's `Type`: one spelling for each construct, whatever way the spec wrote it.
 *
 * Null is pulled out of types, enums and unions into `nullable`; `allOf` is merged into one object; references stay
 * names. What no emitter can express is refused here, with its line, rather than lost later.
 */
import type { Field, Type } from "../model.js";
import { splitWords } from "../names.js";
import type { SpecNode } from "../spec-source.js";

const SCHEMA_PREFIX = "#/components/schemas/";

/** Keywords that change a type's shape in ways the model has no word for. */
const UNSUPPORTED = [
  "not",
  "if",
  "patternProperties",
  "dependentSchemas",
  "$dynamicRef",
  "propertyNames",
] as const;

/** The referenced schema's name, or undefined for an inline schema. */
export function refName(node: SpecNode): string | undefined {
  const ref = node.get("$ref");
  if (!ref) return undefined;
  const target = ref.string();
  if (!target.startsWith(SCHEMA_PREFIX))
    ref.fail(`${target}: a schema reference must start with ${SCHEMA_PREFIX}`);
  node.deref();
  return target.slice(SCHEMA_PREFIX.length);
}

export function buildType(node: SpecNode): Type {
  if (node.value === true) return { nullable: true, kind: "any" };
  if (!node.isObject) node.fail(`${node.where}: expected a schema`);
  const unsupported = UNSUPPORTED.find((keyword) => node.get(keyword));
  if (unsupported)
    node.fail(`${node.where}: the keyword ${unsupported} is not supported; describe the rule in prose`);
  const name = refName(node);
  if (name !== undefined) return { nullable: false, kind: "ref", name };
  const constant = node.get("const");
  if (constant) return buildConst(constant);
  const values = node.get("enum");
  if (values) return buildEnum(values);
  const variants = node.get("oneOf") ?? node.get("anyOf");
  if (variants) return union(variants.items().map(buildType), variants);
  if (node.get("allOf")) return buildAllOf(node);
  return buildByTypeKeyword(node);
}

function buildConst(node: SpecNode): Type {
  const { value } = node;
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    return { nullable: false, kind: "const", value };
  }
  return node.fail(`${node.where}: a const must be a string, a number or a boolean`);
}

function buildEnum(node: SpecNode): Type {
  const items = node.items();
  const nullable = items.some((item) => item.value === null);
  const values = items.filter((item) => item.value !== null);
  if (values.length === 0) node.fail(`${node.where}: the enum has no values`);
  if (values.every((item) => typeof item.value === "string")) {
    return { nullable, kind: "enum", values: values.map((item) => item.value as string) };
  }
  return { ...union(values.map(buildConst), node), nullable };
}

/** Joins variants: nested unions are flattened, null becomes `nullable`, a single variant stands alone. */
function union(variants: Type[], node: SpecNode): Type {
  const flat = variants.flatMap((type) => (type.kind === "union" ? type.variants : [type]));
  const nullable = variants.some((type) => type.nullable && type.kind !== "any");
  const rest = flat
    .filter((type) => !isNull(type))
    .map((type) => (type.kind === "any" ? type : { ...type, nullable: false }));
  const [only] = rest;
  if (!only) return node.fail(`${node.where}: a union needs a variant beside null`);
  return rest.length === 1 ? { ...only, nullable } : { nullable, kind: "union", variants: rest };
}

/** A schema that allows null alone: an enum without values, made by `primitive`, never seen by emitters. */
function isNull(type: Type): boolean {
  return type.kind === "enum" && type.values.length === 0;
}

function buildByTypeKeyword(node: SpecNode): Type {
  const keyword = node.get("type");
  if (!keyword) {
    if (node.get("properties") || node.get("additionalProperties")) return buildObject(node);
    if (node.get("prefixItems")) return buildArray(node);
    return { nullable: true, kind: "any" };
  }
  if (!Array.isArray(keyword.value)) return primitive(node, keyword);
  return union(
    keyword.items().map((item) => primitive(node, item)),
    keyword,
  );
}

function primitive(node: SpecNode, keyword: SpecNode): Type {
  const format = node.get("format")?.string();
  const formatted = format === undefined ? {} : { format };
  const name = keyword.oneOf(["null", "string", "integer", "number", "boolean", "array", "object"]);
  switch (name) {
    case "null":
      return { nullable: true, kind: "enum", values: [] };
    case "string":
      return { nullable: false, kind: "string", ...formatted };
    case "integer":
      return { nullable: false, kind: "integer", ...formatted };
    case "number":
    case "boolean":
      return { nullable: false, kind: name };
    case "array":
      return buildArray(node);
    case "object":
      return buildObject(node);
  }
}

function buildArray(node: SpecNode): Type {
  const prefix = node.get("prefixItems");
  const items = node.get("items");
  if (prefix) {
    const types = prefix.items().map(buildType);
    if (!items || items.value === false) return { nullable: false, kind: "tuple", items: types };
    return { nullable: false, kind: "tuple", items: types, rest: buildType(items) };
  }
  if (!items) node.fail(`${node.where}: an array needs items`);
  return { nullable: false, kind: "array", items: buildType(items as SpecNode) };
}

function buildObject(node: SpecNode): Type {
  const properties = node.get("properties");
  const extra = node.get("additionalProperties");
  const extraType = extra?.isObject ? buildType(extra) : undefined;
  if (!properties) {
    if (extra?.value === false) return { nullable: false, kind: "object", fields: [], open: false };
    return { nullable: false, kind: "map", values: extraType ?? { nullable: true, kind: "any" } };
  }
  const open = extra?.value !== false;
  const fields = buildFields(node);
  return { nullable: false, kind: "object", fields, open, ...(extraType ? { extra: extraType } : {}) };
}

function buildFields(node: SpecNode): Field[] {
  const required = new Set(
    node
      .get("required")
      ?.items()
      .map((item) => item.string()) ?? [],
  );
  const properties = node.get("properties")?.entries() ?? [];
  for (const name of required) {
    if (!properties.some(([wire]) => wire === name)) {
      node.get("required")?.fail(`${node.where}: required names ${name}, which is not among its properties`);
    }
  }
  return properties.map(([wire, schema]) => buildField(wire, schema, required.has(wire)));
}

/** A named value with its schema's documentation; shared with parameters. */
export function buildField(wire: string, schema: SpecNode, required: boolean): Field {
  const defaultNode = schema.get("default");
  return {
    wire,
    words: splitWords(wire),
    type: buildType(schema),
    required,
    doc: schema.text("description"),
    ...(defaultNode ? { default: defaultNode.value } : {}),
  };
}

/** Merges the parts, followed through their references, with the fields beside the `allOf`. Later parts win. */
function buildAllOf(node: SpecNode): Type {
  const parts = node.need("allOf").items();
  const [only] = parts;
  if (only && parts.length === 1 && !node.get("properties")) return buildType(only);
  const objects = [...parts.map((part) => part.deref()), node].map((part) =>
    part === node ? ownObject(node) : buildType(part),
  );
  const fields = new Map<string, Field>();
  let open = true;
  let extra: Type | undefined;
  for (const part of objects) {
    if (part.kind === "map") extra = part.values;
    else if (part.kind !== "object")
      node.fail(`${node.where}: allOf can only merge objects, found ${part.kind}`);
    else {
      for (const field of part.fields) fields.set(field.wire, field);
      open = open && part.open;
      extra = part.extra ?? extra;
    }
  }
  return { nullable: false, kind: "object", fields: [...fields.values()], open, ...(extra ? { extra } : {}) };
}

function ownObject(node: SpecNode): Type {
  return {
    nullable: false,
    kind: "object",
    fields: buildFields(node),
    open: node.get("additionalProperties")?.value !== false,
  };
}
