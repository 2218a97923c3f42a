/**
 * What the suite needs to know of `openapi.yaml`: which operations exist, how their paths are put together, and which of
 * them page. Read from the spec alone, so that the control driver depends on no generated code.
 */
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { isObject, type ValueObject } from "./values.js";

export interface PageHint {
  /** Query parameter that takes the cursor. */
  cursor: string;
  /** Field of the body that holds the items. */
  items: string;
  /** Field of the body that holds the next cursor. */
  nextField: string;
}

export interface MetaHint {
  header: string;
  field: string;
  integer: boolean;
}

export interface SpecOperation {
  id: string;
  method: string;
  /** Template, for example `/v2/namespaces/{namespace}/documents/{doc_id}`. */
  path: string;
  /** Names of the path parameters in path order. */
  pathParams: string[];
  queryParams: string[];
  /** Query parameters that every call sends (`x-hev-overloads`): what tells operations on one route apart. */
  fixedQuery: Record<string, string>;
  hasBody: boolean;
  page?: PageHint;
  meta: MetaHint[];
}

export type Spec = Map<string, SpecOperation>;

const METHODS = ["get", "put", "post", "patch", "delete"];

/** Reads the operations of an OpenAPI document. Throws when the file is missing or holds no operation. */
export function loadSpec(path: string): Spec {
  const document: unknown = parse(readFileSync(path, "utf8"));
  const spec: Spec = new Map();
  if (!isObject(document) || !isObject(document.paths)) throw new Error(`${path}: no paths`);
  for (const [template, item] of Object.entries(document.paths)) {
    if (!isObject(item)) continue;
    for (const method of METHODS) {
      const operation = item[method];
      if (!isObject(operation) || typeof operation.operationId !== "string") continue;
      const route = readOperation(document, template, method, item, operation);
      for (const one of [route, ...readOverloads(document, operation, route)]) spec.set(one.id, one);
    }
  }
  if (spec.size === 0) throw new Error(`${path}: no operation with an operationId`);
  return spec;
}

function readOperation(
  document: ValueObject,
  path: string,
  method: string,
  item: ValueObject,
  operation: ValueObject,
): SpecOperation {
  const params = [...list(item.parameters), ...list(operation.parameters)]
    .map((param) => resolve(document, param))
    .filter(isObject);
  const page = readPage(operation["x-hev-page"]);
  return {
    id: operation.operationId as string,
    method: method.toUpperCase(),
    path,
    pathParams: [...path.matchAll(/\{([^}]+)\}/g)].map((match) => match[1] ?? ""),
    queryParams: params.filter((param) => param.in === "query").map((param) => param.name as string),
    fixedQuery: {},
    hasBody: operation.requestBody !== undefined,
    meta: readMetas(document, operation),
    ...(page === undefined ? {} : { page }),
  };
}

/** Further operations on the route of one, each with a marker in the query string. */
function readOverloads(document: ValueObject, operation: ValueObject, route: SpecOperation): SpecOperation[] {
  return list(operation["x-hev-overloads"])
    .filter(isObject)
    .map((overload) => ({
      ...route,
      id: String(overload.operationId),
      fixedQuery: overload.query as Record<string, string>,
      hasBody: overload.requestBody !== undefined,
      // An answer of its own comes with its own lifted headers.
      ...(overload.responses === undefined ? {} : { meta: readMetas(document, overload) }),
    }));
}

function readMetas(document: ValueObject, operation: ValueObject): MetaHint[] {
  return list(operation["x-hev-meta"])
    .filter(isObject)
    .map((hint) => readMeta(document, operation, hint));
}

function readPage(hint: unknown): PageHint | undefined {
  if (!isObject(hint) || !isObject(hint.next)) return undefined;
  return { cursor: String(hint.cursor), items: String(hint.items), nextField: String(hint.next.field) };
}

function readMeta(document: ValueObject, operation: ValueObject, hint: ValueObject): MetaHint {
  const header = String(hint.header);
  const declared = list(isObject(operation.responses) ? Object.values(operation.responses) : [])
    .map((response) => resolve(document, response))
    .filter(isObject)
    .map((response) => (isObject(response.headers) ? resolve(document, response.headers[header]) : undefined))
    .find(isObject);
  const schema = isObject(declared) ? resolve(document, declared.schema) : undefined;
  const types = isObject(schema) ? [schema.type].flat() : [];
  return { header: header.toLowerCase(), field: String(hint.field), integer: types.includes("integer") };
}

function resolve(document: ValueObject, node: unknown): unknown {
  if (!isObject(node) || typeof node.$ref !== "string") return node;
  let target: unknown = document;
  for (const part of node.$ref.replace(/^#\//, "").split("/")) {
    target = isObject(target) ? target[part.replaceAll("~1", "/").replaceAll("~0", "~")] : undefined;
  }
  return target;
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
