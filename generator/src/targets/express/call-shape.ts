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

/**
 * Operations in the order they must be mounted: a literal segment before a parameter in the same place. Beyond that, newer
 * versions and deeper paths come first, since the router tries them in turn and that is where the traffic is.
 */
export function mountOrder(operations: readonly Operation[]): Operation[] {
  return [...operations].sort((left, right) => comparePaths(left.path.split("/"), right.path.split("/")));
}

function comparePaths(left: readonly string[], right: readonly string[]): number {
  const [versionA = "", versionB = ""] = [left[1], right[1]];
  if (versionA !== versionB) return versionA < versionB ? 1 : -1;
  if (left.length !== right.length) return right.length - left.length;
  for (const [index, a] of left.entries()) {
    const b = right[index] ?? "";
    if (a === b) continue;
    const parameters = Number(a.startsWith("{")) - Number(b.startsWith("{"));
    return parameters !== 0 ? parameters : a < b ? -1 : 1;
  }
  return 0;
}
