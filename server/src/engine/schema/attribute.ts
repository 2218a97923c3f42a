/**
 * One attribute's configuration: reading it from a schema update on top of what is there, and printing it in the two
 * forms of the wire (with nulls for the schema routes, without for metadata).
 */
import { badRequest, unsupported, wrongShape } from "../errors.js";
import { describeKind, isObject, type Json, type JsonObject } from "../json.js";
import { type AttributeType, isText, parseType, printType } from "./attribute-type.js";
import { type FullTextOptions, parseFullText, printFullText } from "./full-text.js";

export const METRICS = ["cosine_distance", "euclidean_squared"] as const;
export type Metric = (typeof METRICS)[number];

export interface Attribute {
  readonly type: AttributeType;
  readonly filterable: boolean;
  readonly fullText: FullTextOptions | null;
  readonly regex: boolean;
  readonly glob: boolean;
  readonly fuzzy: boolean;
}

/** An attribute of this type with nothing asked for: filterable unless it is a vector. */
export function plainAttribute(type: AttributeType): Attribute {
  const filterable = type.kind === "scalar" || type.kind === "array";
  return { type, filterable, fullText: null, regex: false, glob: false, fuzzy: false };
}

/**
 * Reads one entry of a schema map: a bare type or a configuration. Options that the entry does not name keep their
 * current value, so that repeating a bare type never drops an index.
 */
export function parseAttribute(name: string, entry: Json, current: Attribute | undefined): Attribute {
  const config = typeof entry === "string" ? { type: entry } : entry;
  if (!isObject(config) || typeof config.type !== "string") {
    throw wrongShape(name, "data did not match any variant of untagged enum AttributeSchemaInput");
  }
  const type = parseType(config.type, name);
  refuseUnsupported(config);
  if (current !== undefined && printType(current.type) !== printType(type)) {
    throw badRequest(
      `invalid schema update for attribute '${name}': cannot change attribute type from ${printType(current.type)} to ${printType(type)}`,
      { extra: { attribute: name } },
    );
  }
  if (type.kind === "vector") return parseVector(name, type, config, current);
  if (config.ann !== undefined && config.ann !== null && config.ann !== false) {
    throw badRequest(`ann is only supported on vector attributes, not on '${name}'`);
  }
  return type.kind === "sparse"
    ? parseSparse(name, type, config, current)
    : parseIndexed(name, type, config, current);
}

function refuseUnsupported(config: JsonObject): void {
  if (config.embed !== undefined && config.embed !== null) throw unsupported("hosted embedding");
  if (isObject(config.ann) && config.ann.late_interaction === true)
    throw unsupported("late interaction vectors");
}

function parseVector(
  name: string,
  type: AttributeType,
  config: JsonObject,
  current: Attribute | undefined,
): Attribute {
  const ann = config.ann ?? current !== undefined;
  if (ann !== true && !isObject(ann)) {
    throw badRequest(
      name === "vector"
        ? "the `vector` attribute must have `ann` set to `true`"
        : `vector attribute '${name}' must have ann:true`,
    );
  }
  refuseIndexOptions(name, config);
  return plainAttribute(type);
}

function parseSparse(
  name: string,
  type: AttributeType,
  config: JsonObject,
  current: Attribute | undefined,
): Attribute {
  const knn = config.sparse_knn;
  if (knn === undefined && current !== undefined) return current;
  if (!isObject(knn) || knn.distance_metric !== "dot_product") {
    throw badRequest(`sparse attribute '${name}' must have sparse_knn with distance_metric dot_product`);
  }
  refuseIndexOptions(name, config);
  return plainAttribute(type);
}

function refuseIndexOptions(name: string, config: JsonObject): void {
  for (const key of ["filterable", "full_text_search", "regex", "glob", "fuzzy"]) {
    const value = config[key];
    if (value !== undefined && value !== null && value !== false) {
      throw badRequest(`${key} is not supported on vector attribute '${name}'`);
    }
  }
}

function parseIndexed(
  name: string,
  type: AttributeType,
  config: JsonObject,
  current: Attribute | undefined,
): Attribute {
  const fullText =
    config.full_text_search === undefined
      ? (current?.fullText ?? null)
      : parseFullText(config.full_text_search, name, type);
  const regex = readFlag(name, config, "regex") ?? current?.regex ?? false;
  const glob = readFlag(name, config, "glob") ?? current?.glob ?? false;
  const fuzzy = readFlag(name, config, "fuzzy") ?? current?.fuzzy ?? false;
  if ((regex || glob || fuzzy) && !isText(type)) {
    throw badRequest(
      `regex, glob and fuzzy are only supported on string and []string attributes, not on '${name}'`,
    );
  }
  const filterableByDefault = fullText === null && !regex && !glob && !fuzzy;
  const filterable = readFlag(name, config, "filterable") ?? current?.filterable ?? filterableByDefault;
  return { type, filterable, fullText, regex, glob, fuzzy };
}

function readFlag(name: string, config: JsonObject, key: string): boolean | undefined {
  const value = config[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "boolean")
    throw wrongShape(`${name}.${key}`, `invalid type: ${describeKind(value)}, expected a boolean`);
  return value;
}

/** The schema routes' form: every attribute prints `filterable` and `full_text_search`, null where not applicable. */
export function printAttribute(attribute: Attribute): JsonObject {
  const type = printType(attribute.type);
  if (attribute.type.kind === "vector") return { type, ann: true, filterable: null, full_text_search: null };
  if (attribute.type.kind === "sparse") return { type, filterable: null, full_text_search: null };
  const fullText = attribute.fullText === null ? null : printFullText(attribute.fullText);
  return { type, filterable: attribute.filterable, full_text_search: fullText, ...printFlags(attribute) };
}

/** Metadata's form: no nulls, vectors with their metric. */
export function printAttributeForMetadata(attribute: Attribute, metric: Metric | null): JsonObject {
  const type = printType(attribute.type);
  if (attribute.type.kind === "vector") {
    return { type, ann: metric === null ? true : { distance_metric: metric } };
  }
  if (attribute.type.kind === "sparse") return { type, sparse_knn: { distance_metric: "dot_product" } };
  return {
    type,
    filterable: attribute.filterable,
    ...(attribute.fullText === null ? {} : { full_text_search: printFullText(attribute.fullText) }),
    ...printFlags(attribute),
  };
}

function printFlags(attribute: Attribute): JsonObject {
  return {
    ...(attribute.regex ? { regex: true } : {}),
    ...(attribute.glob ? { glob: true } : {}),
    ...(attribute.fuzzy ? { fuzzy: true } : {}),
  };
}
