/** The wire types: one for each schema, and one map from operation to what goes in and what may come out. */
import { TYPESCRIPT } from "../../dialects.js";
import type { Api, EmitContext, Operation, Param } from "../../model.js";
import { typescriptKey } from "../../names.js";
import { schemaTypes } from "../../openapi-types.js";
import { Printer } from "../../printer.js";
import { typeText } from "../../type-text.js";
import { replySchemas } from "./replies.js";

export async function emitTypes(api: Api, context: EmitContext): Promise<string> {
  const out = new Printer(TYPESCRIPT);
  const docs = new Map(api.types.map((type) => [type.name, type.doc]));
  for (const { name, text, alias } of await schemaTypes(api, context.document)) {
    // A recursive tuple has its own grammar; to the server it is a list that upstream judges.
    const body = alias === undefined ? text : "readonly unknown[]";
    const isObject = body.startsWith("{") && body.indexOf("\n}") === body.length - 2;
    out.blank().doc(docs.get(name) ?? "");
    out.line(isObject ? `export interface ${name} ${body}` : `export type ${name} = ${body};`);
  }
  out.blank();
  out.doc("What each operation takes, and its own JSON answers by status. Errors are thrown, not returned.");
  out.block(
    "export interface Operations {",
    () => {
      for (const operation of api.operations) emitOperation(out, operation, context);
    },
    "}",
  );
  return out.toString();
}

function emitOperation(out: Printer, operation: Operation, context: EmitContext): void {
  out.block(
    `${operation.id}: {`,
    () => {
      out.line(`path: ${parameters(operation.pathParams)};`);
      out.line(`query: ${parameters(operation.queryParams)};`);
      if (operation.body) out.line(`body: ${typeText(operation.body.type, ignore)};`);
      out.line(
        `replies: ${fieldsText(replySchemas(context.document, operation).map(([status, name]) => `${status}: ${name}`))};`,
      );
    },
    "};",
  );
}

function parameters(params: readonly Param[]): string {
  return fieldsText(
    params.map(
      (param) => `${typescriptKey(param.wire)}${param.required ? "" : "?"}: ${typeText(param.type, ignore)}`,
    ),
  );
}

function fieldsText(fields: readonly string[]): string {
  return fields.length === 0 ? "Record<never, never>" : `{ ${fields.join("; ")} }`;
}

/** Every named type stands in the same file. */
function ignore(): void {}
