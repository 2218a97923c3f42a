/**
 * Checks answers against the spec. On in tests and conformance runs, where an answer that the spec does not describe must
 * be noticed; off in production, where it would only cost.
 */

import type { ValidateFunction } from "ajv/dist/2020.js";
import type { BytesReply } from "../generated/handlers.js";
import type { Route } from "../generated/routes.js";
import { createSchemaCompiler, describeErrors } from "./schema-compiler.js";
import { operationOf, responseOf, type SpecDocument } from "./spec-document.js";

/** @throws Error (a defect, hence a 500) when the answer is not one that the spec declares */
export type CheckReply = (route: Route, reply: BytesReply) => void;

export function createResponseValidation(document: SpecDocument): CheckReply {
  const compiler = createSchemaCompiler(document);
  const compiled = new Map<string, ValidateFunction>();
  return (route, { status, headers, body }) => {
    const where = `answer ${status} of ${route.operationId}`;
    const content = responseOf(document, operationOf(document, route), status)?.content;
    const type = String(headers["content-type"] ?? "").split(";", 1)[0] ?? "";
    const schema = content?.[type]?.schema;
    if (!schema) throw new Error(`${where}: the spec declares no ${type === "" ? "body" : type}`);
    // An encoded body is a relayed one, which the gateway has not read either.
    if (headers["content-encoding"] !== undefined || type !== "application/json") return;
    const key = `${route.operationId} ${status}`;
    const check = compiled.get(key) ?? compiler.compile(schema);
    compiled.set(key, check);
    const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
    if (!check(JSON.parse(text))) throw new Error(`${where}: ${describeErrors(check.errors)}`);
  };
}
