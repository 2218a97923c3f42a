/**
 * Which named types a request or a response can contain. Emitters choose by it: a closed enum where we write, an open
 * one where we read.
 */
import type { NamedType, Operation, Type } from "../model.js";

/** Every type written inside a type, itself included; references are not followed. */
export function* innerTypes(type: Type): Generator<Type> {
  yield type;
  switch (type.kind) {
    case "array":
      yield* innerTypes(type.items);
      break;
    case "map":
      yield* innerTypes(type.values);
      break;
    case "tuple":
      for (const item of type.items) yield* innerTypes(item);
      if (type.rest) yield* innerTypes(type.rest);
      break;
    case "union":
      for (const variant of type.variants) yield* innerTypes(variant);
      break;
    case "object":
      for (const field of type.fields) yield* innerTypes(field.type);
      if (type.extra) yield* innerTypes(type.extra);
      break;
    default:
      break;
  }
}

/** Sets `request` and `response` on the named types in place. */
export function markReach(types: NamedType[], operations: Operation[]): void {
  const byName = new Map(types.map((type) => [type.name, type]));
  const mark = (type: Type, side: "request" | "response"): void => {
    for (const inner of innerTypes(type)) {
      if (inner.kind !== "ref") continue;
      const named = byName.get(inner.name);
      if (!named || named[side]) continue;
      named[side] = true;
      mark(named.type, side);
    }
  };
  for (const operation of operations) {
    if (operation.body) mark(operation.body.type, "request");
    for (const param of [...operation.pathParams, ...operation.queryParams, ...operation.headerParams]) {
      mark(param.type, "request");
    }
    if (operation.success.type) mark(operation.success.type, "response");
  }
  if (operations.length > 0) mark({ kind: "ref", name: "Error", nullable: false }, "response");
}
