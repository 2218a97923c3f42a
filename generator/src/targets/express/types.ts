/** The wire types of the spec, by openapi-typescript. */
import openapiTS, { astToString, type OpenAPI3 } from "openapi-typescript";
import { header } from "../../header.js";
import type { EmitContext } from "../../model.js";

export async function emitTypes(context: EmitContext): Promise<string> {
  const nodes = await openapiTS(context.document as OpenAPI3, {
    defaultNonNullable: false,
    alphabetize: false,
  });
  return `${header("slash")}\n\n${astToString(nodes)}`;
}
