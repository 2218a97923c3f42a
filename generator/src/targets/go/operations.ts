/**
 * One method for each operation, a twin that returns measurements, an iterator where a listing has pages, and the struct
 * of its query parameters. What happens in a call is the written half's business; here stands only what the spec says.
 */
import { GO } from "../../dialects.js";
import type { Api, Operation, Page } from "../../model.js";
import { goExported, goLocal, iterWords } from "../../names.js";
import { Printer } from "../../printer.js";
import { methodDoc } from "./prose.js";
import { bodyType, type Declarations, declarations, OPEN_MAP, plainType } from "./shape.js";
import { emitEnum, emitField } from "./types.js";

const SAFETY = { read: "safeRead", idempotent: "safeIdempotent", once: "safeOnce" } as const;
const FALLTHROUGH = { yes: "fallthroughYes", no: "fallthroughNo", simple: "fallthroughSimple" } as const;

/** What every part of an operation's Go code refers to. */
interface Shape {
  operation: Operation;
  name: string;
  descriptor: string;
  /** `ctx context.Context, namespace string, body *QueryRequest, opts ...RequestOption` */
  signature: string;
  /** The same as arguments of a call. */
  forwarded: string;
  result: string;
}

export function emitOperations(api: Api): string {
  const declared = declarations(api);
  const out = new Printer(GO).preamble("package hevlayer");
  const context = out.import({ from: "context" });
  for (const operation of api.operations) {
    const shape = shapeOf(operation, declared, context);
    out.blank();
    emitDescriptor(out, shape);
    emitParams(out, shape, declared);
    emitMethods(out, shape);
    if (operation.page && operation.page !== "none")
      emitIterator(out, shape, operation.page, declared, context);
  }
  return out.toString();
}

function shapeOf(operation: Operation, declared: Declarations, context: string): Shape {
  const result = operation.success.type;
  if (!result || operation.success.contentType !== "application/json")
    throw new Error(`operation ${operation.id}: the Go target supports JSON answers only`);
  const names = operation.pathParams.map((param) => goLocal(param.words));
  const declarations = names.length > 0 ? [`${names.join(", ")} string`] : [];
  if (operation.body) {
    names.push("body");
    declarations.push(`body ${bodyType(operation, operation.body.type, declared)}`);
  }
  if (operation.queryParams.length > 0) {
    names.push("params");
    declarations.push(`params *${paramsName(operation)}`);
  }
  return {
    operation,
    name: goExported(operation.words),
    descriptor: `${goLocal(operation.words)}Op`,
    signature: [`ctx ${context}.Context`, ...declarations, "opts ...RequestOption"].join(", "),
    forwarded: ["ctx", ...names, "opts..."].join(", "),
    result: bodyType(operation, result, declared),
  };
}

function paramsName(operation: Operation): string {
  return `${goExported(operation.words)}Params`;
}

function emitDescriptor(out: Printer, { operation, descriptor }: Shape): void {
  const fields = [
    `id: ${JSON.stringify(operation.id)}`,
    `method: ${JSON.stringify(operation.method)}`,
    `route: ${JSON.stringify(operation.path)}`,
  ];
  if (operation.upstreamPath !== operation.path)
    fields.push(`upstream: ${JSON.stringify(operation.upstreamPath)}`);
  if (operation.safe !== "once") fields.push(`safe: ${SAFETY[operation.safe]}`);
  if (operation.fallthrough !== "no") fields.push(`fall: ${FALLTHROUGH[operation.fallthrough]}`);
  if (operation.body) fields.push(`body: ${operation.body.required ? "bodyRequired" : "bodyOptional"}`);
  if (operation.meta.length > 0 && operation.kind !== "passthrough") {
    const entries = operation.meta.map(
      (meta) =>
        `{header: ${JSON.stringify(meta.header)}, field: ${JSON.stringify(meta.field)}${meta.type.kind === "integer" ? ", integer: true" : ""}}`,
    );
    fields.push(`meta: []metaHeader{${entries.join(", ")}}`);
  }
  out.block(`var ${descriptor} = operation{`, () => out.line(...fields.map((field) => `${field},`)), "}");
}

function emitParams(out: Printer, { operation }: Shape, declared: Declarations): void {
  if (operation.queryParams.length === 0) return;
  const name = paramsName(operation);
  out.blank();
  out.doc(
    `${name} holds the query parameters of ${goExported(operation.words)}. A field that is zero is not sent.`,
  );
  out.block(
    `type ${name} struct {`,
    () => {
      for (const param of operation.queryParams) emitField(out, name, param, "request", declared);
      out.doc("Extra holds parameters that have no field here.");
      out.line('Extra map[string]any `json:"-"`');
    },
    "}",
  );
  for (const param of operation.queryParams) {
    if (param.type.kind === "enum")
      emitEnum(out, name + goExported(param.words), param.type.values, param.doc);
  }
  out.blank();
  out.doc("UnmarshalJSON reads parameters by their names on the wire.");
  out.line(`func (p *${name}) UnmarshalJSON(text []byte) error { return decodeJSON(text, p) }`);
}

function emitMethods(out: Printer, shape: Shape): void {
  const { operation, name, descriptor, signature, forwarded, result } = shape;
  out.blank();
  out.doc(documentation(shape));
  out.block(
    `func (c *Client) ${name}(${signature}) (${result}, error) {`,
    () => out.line(`return data(c.${name}WithPerf(${forwarded}))`),
    "}",
  );
  const args: string[] = [];
  if (operation.pathParams.length > 0)
    args.push(`path: []string{${operation.pathParams.map((param) => goLocal(param.words)).join(", ")}}`);
  if (operation.queryParams.length > 0) args.push("params: params");
  if (operation.body) args.push("body: body");
  out.blank();
  out.doc(`${name}WithPerf is ${name} with the measurements of the call.`);
  out.block(
    `func (c *Client) ${name}WithPerf(${signature}) (*LayerResponse[${result}], error) {`,
    () => out.line(`return call[${result}](ctx, c, &${descriptor}, arguments{${args.join(", ")}}, opts)`),
    "}",
  );
}

function documentation({ operation, name }: Shape): string {
  const parts = [
    methodDoc(name, operation.summary),
    operation.doc.trim(),
    `${operation.method} ${operation.path}`,
  ];
  if (operation.deprecated) parts.push("Deprecated: the server may drop this operation.");
  return parts.join("\n\n");
}

function emitIterator(
  out: Printer,
  shape: Shape,
  page: Exclude<Page, "none">,
  declared: Declarations,
  context: string,
): void {
  const { operation, name, signature, forwarded } = shape;
  const cursor = operation.queryParams.find((param) => param.wire === page.cursor);
  if (!cursor) throw new Error(`operation ${operation.id}: x-hev-page.cursor names no query parameter`);
  const cursorField = goExported(cursor.words);
  const method = goExported(iterWords(operation.words));
  const { item, split } = pageParts(operation, page, declared);
  out.blank();
  out.doc(`${method} walks all pages of ${name}, from the cursor in params if there is one.`);
  out.block(
    `func (c *Client) ${method}(${signature}) *Iter[${item}] {`,
    () => {
      out.line(`var first ${paramsName(operation)}`);
      out.block("if params != nil {", () => out.line("first = *params"), "}");
      out.block(
        `return newIter(ctx, first.${cursorField}, func(ctx ${context}.Context, cursor string) ([]${item}, string, error) {`,
        () => {
          out.line("params := first", `params.${cursorField} = cursor`);
          out.line(`page, err := c.${name}(${forwarded.replace("params", "&params")})`);
          out.block("if err != nil {", () => out.line('return nil, "", err'), "}");
          out.line(...split);
        },
        "})",
      );
    },
    "}",
  );
}

/** The item's type, and the statements that return a page's items, next cursor and no error. */
function pageParts(
  operation: Operation,
  page: Exclude<Page, "none">,
  declared: Declarations,
): { item: string; split: string[] } {
  if (page.items === undefined || !("field" in page.next))
    throw new Error(
      `operation ${operation.id}: the Go target supports pages with an items and a next field only`,
    );
  if (operation.kind === "passthrough") {
    const names = `${JSON.stringify(page.items)}, ${JSON.stringify(page.next.field)}`;
    return {
      item: OPEN_MAP,
      split: [`items, next := mapPage(page, ${names})`, "return items, next, nil"],
    };
  }
  const { items, next } = pageFields(operation, page.items, page.next.field, declared);
  if (items.type.kind !== "array")
    throw new Error(`operation ${operation.id}: x-hev-page.items ${page.items} is no array`);
  const item = plainType(items.type.items, declared, "string");
  const list = `page.${goExported(items.words)}`;
  const cursor = `page.${goExported(next.words)}`;
  if (!next.type.nullable) return { item, split: [`return ${list}, ${cursor}, nil`] };
  return {
    item,
    split: [`if ${cursor} == nil {`, `\treturn ${list}, "", nil`, "}", `return ${list}, *${cursor}, nil`],
  };
}

function pageFields(operation: Operation, items: string, next: string, declared: Declarations) {
  const result = operation.success.type && declared.resolve(operation.success.type);
  if (result?.kind !== "object")
    throw new Error(`operation ${operation.id}: its answer is no object of fields`);
  const field = (wire: string) => {
    const found = result.fields.find((candidate) => candidate.wire === wire);
    if (!found)
      throw new Error(`operation ${operation.id}: x-hev-page names ${wire}, which its answer lacks`);
    return found;
  };
  return { items: field(items), next: field(next) };
}
