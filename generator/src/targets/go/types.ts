/** Named schemas as Go structs, enums as string types with constants, unions as aliases of `any`. */
import { GO } from "../../dialects.js";
import type { Api, Field, MetaHeader, NamedType, Operation } from "../../model.js";
import { goExported, splitWords } from "../../names.js";
import { Printer } from "../../printer.js";
import { typeDoc } from "./prose.js";
import { type Declarations, declarations, fieldType, inlineType, plainType } from "./shape.js";

/** The catalogue's own file declares this one, with its meanings. */
const ERROR_CODE = "ErrorCode";

export function emitTypes(api: Api): string {
  const declared = declarations(api);
  const out = new Printer(GO).preamble("package hevlayer");
  const structs: string[] = [];
  for (const type of declared.declared) {
    if (type.name === ERROR_CODE) continue;
    out.blank();
    if (type.type.kind === "object") {
      const name = declared.goName(type.name);
      emitStruct(out, name, withMeta(type, api.operations), declared, structs);
    } else {
      emitNamed(out, type, declared);
    }
  }
  emitJson(out, structs);
  return out.toString();
}

/** The type with the fields that its operations lift from headers; null, and sent as null, where the header is absent. */
function withMeta(named: NamedType, operations: Operation[]): NamedType {
  if (named.type.kind !== "object") return named;
  const fields = [...named.type.fields];
  for (const meta of operations.flatMap((operation) => metaOf(operation, named.name))) {
    if (!fields.some((field) => field.wire === meta.field)) fields.push(metaField(meta, !named.request));
  }
  return { ...named, type: { ...named.type, fields } };
}

function metaOf(operation: Operation, typeName: string): MetaHeader[] {
  const result = operation.success.type;
  const returnsIt = operation.kind !== "passthrough" && result?.kind === "ref" && result.name === typeName;
  return returnsIt ? operation.meta : [];
}

/** In a type that is also a request the field is optional: nobody sends an answer's headers. */
function metaField(meta: MetaHeader, required: boolean): Field {
  return {
    wire: meta.field,
    words: meta.words,
    type: { ...meta.type, nullable: true },
    required,
    doc: meta.doc,
  };
}

function emitStruct(
  out: Printer,
  name: string,
  named: NamedType,
  declared: Declarations,
  all: string[],
): void {
  const { type } = named;
  if (type.kind !== "object") return;
  all.push(name);
  const direction = named.request ? "request" : "response";
  out.doc(typeDoc(name, named.doc));
  out.block(
    `type ${name} struct {`,
    () => {
      for (const field of type.fields) emitField(out, name, field, direction, declared);
      out.doc("Extra holds keys without a field here, and explicit nulls; they are kept and sent.");
      out.line('Extra map[string]any `json:"-"`');
    },
    "}",
  );
  for (const field of type.fields) emitInline(out, name, field, named, declared, all);
}

/** The type that a field declares in place, named after its owner and itself. */
function emitInline(
  out: Printer,
  owner: string,
  field: Field,
  named: NamedType,
  declared: Declarations,
  all: string[],
): void {
  const inline = inlineType(field.type);
  const name = inlineName(owner, field);
  if (inline?.kind === "enum") emitEnum(out, name, inline.values, field.doc, named.response);
  if (inline?.kind === "object") {
    out.blank();
    emitStruct(out, name, { ...named, name, doc: field.doc, type: inline }, declared, all);
  }
}

/** One field with its documentation and tag; also used for the structs of query parameters. */
export function emitField(
  out: Printer,
  owner: string,
  field: Field,
  direction: "request" | "response",
  declared: Declarations,
): void {
  const optional = field.required ? "" : ",omitempty";
  const type = fieldType(field, direction, declared, inlineName(owner, field));
  out.doc(field.doc);
  out.line(`${fieldName(field)} ${type} \`json:"${field.wire}${optional}"\``);
}

/** A field's Go name; `Extra` is every struct's own field, so the wire's `extra` gives way. */
export function fieldName(field: Field): string {
  const name = goExported(field.words);
  return name === "Extra" ? "ExtraField" : name;
}

function inlineName(owner: string, field: Field): string {
  return owner + goExported(field.words);
}

/** A string type with a constant for each value. `open` says that a server may send others. */
export function emitEnum(out: Printer, name: string, values: string[], doc: string, open: boolean): void {
  out.blank();
  out.doc(`${name}: ${doc === "" ? `one of ${values.join(", ")}.` : doc}`);
  out.line(`type ${name} string`);
  out.blank();
  out.doc(`${open ? "Known values" : "Values"} of ${name}.${open ? " A server may send others." : ""}`);
  out.block(
    "const (",
    () => {
      for (const value of values)
        out.line(`${name}${goExported(splitWords(value))} ${name} = ${JSON.stringify(value)}`);
    },
    ")",
  );
}

function emitNamed(out: Printer, named: NamedType, declared: Declarations): void {
  const name = declared.goName(named.name);
  const { type } = named;
  if (type.kind === "enum") {
    emitEnum(out, name, type.values, named.doc, named.response);
    return;
  }
  out.doc(typeDoc(name, named.doc));
  const plain = plainType(type, declared, "string");
  // An alias where Go has no type for it, so that any value of the kinds listed fits.
  out.line(plain === "any" ? `type ${name} = any` : `type ${name} ${plain}`);
}

function emitJson(out: Printer, structs: string[]): void {
  if (structs.length === 0) return;
  out.blank();
  out.comment(
    "All types above keep integers exact and unknown keys in Extra, whichever way they are read and written.",
  );
  for (const name of structs) {
    out.blank();
    out.line(`func (v *${name}) UnmarshalJSON(text []byte) error { return decodeJSON(text, v) }`);
    out.line(`func (v ${name}) MarshalJSON() ([]byte, error) { return encodeJSON(v) }`);
  }
}
