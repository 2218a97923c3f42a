/**
 * `x-hev-overloads`: more methods of the clients over one route.
 *
 * OpenAPI has one operation for each method and path. Where Turbopuffer's own clients spread one route over several methods,
 * told apart by a marker in the query string, each overload gives what differs (its name, its words, its body, maybe its
 * answer) and takes the rest from the operation it stands in.
 */
import type { FixedParam, Operation } from "../model.js";
import { splitWords } from "../names.js";
import type { SpecNode } from "../spec-source.js";
import { buildBody, buildMeta, buildSuccess, FALLTHROUGHS, operationId } from "./operation.js";

const KEYS = new Set([
  "operationId",
  "summary",
  "description",
  "query",
  "requestBody",
  "responses",
  "x-hev-fallthrough",
  "x-hev-meta",
]);

/** The overloads that stand in the operation at `node`, in the spec's order. */
export function buildOverloads(node: SpecNode, base: Operation): Operation[] {
  return (node.get("x-hev-overloads")?.items() ?? []).map((overload) => buildOverload(overload, base));
}

function buildOverload(node: SpecNode, base: Operation): Operation {
  const id = operationId(node);
  for (const [key, value] of node.entries()) {
    if (KEYS.has(key)) continue;
    value.fail(
      `operation ${id}: an overload has no ${key}; it may give ${[...KEYS].join(", ")} and shares the rest with ${base.id}`,
    );
  }
  const { body: _, page: __, wait: ___, ...shared } = base;
  const body = buildBody(node, id);
  return {
    ...shared,
    id,
    words: splitWords(id),
    overloadOf: base.id,
    fixedQuery: buildMarker(node.need("query"), base, id),
    summary: node.need("summary").string(),
    doc: node.need("description").string(),
    ...(body ? { body: { ...body, validation: base.body?.validation ?? body.validation } } : {}),
    ...buildAnswer(node, base, id),
    fallthrough: node.need("x-hev-fallthrough").oneOf(FALLTHROUGHS),
  };
}

function buildMarker(node: SpecNode, base: Operation, id: string): FixedParam[] {
  const marker = node.entries().map(([wire, value]) => ({ wire, value: value.string() }));
  if (marker.length === 0) node.fail(`operation ${id}: query is empty; name the marker that its calls carry`);
  const taken = marker.find(({ wire }) => base.queryParams.some((param) => param.wire === wire));
  if (taken) node.fail(`operation ${id}: query names ${taken.wire}, which is a parameter of ${base.id}`);
  return marker;
}

/** An answer of its own comes with its own lifted headers; without one, both are the route's. */
function buildAnswer(node: SpecNode, base: Operation, id: string): Pick<Operation, "success" | "meta"> {
  const responses = node.get("responses");
  if (!responses) {
    node.get("x-hev-meta")?.fail(`operation ${id}: x-hev-meta needs responses of the overload's own`);
    return { success: base.success, meta: base.meta };
  }
  for (const [status, response] of responses.entries()) {
    if (/^2\d\d$/.test(status)) continue;
    response.fail(`operation ${id}: responses may only give successes; ${status} is ${base.id}'s`);
  }
  const success = buildSuccess(responses, id);
  return { success, meta: buildMeta(node, success.headers, id) };
}
