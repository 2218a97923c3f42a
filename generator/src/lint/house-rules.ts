/**
 * What must hold between the parts of the spec, beyond what `build/` refuses while reading it: hints name things that
 * exist, the error catalogue is closed, everything is described and shown by example.
 *
 * Cheap enough to run before every generation. Each rule yields what is wrong and where; none changes anything.
 */
import type { Api, Operation, Type, Wait } from "../model.js";
import { iterWords, snake, waitWords } from "../names.js";
import { routeText } from "../route-text.js";
import type { SpecNode } from "../spec-source.js";

export interface Finding {
  node: SpecNode;
  message: string;
}

type Rule = (root: SpecNode, api: Api) => Iterable<Finding>;

/** Rules by id; the plugin publishes each as `hev/<id>`. */
export const HOUSE_RULES: Readonly<Record<string, Rule>> = {
  "closed-error-catalogue": closedErrorCatalogue,
  "shared-error-schema": sharedErrorSchema,
  "pages-fit": pagesFit,
  "waits-fit": waitsFit,
  "access-fits-security": accessFitsSecurity,
  "safe-fits-method": safeFitsMethod,
  "fallthrough-fits": fallthroughFits,
  "overloads-fit": overloadsFit,
  "parameters-free-of-call-options": parametersFreeOfCallOptions,
  "tags-used": tagsUsed,
  "bodies-have-examples": bodiesHaveExamples,
  "schemas-described": schemasDescribed,
  "components-used": componentsUsed,
  "known-hints": knownHints,
};

/** All findings of all rules. */
export function* houseFindings(root: SpecNode, api: Api): Generator<Finding> {
  for (const rule of Object.values(HOUSE_RULES)) yield* rule(root, api);
}

function operationNode(root: SpecNode, operation: Operation): SpecNode {
  const node = root.need("paths").need(operation.path).need(operation.method.toLowerCase());
  if (operation.overloadOf === undefined) return node;
  const overloads = node.need("x-hev-overloads").items();
  return overloads.find((overload) => overload.text("operationId") === operation.id) ?? node;
}

/** The operations that have a route of their own; overloads share the hints and answers of theirs. */
function routes(api: Api): Operation[] {
  return api.operations.filter((operation) => operation.overloadOf === undefined);
}

function resolve(api: Api, type: Type | undefined): Type | undefined {
  if (type?.kind !== "ref") return type;
  return resolve(api, api.types.find((named) => named.name === type.name)?.type);
}

function fieldType(api: Api, type: Type | undefined, name: string): Type | undefined {
  const object = resolve(api, type);
  return object?.kind === "object" ? object.fields.find((field) => field.wire === name)?.type : undefined;
}

function* closedErrorCatalogue(root: SpecNode, api: Api): Generator<Finding> {
  const catalogue = root.get("x-hev-errors");
  if (!catalogue) return;
  const schema = root.get("components")?.get("schemas")?.get("ErrorCode");
  if (!schema)
    return yield { node: catalogue, message: "x-hev-errors needs the schema ErrorCode with the same codes" };
  const type = api.types.find((named) => named.name === "ErrorCode")?.type;
  const codes = type?.kind === "enum" ? type.values : [];
  for (const { code } of api.errorCodes) {
    if (!codes.includes(code))
      yield { node: schema, message: `ErrorCode lacks ${code}, which x-hev-errors lists; add it` };
  }
  for (const code of codes) {
    if (api.errorCodes.some((known) => known.code === code)) continue;
    yield { node: catalogue, message: `x-hev-errors lacks ${code}, which ErrorCode lists; add it` };
  }
}

/** JSON errors have the shared shape, alone or in a union. Probes, which need no key, may answer with their own state. */
function* sharedErrorSchema(root: SpecNode, api: Api): Generator<Finding> {
  for (const operation of routes(api)) {
    for (const [status, response] of operationNode(root, operation).need("responses").entries()) {
      if (!/^([45]|default)/.test(status) || operation.access === "none") continue;
      const media = response.deref().get("content")?.get("application/json");
      const name = media?.get("schema")?.text("$ref").split("/").pop();
      if (media && !includesError(api, name)) {
        yield {
          node: response,
          message: `operation ${operation.id}: ${status} must answer with the schema Error or a union with it`,
        };
      }
    }
  }
}

function includesError(api: Api, name: string | undefined): boolean {
  if (name === "Error") return true;
  const type = api.types.find((named) => named.name === name)?.type;
  return (
    type?.kind === "union" &&
    type.variants.some((variant) => variant.kind === "ref" && variant.name === "Error")
  );
}

function* pagesFit(root: SpecNode, api: Api): Generator<Finding> {
  const ids = new Set(api.operations.map((operation) => operation.words.join(" ")));
  for (const operation of api.operations) {
    const node = operationNode(root, operation);
    const { page } = operation;
    if (page === undefined) {
      if (operation.words[0] === "list")
        yield {
          node,
          message: `operation ${operation.id} lists; give it x-hev-page (none when it has no pages)`,
        };
      continue;
    }
    if (page === "none") continue;
    const hint = node.need("x-hev-page");
    const wrong = (message: string): Finding => ({
      node: hint,
      message: `operation ${operation.id}: x-hev-page.${message}`,
    });
    if (!operation.queryParams.some((param) => param.wire === page.cursor)) {
      yield wrong(`cursor names ${page.cursor}, which is not a query parameter`);
    }
    const items = resolve(
      api,
      page.items === undefined ? operation.success.type : fieldType(api, operation.success.type, page.items),
    );
    if (items?.kind !== "array")
      yield wrong(`items names ${page.items ?? "the body"}, which is not a list in the answer`);
    const holder =
      "field" in page.next ? operation.success.type : items?.kind === "array" ? items.items : undefined;
    const next = "field" in page.next ? page.next.field : page.next.lastItem;
    if (!fieldType(api, holder, next)) yield wrong(`next names ${next}, which the answer does not have`);
    const iterator = iterWords(operation.words).join(" ");
    if (ids.has(iterator)) yield wrong(`the iterator would be named like the operation ${iterator}`);
  }
}

/** The values of a job's state that tell it from other things with a state. */
const JOB_STATES = ["running", "completed", "failed"];

/** Whoever reads a job can wait for it, and the hint says of every state whether the wait goes on. */
function* waitsFit(root: SpecNode, api: Api): Generator<Finding> {
  const ids = new Set(api.operations.map((operation) => operation.words.join(" ")));
  for (const operation of routes(api)) {
    const node = operationNode(root, operation);
    const { wait } = operation;
    if (wait === undefined) {
      if (readsJob(api, operation))
        yield { node, message: `operation ${operation.id} reads a job; give it x-hev-wait` };
      continue;
    }
    for (const message of waitBreaches(api, operation, wait))
      yield { node: node.need("x-hev-wait"), message: `operation ${operation.id}: x-hev-wait${message}` };
    const waiter = waitWords(operation.words).join(" ");
    if (ids.has(waiter))
      yield {
        node,
        message: `operation ${operation.id}: its waiter would be named like the operation ${waiter}`,
      };
  }
}

function readsJob(api: Api, operation: Operation): boolean {
  const state = resolve(api, fieldType(api, operation.success.type, "status"));
  const isJob = state?.kind === "enum" && JOB_STATES.every((value) => state.values.includes(value));
  return isJob && operation.pathParams.some((param) => param.wire === "job_id");
}

function* waitBreaches(api: Api, operation: Operation, wait: Wait): Generator<string> {
  if (operation.method !== "GET" || operation.words[0] !== "get")
    yield " stands at an operation that gets a job";
  if (operation.queryParams.length + operation.headerParams.length > 0)
    yield " needs an operation with path parameters only";
  const stated = [...wait.done, ...wait.failed, ...wait.running];
  const state = alwaysThere(api, operation, wait.state);
  if (state?.kind !== "enum") {
    yield `.state names ${wait.state}, which the answer does not always have as one of a list of values`;
  } else {
    for (const value of stated) {
      if (!state.values.includes(value)) yield ` names ${value}, which ${wait.state} never is`;
      else if (stated.filter((other) => other === value).length > 1) yield ` names ${value} twice`;
    }
    const missing = state.values.find((value) => !stated.includes(value));
    if (missing !== undefined) yield ` does not say whether ${missing} is done, failed or running`;
  }
  if (alwaysThere(api, operation, wait.progress)?.kind !== "number")
    yield `.progress names ${wait.progress}, which the answer does not always have as a number`;
}

/** The type of a field that every answer has, and not as null. */
function alwaysThere(api: Api, operation: Operation, name: string): Type | undefined {
  const answer = resolve(api, operation.success.type);
  const field = answer?.kind === "object" ? answer.fields.find((item) => item.wire === name) : undefined;
  return field?.required && !field.type.nullable ? resolve(api, field.type) : undefined;
}

function* accessFitsSecurity(root: SpecNode, api: Api): Generator<Finding> {
  for (const operation of routes(api)) {
    const node = operationNode(root, operation);
    const open = node.get("security")?.items().length === 0;
    if (open === (operation.access === "none")) continue;
    const rule = "x-hev-access: none and security: [] go together";
    yield { node: node.need("x-hev-access"), message: `operation ${operation.id}: ${rule}` };
  }
}

function* safeFitsMethod(root: SpecNode, api: Api): Generator<Finding> {
  for (const operation of routes(api)) {
    if (operation.method !== "GET" || operation.safe === "read") continue;
    const node = operationNode(root, operation).need("x-hev-safe");
    yield { node, message: `operation ${operation.id}: a GET must have x-hev-safe: read` };
  }
}

function* fallthroughFits(root: SpecNode, api: Api): Generator<Finding> {
  for (const operation of api.operations) {
    const node = operationNode(root, operation);
    const path = node.get("x-hev-upstream-path");
    if (path && operation.fallthrough === "no") {
      yield {
        node: path,
        message: `operation ${operation.id}: x-hev-upstream-path has no effect with x-hev-fallthrough: no`,
      };
    }
    const names = [...operation.upstreamPath.matchAll(/\{([^}]+)\}/g)].map((match) => match[1]);
    const unknown = names.find((name) => !operation.pathParams.some((param) => param.wire === name));
    if (path && unknown)
      yield { node: path, message: `operation ${operation.id}: {${unknown}} is not a path parameter` };
    const { fallthrough } = operation;
    if ((fallthrough === "simple" || fallthrough === "native") && !operation.body) {
      const hint = node.need("x-hev-fallthrough");
      const message = `operation ${operation.id}: ${fallthrough} judges the body, and there is none`;
      yield { node: hint, message };
    }
  }
}

/** What a client cannot tell apart it must not have twice; what a page needs an overload does not carry. */
function* overloadsFit(root: SpecNode, api: Api): Generator<Finding> {
  const markers = new Map<string, string>();
  for (const operation of api.operations) {
    const base = api.operations.find((other) => other.id === operation.overloadOf);
    if (!base) continue;
    const node = operationNode(root, operation);
    const wrong = (message: string): Finding => ({
      node,
      message: `operation ${operation.id}: ${message}`,
    });
    if (base.page !== undefined) yield wrong(`${base.id} has x-hev-page, so it can have no overloads`);
    if ((operation.body === undefined) !== (base.body === undefined))
      yield wrong(`it must have a body exactly when ${base.id} has one`);
    if (base.fallthrough === "no" && operation.fallthrough !== "no")
      yield wrong(`${base.id} never falls through, so an overload of it must not either`);
    const twin = markers.get(routeText(operation));
    if (twin !== undefined) yield wrong(`it has the same marker as ${twin}`);
    markers.set(routeText(operation), operation.id);
  }
}

/** What callers may set on every call in every client; a parameter of that name could not be told apart. */
const CALL_OPTIONS = new Set([
  "signal",
  "timeout",
  "total_timeout",
  "max_retries",
  "headers",
  "extra_query",
  "extra_body",
  "with_perf",
]);

function* parametersFreeOfCallOptions(root: SpecNode, api: Api): Generator<Finding> {
  for (const operation of routes(api)) {
    for (const param of [...operation.queryParams, ...operation.headerParams]) {
      if (!CALL_OPTIONS.has(snake(param.words))) continue;
      const rule = `parameter ${param.wire} is named like an option of every call; rename it`;
      yield { node: operationNode(root, operation), message: `operation ${operation.id}: ${rule}` };
    }
  }
}

function* tagsUsed(root: SpecNode, api: Api): Generator<Finding> {
  for (const [index, tag] of api.tags.entries()) {
    const node = root.need("tags").items()[index] ?? root;
    if (tag.doc === "") yield { node, message: `tag ${tag.name} has no description` };
    if (!api.operations.some((operation) => operation.tag === tag.name)) {
      yield { node, message: `tag ${tag.name} has no operations; remove it` };
    }
  }
}

function* bodiesHaveExamples(root: SpecNode, api: Api): Generator<Finding> {
  for (const operation of api.operations) {
    const node = operationNode(root, operation);
    if (operation.body && operation.body.examples.length === 0) {
      yield { node, message: `operation ${operation.id}: the request body has no example` };
    }
    if (operation.success.type && operation.success.examples.length === 0) {
      yield { node, message: `operation ${operation.id}: the successful answer has no example` };
    }
  }
}

function* schemasDescribed(root: SpecNode, api: Api): Generator<Finding> {
  for (const named of api.types) {
    const node = root.need("components").need("schemas").need(named.name);
    if (named.doc === "") yield { node, message: `schema ${named.name} has no description` };
    if (named.example === undefined) yield { node, message: `schema ${named.name} has no example` };
    if (named.type.kind !== "object") continue;
    for (const field of named.type.fields) {
      if (field.doc !== "" || field.type.kind === "ref") continue;
      yield {
        node: node.get("properties")?.get(field.wire) ?? node,
        message: `${named.name}.${field.wire} has no description`,
      };
    }
  }
}

/** Stands in for Redocly's `no-unused-components`, which does not look into hints. */
function* componentsUsed(root: SpecNode): Generator<Finding> {
  const used = new Set(references(root.value));
  for (const [kind, components] of root.get("components")?.entries() ?? []) {
    if (kind === "securitySchemes") continue;
    for (const [name, node] of components.entries()) {
      if (!used.has(`#/components/${kind}/${name}`)) yield { node, message: `${kind} ${name} is never used` };
    }
  }
}

function references(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(references);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === "$ref" && typeof inner === "string" ? [inner] : references(inner),
  );
}

/** Hints outside operations; those of operations are checked where they are read. */
function* knownHints(root: SpecNode): Generator<Finding> {
  for (const [key, node] of root.entries()) {
    if (key.startsWith("x-hev-") && key !== "x-hev-errors")
      yield { node, message: `unknown hint ${key} at the root of the spec` };
  }
  for (const [name, schema] of root.get("components")?.get("schemas")?.entries() ?? []) {
    for (const [key, node] of schema.entries()) {
      if (!key.startsWith("x-hev-")) continue;
      if (key !== "x-hev-ts-type") yield { node, message: `schema ${name}: unknown hint ${key}` };
      else if (!/^[A-Z][A-Za-z0-9]*$/.test(node.string()))
        yield { node, message: `schema ${name}: x-hev-ts-type must name a type` };
    }
  }
}
