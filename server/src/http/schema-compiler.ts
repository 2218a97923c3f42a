/**
 * One Ajv over the schemas of the spec, and its complaints in the words of our own errors: the field's path first, then
 * the rule, then the value where it is short.
 */

import { Ajv2020, type AnySchema, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import type { SpecDocument, SpecSchema } from "./spec-document.js";

const ROOT = "spec";

export interface SchemaCompiler {
  /**
   * Compiles a schema that may refer to the spec's components.
   * @param coerce turns parameter texts into the numbers and booleans that they spell, in place
   */
  compile(schema: SpecSchema, options?: { coerce?: boolean }): ValidateFunction;
}

export function createSchemaCompiler(document: SpecDocument): SchemaCompiler {
  const strictTypes = instance(document, false);
  const coercing = instance(document, true);
  return {
    compile(schema, { coerce = false } = {}) {
      return (coerce ? coercing : strictTypes).compile(rebase(schema) as AnySchema);
    },
  };
}

function instance(document: SpecDocument, coerceTypes: boolean): Ajv2020 {
  // Formats are documentation here: the number formats bound nothing that JSON can carry, and dates are upstream's.
  const ajv = new Ajv2020({ strict: false, validateFormats: false, coerceTypes, verbose: true });
  ajv.addSchema({ $id: ROOT, components: document.components });
  return ajv;
}

/** `#/components/…` means the spec, wherever the schema that says it is compiled. */
function rebase(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(rebase);
  if (typeof schema !== "object" || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) =>
      key === "$ref" && typeof value === "string" && value.startsWith("#/")
        ? [key, `${ROOT}${value}`]
        : [key, rebase(value)],
    ),
  );
}

/** The first complaint as `field: rule`, for example `ids[2]: must be string or integer, got true`. */
export function describeErrors(errors: readonly ErrorObject[] | null | undefined): string {
  const list = errors ?? [];
  const union = list.find(({ keyword }) => keyword === "oneOf" || keyword === "anyOf");
  // A union complains once for each branch and once for itself; the branches' words joined say it best.
  const [first] = list;
  if (!first) return "is not valid";
  if (!union) return sentence(first, ruleOf(first));
  const branches = list.filter(
    ({ instancePath, keyword }) => instancePath === union.instancePath && keyword === "type",
  );
  const types = branches.map(({ params }) => String(params.type));
  return types.length > 0 ? sentence(union, `must be ${types.join(" or ")}`) : sentence(first, ruleOf(first));
}

function sentence(error: ErrorObject, rule: string): string {
  const missing = error.keyword === "required" ? `/${error.params.missingProperty}` : "";
  const field = fieldPath(error.instancePath + missing);
  return `${field === "" ? "the body" : field}: ${rule}${missing === "" ? got(error.data) : ""}`;
}

function ruleOf(error: ErrorObject): string {
  switch (error.keyword) {
    case "required":
      return "is required";
    case "enum":
      return `must be one of ${(error.params.allowedValues as unknown[]).join(", ")}`;
    case "const":
      return `must be ${JSON.stringify(error.params.allowedValue)}`;
    default:
      return (error.message ?? "is not valid").replace("must NOT have", "must not have");
  }
}

/** `/filters/0/name` → `filters[0].name`. */
export function fieldPath(pointer: string): string {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce(
      (path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : path === "" ? part : `${path}.${part}`),
      "",
    );
}

/** A value short enough to be shown; anything else is left out. */
export function got(value: unknown): string {
  if (value === undefined || (typeof value === "object" && value !== null)) return "";
  const text = JSON.stringify(value);
  return text.length <= 40 ? `, got ${text}` : "";
}
