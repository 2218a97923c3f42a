/**
 * Which named types the Python client spells out, and on which side.
 *
 * The model's own marks do not do: what a passthrough answers is a plain dict in Python, so types that only such an
 * answer holds would be dead code, and the shared `Error` body is read by the hand-written error classes.
 */
import { innerTypes } from "../../build/reach.js";
import type { Api, NamedType, Type } from "../../model.js";

export type Side = "request" | "response";

export interface Reach {
  readonly named: ReadonlyMap<string, NamedType>;
  readonly request: ReadonlySet<string>;
  readonly response: ReadonlySet<string>;
}

export function reachOf(api: Api): Reach {
  const named = new Map(api.types.map((type) => [type.name, type]));
  const request = new Set<string>();
  const response = new Set<string>();
  for (const operation of api.operations) {
    if (operation.body) follow(operation.body.type, request, named);
    for (const param of [...operation.pathParams, ...operation.queryParams, ...operation.headerParams]) {
      follow(param.type, request, named);
    }
    const { type } = operation.success;
    if (type && operation.kind !== "passthrough") follow(type, response, named);
  }
  return { named, request, response };
}

/** The type behind a chain of references. */
export function resolve(type: Type, named: ReadonlyMap<string, NamedType>): Type {
  if (type.kind !== "ref") return type;
  const target = named.get(type.name);
  return target ? resolve(target.type, named) : type;
}

function follow(type: Type, seen: Set<string>, named: ReadonlyMap<string, NamedType>): void {
  for (const inner of innerTypes(type)) {
    if (inner.kind !== "ref" || seen.has(inner.name)) continue;
    seen.add(inner.name);
    const target = named.get(inner.name);
    if (target) follow(target.type, seen, named);
  }
}
