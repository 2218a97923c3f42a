/** Reads a filter of the wire and binds it to a schema. */
import { badRequest, wrongShape } from "../errors.js";
import { describeKind, type Json } from "../json.js";
import { LIMITS } from "../limits.js";
import type { Schema } from "../schema/schema.js";
import type { StepBudget } from "../step-budget.js";
import type { Filter } from "./expression.js";
import { bindLeaf, isOperator } from "./operators.js";

/**
 * Binds a filter. `path` names the field in messages; `steps` is what running it may take, shared by all filters of one
 * request. Throws 400 on a rule, 422 on a shape.
 */
export function bindFilter(value: Json, schema: Schema, path: string, steps: StepBudget): Filter {
  return bind(value, { schema, path, steps }, 0);
}

interface Binding {
  readonly schema: Schema;
  readonly path: string;
  readonly steps: StepBudget;
}

function bind(value: Json, binding: Binding, depth: number): Filter {
  const { path } = binding;
  if (depth > LIMITS.expressionDepth) {
    throw badRequest(`${path} is nested too deeply, limit is ${LIMITS.expressionDepth} levels`);
  }
  if (!Array.isArray(value))
    throw wrongShape(path, `invalid type: ${describeKind(value)}, expected a sequence`);
  const [head, second] = value;
  if ((head === "And" || head === "Or") && value.length === 2) {
    if (!Array.isArray(second))
      throw wrongShape(path, `invalid type: ${describeKind(second)}, expected a sequence`);
    const operands = second.map((operand) => bind(operand, binding, depth + 1));
    return { kind: head === "And" ? "and" : "or", operands };
  }
  if (head === "Not" && value.length === 2) {
    return { kind: "not", operand: bind(second as Json, binding, depth + 1) };
  }
  if (typeof head !== "string" || typeof second !== "string" || value.length < 3 || value.length > 4) {
    throw wrongShape(path, "data did not match any variant of untagged enum Filter");
  }
  if (!isOperator(second))
    throw wrongShape(path, `unknown variant \`${second}\`, expected a filter operator`);
  const { schema, steps } = binding;
  const [, , operand = null, options = null] = value;
  return bindLeaf({ attribute: head, operator: second, operand, options, steps }, schema);
}

/** Whether a JSON value has the form of a filter, as opposed to another rank expression. */
export function looksLikeFilter(value: Json): boolean {
  if (!Array.isArray(value)) return false;
  const [head, second] = value;
  if (head === "And" || head === "Or" || head === "Not") return value.length === 2 && Array.isArray(second);
  return typeof head === "string" && typeof second === "string" && value.length >= 3 && isOperator(second);
}
