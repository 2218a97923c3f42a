/**
 * One path and method of the spec to one `Operation`, hints included. A hint with a wrong value, or one that names
 * something absent, is refused here, so that emitters can rely on every field.
 */
import type {
  Body,
  ErrorResponse,
  Example,
  MetaHeader,
  Operation,
  Page,
  Param,
  ResponseHeader,
  SuccessResponse,
  Wait,
} from "../model.js";
import { splitWords } from "../names.js";
import type { SpecNode } from "../spec-source.js";
import { buildField, buildType } from "./schema.js";

export const METHODS = ["get", "post", "put", "patch", "delete"] as const;

/** Every hint an operation may carry; anything else with our prefix is a misspelling. */
const HINTS = new Set(
  [
    "access",
    "kind",
    "fallthrough",
    "safe",
    "upstream-path",
    "body-validation",
    "page",
    "wait",
    "meta",
    "overloads",
  ].map((name) => `x-hev-${name}`),
);

export const FALLTHROUGHS = ["yes", "no", "simple", "native"] as const;

export function buildOperation(
  path: string,
  method: (typeof METHODS)[number],
  node: SpecNode,
  pathItem: SpecNode,
): Operation {
  const id = operationId(node);
  refuseUnknownHints(node, id);
  const params = buildParams(node, pathItem, id);
  const success = buildSuccess(node.need("responses"), id);
  const body = buildBody(node, id);
  const page = buildPage(node, id);
  const wait = buildWait(node);
  return {
    id,
    words: splitWords(id),
    tag: buildTag(node, id),
    method: method.toUpperCase() as Operation["method"],
    path,
    fixedQuery: [],
    summary: node.need("summary").string(),
    doc: node.need("description").string(),
    pathParams: orderPathParams(path, params, node, id),
    queryParams: params.filter((param) => param.in === "query"),
    headerParams: params.filter((param) => param.in === "header"),
    ...(body ? { body } : {}),
    success,
    errors: buildErrors(node.need("responses")),
    access: node.need("x-hev-access").oneOf(["read", "write", "admin", "none"]),
    kind: node.need("x-hev-kind").oneOf(["passthrough", "upstream", "layer"]),
    fallthrough: node.need("x-hev-fallthrough").oneOf(FALLTHROUGHS),
    upstreamPath: node.get("x-hev-upstream-path")?.string() ?? path,
    safe: node.need("x-hev-safe").oneOf(["read", "idempotent", "once"]),
    ...(page ? { page } : {}),
    ...(wait ? { wait } : {}),
    meta: buildMeta(node, success.headers, id),
    deprecated: node.flag("deprecated"),
  };
}

export function operationId(node: SpecNode): string {
  const id = node.need("operationId").string();
  if (!/^[a-z][A-Za-z0-9]*$/.test(id))
    node.need("operationId").fail(`operation ${id}: operationId must be camelCase`);
  return id;
}

function refuseUnknownHints(node: SpecNode, id: string): void {
  for (const [key, value] of node.entries()) {
    if (!key.startsWith("x-hev-") || HINTS.has(key)) continue;
    value.fail(`operation ${id}: unknown hint ${key}; known hints are ${[...HINTS].join(", ")}`);
  }
}

function buildTag(node: SpecNode, id: string): string {
  const tags = node.need("tags").items();
  const [tag] = tags;
  if (!tag || tags.length !== 1)
    return node.need("tags").fail(`operation ${id}: needs exactly one tag, has ${tags.length}`);
  return tag.string();
}

function buildParams(node: SpecNode, pathItem: SpecNode, id: string): Param[] {
  const byKey = new Map<string, Param>();
  for (const list of [pathItem.get("parameters"), node.get("parameters")]) {
    for (const item of list?.items() ?? []) {
      const param = buildParam(item.deref(), id);
      byKey.set(`${param.in} ${param.wire}`, param);
    }
  }
  return [...byKey.values()];
}

function buildParam(node: SpecNode, id: string): Param {
  const place = node.need("in").oneOf(["path", "query", "header"]);
  const wire = node.need("name").string();
  const required = node.flag("required");
  if (place === "path" && !required)
    node.fail(`operation ${id}: path parameter ${wire} must be required: true`);
  const schema = node.need("schema");
  const field = buildField(wire, schema, required);
  if (place === "query" && field.type.kind === "array" && node.get("explode")?.value !== false) {
    node.fail(
      `operation ${id}: query parameter ${wire} is a list; lists join with commas, so set explode: false`,
    );
  }
  const example = node.get("example") ?? schema.get("example");
  return {
    ...field,
    doc: node.text("description") || field.doc,
    in: place,
    ...(example ? { example: example.value } : {}),
  };
}

/** Path parameters in the order of the template, which is the order of the clients' arguments. */
function orderPathParams(path: string, params: Param[], node: SpecNode, id: string): Param[] {
  const declared = params.filter((param) => param.in === "path");
  const names = [...path.matchAll(/\{([^}]+)\}/g)].map((match) => match[1] ?? "");
  for (const param of declared) {
    if (!names.includes(param.wire))
      node.fail(`operation ${id}: path parameter ${param.wire} does not stand in ${path}`);
  }
  return names.map(
    (name) =>
      declared.find((param) => param.wire === name) ??
      node.fail(`operation ${id}: {${name}} in ${path} has no path parameter; declare it`),
  );
}

export function buildBody(node: SpecNode, id: string): Body | undefined {
  const body = node.get("requestBody")?.deref();
  if (!body) return undefined;
  const media = body.need("content").get("application/json");
  if (!media) return body.fail(`operation ${id}: only application/json request bodies are supported`);
  const type = buildType(media.need("schema"));
  if (type.kind !== "ref") {
    media.fail(
      `operation ${id}: the request body must be a $ref into components.schemas, so that it has a name`,
    );
  }
  return {
    required: body.flag("required"),
    type,
    validation: node.get("x-hev-body-validation")?.oneOf(["full", "shallow", "none"]) ?? "full",
    doc: body.text("description"),
    examples: buildExamples(media),
  };
}

function buildExamples(media: SpecNode): Example[] {
  const single = media.get("example");
  if (single) return [{ name: "default", summary: "", value: single.value }];
  return (media.get("examples")?.entries() ?? []).map(([name, node]) => {
    const example = node.deref();
    return { name, summary: example.text("summary"), value: example.need("value").value };
  });
}

export function buildSuccess(responses: SpecNode, id: string): SuccessResponse {
  const found = responses.entries().filter(([status]) => /^2\d\d$/.test(status));
  const [first] = found;
  if (!first) return responses.fail(`operation ${id}: needs a 2xx response`);
  const bodies = found.map(([, node]) => buildSuccessBody(node.deref(), id));
  const [body] = bodies;
  for (const [index, other] of bodies.entries()) {
    if (JSON.stringify(other.type) !== JSON.stringify(body?.type)) {
      found[index]?.[1].fail(
        `operation ${id}: all 2xx responses must share one schema; give them a common open object`,
      );
    }
  }
  return {
    statuses: found.map(([status]) => Number(status)).sort((a, b) => a - b),
    ...(body?.type ? { type: body.type } : {}),
    contentType: body?.contentType ?? "",
    headers: found.flatMap(([, node]) => buildHeaders(node.deref())).filter(firstOfName),
    doc: first[1].deref().text("description"),
    examples: bodies.flatMap((item) => item.examples),
  };
}

function firstOfName(header: ResponseHeader, index: number, all: ResponseHeader[]): boolean {
  return all.findIndex((other) => other.wire === header.wire) === index;
}

function buildSuccessBody(
  node: SpecNode,
  id: string,
): Pick<SuccessResponse, "type" | "contentType" | "examples"> {
  const content = node.get("content")?.entries() ?? [];
  const [entry] = content;
  if (!entry) return { contentType: "", examples: [] };
  const [contentType, media] = entry;
  if (content.length > 1)
    node.fail(`operation ${id}: a response with several content types is not supported`);
  const type = buildType(media.need("schema"));
  if (contentType === "application/json" && type.kind !== "ref") {
    media.fail(
      `operation ${id}: a JSON response must be a $ref into components.schemas, so that it has a name`,
    );
  }
  return { type, contentType, examples: buildExamples(media) };
}

function buildHeaders(node: SpecNode): ResponseHeader[] {
  return (node.get("headers")?.entries() ?? []).map(([wire, declared]) => {
    const header = declared.deref();
    return { wire, type: buildType(header.need("schema")), doc: header.text("description") };
  });
}

function buildErrors(responses: SpecNode): ErrorResponse[] {
  return responses
    .entries()
    .filter(([status]) => /^[45]\d\d$/.test(status))
    .map(([status, node]) => ({ status: Number(status), doc: node.deref().text("description") }))
    .sort((a, b) => a.status - b.status);
}

function buildPage(node: SpecNode, id: string): Page | undefined {
  const hint = node.get("x-hev-page");
  if (!hint) return undefined;
  if (hint.value === "none") return "none";
  if (!hint.isObject) hint.fail(`operation ${id}: x-hev-page must be none or {cursor, items, next}`);
  const items = hint.get("items")?.string();
  const next = hint.need("next");
  const field = next.get("field")?.string();
  const lastItem = next.get("last_item")?.string();
  if ((field === undefined) === (lastItem === undefined)) {
    next.fail(`operation ${id}: x-hev-page.next needs exactly one of field, last_item`);
  }
  return {
    cursor: hint.need("cursor").string(),
    ...(items === undefined ? {} : { items }),
    next: field === undefined ? { lastItem: lastItem ?? "" } : { field },
  };
}

function buildWait(node: SpecNode): Wait | undefined {
  const hint = node.get("x-hev-wait");
  if (!hint) return undefined;
  const values = (key: string) =>
    hint
      .need(key)
      .items()
      .map((item) => item.string());
  return {
    state: hint.need("state").string(),
    done: values("done"),
    failed: values("failed"),
    running: values("running"),
    progress: hint.need("progress").string(),
  };
}

export function buildMeta(node: SpecNode, headers: ResponseHeader[], id: string): MetaHeader[] {
  return (node.get("x-hev-meta")?.items() ?? []).map((item) => {
    const wire = item.need("header").string();
    const header = headers.find((candidate) => candidate.wire.toLowerCase() === wire.toLowerCase());
    if (!header)
      return item.fail(`operation ${id}: x-hev-meta names header ${wire}, which no 2xx response declares`);
    const field = item.need("field").string();
    return { header: wire, field, words: splitWords(field), type: header.type, doc: header.doc };
  });
}
