/**
 * One method for each operation, a twin that returns measurements, an iterator where a listing has pages, and the struct
 * of its query parameters. What happens in a call is the written half's business; here stands only what the spec says.
 */
import { GO } from "../../dialects.js";
import type { Api } from "../../model.js";
import { goExported, goLocal } from "../../names.js";
import { Printer } from "../../printer.js";
import { fixedQueryText, routeText } from "../../route-text.js";
import { type Method, methodOf, NOTHING, paramsName } from "./method.js";
import { emitIterator } from "./pages.js";
import { methodDoc } from "./prose.js";
import { type Declarations, declarations, inlineType } from "./shape.js";
import { emitEnum, emitField } from "./types.js";
import { emitWaiter } from "./waits.js";

const SAFETY = { read: "safeRead", idempotent: "safeIdempotent", once: "safeOnce" } as const;
const FALLTHROUGH = {
  yes: "fallthroughYes",
  no: "fallthroughNo",
  simple: "fallthroughSimple",
  native: "fallthroughNative",
} as const;

export function emitOperations(api: Api): string {
  const declared = declarations(api);
  const out = new Printer(GO).preamble("package hevlayer");
  const context = out.import({ from: "context" });
  for (const operation of api.operations) {
    const method = methodOf(operation, declared, context);
    out.blank();
    emitDescriptor(out, method);
    emitParams(out, method, declared);
    emitMethods(out, method);
    emitIterator(out, method, declared, context);
    emitWaiter(out, method, declared, context);
  }
  return out.toString();
}

function emitDescriptor(out: Printer, { operation, descriptor, result }: Method): void {
  const fields = [
    `id: ${JSON.stringify(operation.id)}`,
    `method: ${JSON.stringify(operation.method)}`,
    `route: ${JSON.stringify(operation.path)}`,
  ];
  if (operation.upstreamPath !== operation.path)
    fields.push(`upstream: ${JSON.stringify(operation.upstreamPath)}`);
  if (operation.fixedQuery.length > 0) fields.push(`marker: ${JSON.stringify(fixedQueryText(operation))}`);
  if (operation.safe !== "once") fields.push(`safe: ${SAFETY[operation.safe]}`);
  if (operation.fallthrough !== "no") fields.push(`fall: ${FALLTHROUGH[operation.fallthrough]}`);
  if (operation.body) fields.push(`body: ${operation.body.required ? "bodyRequired" : "bodyOptional"}`);
  if (result === NOTHING) fields.push("answers: answersNothing");
  if (result === "string") fields.push("answers: answersText");
  if (operation.meta.length > 0 && operation.kind !== "passthrough") {
    const entries = operation.meta.map(
      (meta) =>
        `{header: ${JSON.stringify(meta.header)}, field: ${JSON.stringify(meta.field)}${meta.type.kind === "integer" ? ", integer: true" : ""}}`,
    );
    fields.push(`meta: []metaHeader{${entries.join(", ")}}`);
  }
  out.block(`var ${descriptor} = operation{`, () => out.line(...fields.map((field) => `${field},`)), "}");
}

function emitParams(out: Printer, { operation }: Method, declared: Declarations): void {
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
    const inline = inlineType(param.type);
    if (inline?.kind === "enum")
      emitEnum(out, name + goExported(param.words), inline.values, param.doc, false);
  }
  out.blank();
  out.doc("UnmarshalJSON reads parameters by their names on the wire.");
  out.line(`func (p *${name}) UnmarshalJSON(text []byte) error { return decodeJSON(text, p) }`);
}

function emitMethods(out: Printer, method: Method): void {
  const { operation, name, descriptor, signature, forwarded, result } = method;
  out.blank();
  out.doc(documentation(method));
  if (result === NOTHING) {
    out.block(
      `func (c *Client) ${name}(${signature}) error {`,
      () => out.line(`_, err := c.${name}WithPerf(${forwarded})`, "return err"),
      "}",
    );
  } else {
    out.block(
      `func (c *Client) ${name}(${signature}) (${result}, error) {`,
      () => out.line(`return data(c.${name}WithPerf(${forwarded}))`),
      "}",
    );
  }
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

function documentation({ operation, name }: Method): string {
  const parts = [methodDoc(name, operation.summary), operation.doc.trim()];
  if (operation.headerParams.length > 0) {
    const headers = operation.headerParams.map((param) => `- ${param.wire}: ${param.doc}`);
    parts.push(`Headers to give with WithHeader:\n\n${headers.join("\n")}`);
  }
  parts.push(routeText(operation));
  if (operation.deprecated) parts.push("Deprecated: the server may drop this operation.");
  return parts.join("\n\n");
}
