/**
 * Request validation for the routes where every microsecond counts: one function, compiled from the spec when the server
 * starts. The other checked routes go through express-openapi-validator (`openapi-validation.ts`); both refuse with the
 * same code and words.
 */

import type { Request } from "express";
import { AppError } from "../errors.js";
import type { Route } from "../generated/routes.js";
import { createQueryParser } from "./query-string.js";
import { describeErrors, type SchemaCompiler } from "./schema-compiler.js";
import { operationOf, type SpecDocument, type SpecParameter, type SpecSchema } from "./spec-document.js";

/** Parameters and body of a request that has passed. */
export interface CheckedRequest {
  readonly path: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
}

/**
 * Checks a request. `body` is the parsed body, absent on routes without one.
 * @throws AppError `validation_error` naming the field and the rule
 */
export type Validate = (request: Request, rawQuery: string, body?: unknown) => Promise<CheckedRequest>;

export function createCompiledValidation(
  document: SpecDocument,
  compiler: SchemaCompiler,
  route: Route,
): Validate {
  const operation = operationOf(document, route);
  const parseQuery = createQueryParser(operation.parameters);
  const checkParameters = compiler.compile(parametersSchema(operation.parameters), { coerce: true });
  const bodySchema = operation.requestBody?.content["application/json"]?.schema;
  const checkBody =
    route.call === "checked-body" && bodySchema
      ? compiler.compile(route.bodyValidation === "shallow" ? shallow(document, bodySchema) : bodySchema)
      : undefined;
  return async (request, rawQuery, body) => {
    const checked = { path: { ...request.params }, query: parseQuery(rawQuery) };
    if (!checkParameters(checked))
      throw refuse(describeErrors(checkParameters.errors).replace(/^(path|query)\./, ""));
    if (checkBody && !checkBody(body)) throw refuse(describeErrors(checkBody.errors));
    return checked;
  };
}

function parametersSchema(parameters: readonly SpecParameter[]): SpecSchema {
  const part = (place: SpecParameter["in"]) => {
    const here = parameters.filter((parameter) => parameter.in === place);
    return {
      type: "object",
      properties: Object.fromEntries(here.map(({ name, schema }) => [name, schema])),
      required: here.filter(({ required }) => required).map(({ name }) => name),
    };
  };
  return { type: "object", properties: { path: part("path"), query: part("query") } };
}

/** The body's own level only: what its fields hold is checked while it is handled, with better words. */
function shallow(document: SpecDocument, schema: SpecSchema): SpecSchema {
  const name = schema.$ref?.slice(schema.$ref.lastIndexOf("/") + 1);
  const top = name === undefined ? schema : (document.components.schemas[name] ?? schema);
  const properties = Object.entries((top.properties ?? {}) as Record<string, SpecSchema>).map(
    ([key, field]) => [key, field.type === undefined ? {} : { type: field.type }],
  );
  return { type: "object", required: top.required ?? [], properties: Object.fromEntries(properties) };
}

function refuse(message: string): AppError {
  return new AppError("validation_error", message);
}
