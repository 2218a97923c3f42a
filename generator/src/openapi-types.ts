/**
 * TypeScript types of the spec's schemas, by openapi-typescript: the only module that calls it.
 *
 * Its output is taken apart again: each schema becomes an exported type of its own, so that editors show `WriteRequest`
 * and not a path through `components`. Two defaults are turned around: a field with a default stays optional, and
 * recursive tuples, which it cannot express, become the hand-written aliases that `x-hev-ts-type` names.
 */
import openapiTS, { type OpenAPI3, type SchemaObject } from "openapi-typescript";
import ts from "typescript";
import { TYPESCRIPT, wrapText } from "./dialects.js";
import type { Api } from "./model.js";

/** One schema as TypeScript text. */
export interface SchemaType {
  name: string;
  /** The type's text; for an alias, the alias's own name. */
  text: string;
  /** The hand-written type that stands for the schema. */
  alias?: string;
}

const { factory } = ts;

/** The types of `components.schemas`, in the order of the spec. */
export async function schemaTypes(api: Api, document: unknown): Promise<SchemaType[]> {
  const closedEnums = new Set(
    api.types.filter((type) => type.request && !type.response).map((type) => type.name),
  );
  const nodes = await openapiTS(schemasOnly(document), {
    defaultNonNullable: false,
    transform: (schema, { path }) => replaceSchema(schema, closedEnums.has(schemaName(path ?? ""))),
  });
  const members = schemaMembers(nodes);
  return api.types.map(({ name, tsType }) => {
    if (tsType !== undefined) return { name, text: tsType, alias: tsType };
    const member = members.get(name);
    if (!member?.type) throw new Error(`openapi-typescript gave no type for schema ${name}`);
    return { name, text: printType(member.type) };
  });
}

/** The document cut down to what types come from; examples and formats would only come back as comments. */
function schemasOnly(document: unknown): OpenAPI3 {
  const { openapi, info, components } = document as OpenAPI3;
  return {
    openapi,
    info,
    paths: {},
    components: {
      schemas: stripSchema(components?.schemas ?? {}) as NonNullable<typeof components>["schemas"],
    },
  } as OpenAPI3;
}

/** Keywords that openapi-typescript prints as comments without meaning for a reader of the type. */
const STRIPPED = new Set(["example", "examples"]);

function stripSchema(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(stripSchema);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, inner]) => !(STRIPPED.has(key) && (key === "example" || Array.isArray(inner))))
      .map(([key, inner]) => [key, stripSchema(inner)]),
  );
}

/** `#/components/schemas/Consistency` → `Consistency` */
function schemaName(path: string): string {
  return /^#\/components\/schemas\/([^/]+)/.exec(path)?.[1] ?? "";
}

function replaceSchema(schema: SchemaObject, closed: boolean): ts.TypeNode | undefined {
  const hints = schema as { "x-hev-ts-type"?: string; enum?: unknown[]; format?: string };
  const alias = hints["x-hev-ts-type"];
  if (alias !== undefined) return factory.createTypeReferenceNode(alias);
  if (hints.format === "uint64") {
    return factory.createUnionTypeNode([
      keyword(ts.SyntaxKind.NumberKeyword),
      keyword(ts.SyntaxKind.BigIntKeyword),
    ]);
  }
  if (!closed && hints.enum?.every((value) => typeof value === "string"))
    return openEnum(hints.enum as string[]);
  return undefined;
}

function keyword(kind: ts.KeywordTypeSyntaxKind): ts.TypeNode {
  return factory.createKeywordTypeNode(kind);
}

/** `"hit" | "miss" | (string & {})`: known values complete in editors, unknown ones are legal. */
function openEnum(values: unknown[]): ts.TypeNode {
  const known = values.map((value) =>
    factory.createLiteralTypeNode(
      value === null ? factory.createNull() : factory.createStringLiteral(String(value)),
    ),
  );
  const anyString = factory.createIntersectionTypeNode([
    keyword(ts.SyntaxKind.StringKeyword),
    factory.createTypeLiteralNode([]),
  ]);
  return factory.createUnionTypeNode([...known, factory.createParenthesizedType(anyString)]);
}

function schemaMembers(nodes: ts.Node[]): Map<string, ts.PropertySignature> {
  const components = nodes.find(
    (node): node is ts.InterfaceDeclaration =>
      ts.isInterfaceDeclaration(node) && node.name.text === "components",
  );
  const schemas = components?.members.find(
    (member): member is ts.PropertySignature =>
      ts.isPropertySignature(member) && nameOf(member) === "schemas",
  );
  if (!schemas?.type || !ts.isTypeLiteralNode(schemas.type))
    throw new Error("openapi-typescript gave no schemas");
  return new Map(
    schemas.type.members.filter(ts.isPropertySignature).map((member) => [nameOf(member), member]),
  );
}

function nameOf(member: ts.PropertySignature): string {
  return ts.isIdentifier(member.name) || ts.isStringLiteral(member.name) ? member.name.text : "";
}

/** Prints a type with references by name, open objects as one literal, and comments wrapped, their tags dropped. */
function printType(type: ts.TypeNode): string {
  const source = ts.createSourceFile("schema.ts", "", ts.ScriptTarget.Latest);
  const text = ts.createPrinter().printNode(ts.EmitHint.Unspecified, type, source);
  return text
    .replace(/components\["schemas"\]\["([^"]+)"\]/g, "$1")
    .replace(/\(number \| bigint\)/g, "number | bigint")
    .replace(/\n( *)\} & \{\n *\[key: string\]: unknown;\n *\}/g, "\n$1    [key: string]: unknown;\n$1}")
    .replace(/\{\n *\[key: string\]: ([^;{}\n]+);\n *\}/g, "Record<string, $1>")
    .replace(/( *)\/\*\*([\s\S]*?)\*\//g, (_comment, indent: string, body: string) =>
      printComment(indent, body),
    );
}

/** The compiler indents by four columns where the formatter leaves two. */
function printComment(indent: string, body: string): string {
  const text = body
    .split("\n")
    .map((line) => line.trim().replace(/^\* ?/, ""))
    .filter((line) => !/^(Format: \S+|@enum \{\S+\}|@constant|@default .*)$/.test(line))
    .join("\n")
    .replace(/@description /g, "")
    .trim();
  if (text === "") return "";
  const lines = TYPESCRIPT.doc(wrapText(text, TYPESCRIPT.width - indent.length / 2 - 6));
  return lines.map((line) => indent + line).join("\n");
}
