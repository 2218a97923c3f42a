/**
 * A namespace's schema as an immutable value: every change makes a new one, so a write can plan against the schema it
 * will leave behind and drop it when the write fails.
 */
import { badRequest, wrongShape } from "../errors.js";
import type { IdType } from "../ids.js";
import { describeKind, isObject, type Json, type JsonObject } from "../json.js";
import { LIMITS } from "../limits.js";
import {
  type Attribute,
  type Metric,
  parseAttribute,
  printAttribute,
  printAttributeForMetadata,
} from "./attribute.js";
import { parseType } from "./attribute-type.js";

export interface Schema {
  /** `null` until the first document or an explicit declaration settles it. */
  readonly idType: IdType | null;
  readonly metric: Metric | null;
  readonly attributes: ReadonlyMap<string, Attribute>;
}

export const EMPTY_SCHEMA: Schema = { idType: null, metric: null, attributes: new Map() };

const ID_TYPES: ReadonlySet<string> = new Set(["uint", "uuid", "string"]);

/**
 * Applies a schema map of the wire. `existing` says whether the namespace is already there: its vector columns are then
 * fixed. Throws 400 or 422 naming the attribute; the given schema is untouched.
 */
export function updateSchema(schema: Schema, update: Json, existing: boolean): Schema {
  if (!isObject(update)) throw wrongShape("schema", `invalid type: ${describeKind(update)}, expected a map`);
  const attributes = new Map(schema.attributes);
  let idType = schema.idType;
  for (const [name, entry] of Object.entries(update)) {
    if (name === "id") {
      idType = readIdType(entry, idType);
      continue;
    }
    checkAttributeName(name);
    if (isDrop(entry)) {
      dropAttribute(attributes, name);
      continue;
    }
    const current = attributes.get(name);
    const attribute = unlessSame(current, parseAttribute(name, entry, current));
    if (attribute.type.kind === "vector" && existing && !attributes.has(name)) {
      throw badRequest(
        `cannot add vector attribute '${name}': vector attributes are fixed when the namespace is created`,
      );
    }
    attributes.set(name, attribute);
  }
  return checkCounts({ idType, metric: schema.metric, attributes });
}

/** The current attribute where the parsed one says the same: clients send the schema with every write. */
function unlessSame(current: Attribute | undefined, parsed: Attribute): Attribute {
  return current !== undefined && JSON.stringify(current) === JSON.stringify(parsed) ? current : parsed;
}

/** Whether two schemas of one namespace, the later made from the earlier, say the same. */
export function isSameSchema(a: Schema, b: Schema): boolean {
  if (a.idType !== b.idType || a.metric !== b.metric || a.attributes.size !== b.attributes.size) return false;
  for (const [name, attribute] of a.attributes) if (b.attributes.get(name) !== attribute) return false;
  return true;
}

function isDrop(entry: Json): boolean {
  return isObject(entry) && entry.drop === true;
}

function dropAttribute(attributes: Map<string, Attribute>, name: string): void {
  const attribute = attributes.get(name);
  if (attribute === undefined) throw badRequest(`cannot drop attribute '${name}': attribute not found`);
  if (attribute.type.kind === "vector") throw badRequest(`cannot drop vector attribute '${name}'`);
  attributes.delete(name);
}

/** Adds attributes that documents brought along. */
export function withAttributes(schema: Schema, added: ReadonlyMap<string, Attribute>): Schema {
  if (added.size === 0) return schema;
  return checkCounts({ ...schema, attributes: new Map([...schema.attributes, ...added]) });
}

function checkCounts(schema: Schema): Schema {
  if (schema.attributes.size > LIMITS.attributesPerNamespace) {
    throw badRequest(
      `too many attributes: ${schema.attributes.size}, limit is ${LIMITS.attributesPerNamespace}`,
    );
  }
  const vectors = vectorNames(schema);
  if (vectors.length > LIMITS.vectorColumns) {
    throw badRequest(`too many vector attributes: ${vectors.join(", ")}; limit is ${LIMITS.vectorColumns}`);
  }
  return schema;
}

/** Names of the dense vector columns, in schema order. */
export function vectorNames(schema: Schema): string[] {
  return [...schema.attributes].filter(([, { type }]) => type.kind === "vector").map(([name]) => name);
}

export function checkAttributeName(name: string): void {
  if (name.startsWith("$")) throw badRequest(`invalid attribute name '${name}': must not start with $`);
  const bytes = Buffer.byteLength(name);
  if (bytes < 1 || bytes > LIMITS.attributeNameBytes) {
    throw badRequest(
      `invalid attribute name '${name.slice(0, 80)}': must be 1 to ${LIMITS.attributeNameBytes} bytes`,
    );
  }
}

function readIdType(entry: Json, current: IdType | null): IdType {
  const text = isObject(entry) ? entry.type : entry;
  if (typeof text !== "string") {
    throw wrongShape("id", "data did not match any variant of untagged enum AttributeSchemaInput");
  }
  if (!ID_TYPES.has(text)) {
    parseType(text, "id");
    throw badRequest(`${text} is not a valid ID type`);
  }
  if (current !== null && current !== text) {
    throw badRequest(
      `invalid schema update for attribute 'id': cannot change attribute type from ${current} to ${text}`,
      {
        extra: { attribute: "id" },
      },
    );
  }
  return text as IdType;
}

/** The body of the schema routes. */
export function printSchema(schema: Schema): JsonObject {
  const id =
    schema.idType === null ? {} : { id: { type: schema.idType, filterable: null, full_text_search: null } };
  return { ...id, ...mapAttributes(schema, printAttribute) };
}

/** The `schema` member of metadata. */
export function printSchemaForMetadata(schema: Schema): JsonObject {
  const id = schema.idType === null ? {} : { id: { type: schema.idType } };
  return {
    ...id,
    ...mapAttributes(schema, (attribute) => printAttributeForMetadata(attribute, schema.metric)),
  };
}

function mapAttributes(schema: Schema, print: (attribute: Attribute) => JsonObject): JsonObject {
  return Object.fromEntries([...schema.attributes].map(([name, attribute]) => [name, print(attribute)]));
}
