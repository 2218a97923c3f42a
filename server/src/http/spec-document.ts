/**
 * `openapi.yaml` in memory, as much of it as the validators need. There is one copy of the contract in the repository and
 * this is it: nothing here is generated from it, so a description or a bound changed there is in force after a restart.
 */

import { readFile } from "node:fs/promises";
import { parse } from "yaml";

export interface SpecReference {
  readonly $ref: string;
}

export interface SpecSchema {
  readonly [keyword: string]: unknown;
  readonly $ref?: string;
  readonly type?: string | readonly string[];
}

export interface SpecParameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required?: boolean;
  readonly schema: SpecSchema;
}

export interface SpecMedia {
  readonly schema: SpecSchema;
}

export interface SpecResponse {
  readonly content?: Readonly<Record<string, SpecMedia>>;
}

export interface SpecOperation {
  readonly operationId: string;
  readonly parameters?: readonly (SpecParameter | SpecReference)[];
  readonly requestBody?: { readonly content: Readonly<Record<string, SpecMedia>> };
  readonly responses: Readonly<Record<string, SpecResponse | SpecReference>>;
}

export interface SpecDocument {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, SpecSchema>>;
    readonly parameters?: Readonly<Record<string, SpecParameter>>;
    readonly responses?: Readonly<Record<string, SpecResponse>>;
  };
}

/** The spec beside this package: three folders up from `src/http` as from `dist/http`. */
export const SPEC_URL = new URL("../../../openapi.yaml", import.meta.url);

export async function readSpec(url: URL = SPEC_URL): Promise<SpecDocument> {
  return parse(await readFile(url, "utf8")) as SpecDocument;
}

/** The operation of a route with the parameters that its path declares for all methods. */
export function operationOf(
  document: SpecDocument,
  route: { readonly template: string; readonly method: string },
): SpecOperation & { readonly parameters: readonly SpecParameter[] } {
  const item = document.paths[route.template];
  const operation = item?.[route.method.toLowerCase()] as SpecOperation | undefined;
  if (!operation) throw new Error(`openapi.yaml has no operation ${route.method} ${route.template}`);
  const shared = (item?.parameters ?? []) as readonly (SpecParameter | SpecReference)[];
  const parameters = [...shared, ...(operation.parameters ?? [])].map((parameter) =>
    "$ref" in parameter ? component(document.components.parameters, parameter) : parameter,
  );
  return { ...operation, parameters };
}

/** The response declared for a status, or the default one. */
export function responseOf(
  document: SpecDocument,
  operation: SpecOperation,
  status: number,
): SpecResponse | undefined {
  const response = operation.responses[String(status)] ?? operation.responses.default;
  if (!response) return undefined;
  return "$ref" in response ? component(document.components.responses, response) : response;
}

function component<T>(components: Readonly<Record<string, T>> | undefined, { $ref }: SpecReference): T {
  const found = components?.[$ref.slice($ref.lastIndexOf("/") + 1)];
  if (!found) throw new Error(`openapi.yaml: ${$ref} points nowhere`);
  return found;
}
