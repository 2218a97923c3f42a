/** What every part of an operation's Go code refers to: its names, its parameters, its result. */
import type { Operation } from "../../model.js";
import { goExported, goLocal } from "../../names.js";
import { bodyType, type Declarations } from "./shape.js";

export interface Method {
  operation: Operation;
  name: string;
  descriptor: string;
  /** `ctx context.Context, namespace string, body *QueryRequest, opts ...RequestOption` */
  signature: string;
  /** The same as arguments of a call. */
  forwarded: string;
  /** The Go type of the result; NOTHING when the answer has no body. */
  result: string;
}

/** What a method without a result gives its twin to measure. */
export const NOTHING = "struct{}";

export function methodOf(operation: Operation, declared: Declarations, context: string): Method {
  const names = operation.pathParams.map((param) => goLocal(param.words));
  const declarations = names.length > 0 ? [`${names.join(", ")} string`] : [];
  if (operation.body) {
    names.push("body");
    declarations.push(`body ${bodyType(operation, operation.body.type, declared)}`);
  }
  if (operation.queryParams.length > 0) {
    names.push("params");
    declarations.push(`params *${paramsName(operation)}`);
  }
  return {
    operation,
    name: goExported(operation.words),
    descriptor: `${goLocal(operation.words)}Op`,
    signature: [`ctx ${context}.Context`, ...declarations, "opts ...RequestOption"].join(", "),
    forwarded: ["ctx", ...names, "opts..."].join(", "),
    result: resultType(operation, declared),
  };
}

function resultType(operation: Operation, declared: Declarations): string {
  const { type, contentType } = operation.success;
  if (!type) return NOTHING;
  return contentType === "application/json" ? bodyType(operation, type, declared) : "string";
}

export function paramsName(operation: Operation): string {
  return `${goExported(operation.words)}Params`;
}
