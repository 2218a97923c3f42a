/** `types.ts` of the client: one exported type for each schema. */
import { TYPESCRIPT } from "../../dialects.js";
import type { Api } from "../../model.js";
import { schemaTypes } from "../../openapi-types.js";
import { Printer } from "../../printer.js";

export async function emitTypes(api: Api, document: unknown): Promise<string> {
  const printer = new Printer(TYPESCRIPT);
  const docs = new Map(api.types.map((type) => [type.name, type.doc]));
  const types = await schemaTypes(api, document);
  const aliases = types.filter((type) => type.alias !== undefined);
  for (const { alias = "" } of aliases)
    printer.import({ from: "../filters.js", name: alias, typeOnly: true });
  for (const { name, text, alias } of types) {
    if (alias === name) continue;
    const isObject = text.startsWith("{") && text.indexOf("\n}") === text.length - 2;
    printer.blank().doc(docs.get(name) ?? "");
    printer.line(isObject ? `export interface ${name} ${text}` : `export type ${name} = ${text};`);
  }
  const same = aliases.filter((type) => type.alias === type.name).map((type) => type.name);
  if (same.length > 0) printer.blank().line(`export type { ${same.join(", ")} };`);
  return printer.toString();
}
