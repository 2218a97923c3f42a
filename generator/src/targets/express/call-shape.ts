/**
 * What a handler is given, decided once for the interfaces and for the route table.
 *
 * `layer` operations are ours, so their parameters and body are checked before the handler and arrive typed. On the
 * other kinds query and body are Turbopuffer's to judge: they arrive as they were sent.
 */
import type { Operation } from "../../model.js";

export type CallShape = "checked" | "checked-body" | "raw";

export function callShape(operation: Operation): CallShape {
  const checked = operation.kind === "layer" || operation.body?.validation === "full";
  if (!checked) return "raw";
  return operation.body && operation.body.validation !== "none" ? "checked-body" : "checked";
}

/** Operations in the order they must be mounted: a literal segment before a parameter in the same place. */
export function mountOrder(operations: readonly Operation[]): Operation[] {
  return [...operations].sort((left, right) => comparePaths(left.path, right.path));
}

function comparePaths(left: string, right: string): number {
  const a = left.split("/");
  const b = right.split("/");
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const [x = "", y = ""] = [a[index], b[index]];
    if (x === y) continue;
    const parameters = Number(x.startsWith("{")) - Number(y.startsWith("{"));
    return parameters !== 0 ? parameters : x < y ? -1 : 1;
  }
  return a.length - b.length;
}
