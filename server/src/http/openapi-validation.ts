/**
 * Request validation by express-openapi-validator, for checked routes that are not hot.
 *
 * Its defaults are bent to the contract on a private copy of the spec: unknown query parameters are allowed, characters
 * that URLs reserve are allowed in query values (Go and Python send a space as `+`), `1` and `0` are booleans, and schema
 * defaults are not written into requests, so that a handler can tell what the caller sent. It sees normalised content
 * types only, because it keeps a compiled validator for every one it meets.
 */

import type { NextFunction, Request, RequestHandler, Response } from "express";
import * as OpenApiValidator from "express-openapi-validator";
import { AppError } from "../errors.js";
import type { Route } from "../generated/routes.js";
import type { Validate } from "./compiled-validation.js";
import { booleanText } from "./query-string.js";
import { fieldPath, got } from "./schema-compiler.js";
import { operationOf, type SpecDocument, type SpecParameter } from "./spec-document.js";

/** One validator for the whole spec; ask it for each route's check. */
export function createOpenApiValidation(document: SpecDocument): (route: Route) => Validate {
  const stages = OpenApiValidator.middleware({
    apiSpec: bend(document) as Parameters<typeof OpenApiValidator.middleware>[0]["apiSpec"],
    validateApiSpec: false,
    validateRequests: { allowUnknownQueryParameters: true },
    validateResponses: false,
    validateSecurity: false,
    fileUploader: false,
    validateFormats: false,
  }) as readonly RequestHandler[];
  return (route) => {
    const { parameters } = operationOf(document, route);
    return async (request, _rawQuery, body) => {
      const { method } = request;
      prepare(request, parameters, body);
      try {
        for (const stage of stages) await run(stage, request, request.res as Response);
      } catch (error) {
        throw translate(error, request);
      } finally {
        request.method = method;
      }
      return { path: { ...request.params }, query: request.query };
    };
  };
}

function prepare(request: Request, parameters: readonly SpecParameter[], body: unknown): void {
  // The spec declares GET; a HEAD is the same request whose answer has no body.
  if (request.method === "HEAD") request.method = "GET";
  const query: Record<string, unknown> = { ...request.query };
  for (const { name, schema } of parameters) {
    const value = query[name];
    if (schema.type === "boolean" && typeof value === "string") query[name] = booleanText(value);
  }
  Object.defineProperty(request, "query", {
    value: query,
    writable: true,
    configurable: true,
    enumerable: true,
  });
  delete request.headers["content-type"];
  if (body !== undefined) {
    request.headers["content-type"] = "application/json";
    request.body = body;
  }
}

function run(stage: RequestHandler, request: Request, response: Response): Promise<void> {
  return new Promise((resolve, reject) => {
    const next: NextFunction = (error?: unknown) => (error ? reject(error) : resolve());
    Promise.resolve(stage(request, response, next)).catch(reject);
  });
}

interface Refusal {
  readonly status: number;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

/** Their 4xx become our 422 with the first complaint; anything else is a defect and stays one. */
function translate(error: unknown, request: Request): unknown {
  const { status, errors } = error as Refusal;
  const [first] = errors ?? [];
  if (!(status >= 400 && status < 500) || !first) return error;
  const [, place, name = ""] = first.path.split("/");
  const field = fieldPath(first.path.replace(/^\/(body|query|params|headers)/, ""));
  const value = place === "query" ? got(request.query[name]) : "";
  const rule = first.message.replace("must NOT have", "must not have");
  return new AppError("validation_error", `${field === "" ? "the body" : field}: ${rule}${value}`);
}

/** The copy that the validator gets. */
function bend(document: SpecDocument): unknown {
  const { servers: _, security: __, ...rest } = document as SpecDocument & Record<string, unknown>;
  return bendNode(rest);
}

function bendNode(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(bendNode);
  if (typeof node !== "object" || node === null) return node;
  const entries = Object.entries(node).filter(([key]) => key !== "default" || isResponses(node));
  const copy = Object.fromEntries(entries.map(([key, value]) => [key, bendNode(value)]));
  return copy.in === "query" ? { ...copy, allowReserved: true, allowEmptyValue: true } : copy;
}

/** `default` is also the name of the answer for every status that is not listed. */
function isResponses(node: object): boolean {
  return Object.keys(node).some((key) => /^[1-5]\d\d$/.test(key));
}
