/** Named schemas as Go structs, enums as string types with constants, unions as aliases of `any`. */
import { GO } from "../../dialects.js";
import type { Api, Field, MetaHeader, NamedType, Operation } from "../../model.js";
import { goExported, splitWords } from "../../names.js";
import { Printer } from "../../printer.js";
import { typeDoc } from "./prose.js";
import { type Declarations, declarations, fieldType, plainType } from "./shape.js";

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
      emitStruct(out, name, withMeta(type, api.operations), declared);
      structs.push(name);
    } else {
      emitNamed(out, type, declared);
    }
  }
  emitJson(out, structs);
  return out.toString();
}

/** The type with the fields that its operations lift from headers; null, and sent as null, where the header is absent. */
function withMeta(type: NamedType, operations: Operation[]): NamedType {
  if (type.type.kind !== "object") return type;
  const fields = [...type.type.fields];
  for (const meta of operations.flatMap((operation) => metaOf(operation, type.name))) {
    if (!fields.some((field) => field.wire === meta.field)) fields.push(metaField(meta));
  }
  return { ...type, type: { ...type.type, fields } };
}

function metaOf(operation: Operation, typeName: string): MetaHeader[] {
  const result = operation.success.type;
  const returnsIt = operation.kind !== "passthrough" && result?.kind === "ref" && result.name === typeName;
  return returnsIt ? operation.meta : [];
}

function metaField(meta: MetaHeader): Field {
  return {
    wire: meta.field,
    words: meta.words,
    type: { ...meta.type, nullable: true },
    required: true,
    doc: meta.doc,
  };
}

function emitStruct(out: Printer, name: string, named: NamedType, declared: Declarations): void {
  const { type } = named;
  if (type.kind !== "object") return;
  const direction = named.request ? "request" : "response";
  out.doc(typeDoc(name, named.doc));
  out.block(
    `type ${name} struct {`,
    () => {
      for (const field of type.fields) emitField(out, name, field, direction, declared);
      out.doc("Extra holds the keys that have no field here, and explicit nulls. They are kept and sent.");
      out.line('Extra map[string]any `json:"-"`');
    },
    "}",
  );
  for (const field of type.fields) {
    if (field.type.kind === "enum") emitEnum(out, enumName(name, field), field.type.values, field.doc);
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
  out.doc(field.doc);
  out.line(
    `${fieldName(owner, field)} ${fieldType(field, direction, declared, enumName(owner, field))} \`json:"${field.wire}${optional}"\``,
  );
}

function fieldName(owner: string, field: Field): string {
  const name = goExported(field.words);
  if (name === "Extra") throw new Error(`${owner}.${field.wire}: Extra is the client's own field in Go`);
  return name;
}

function enumName(owner: string, field: Field): string {
  return owner + goExported(field.words);
}

export function emitEnum(out: Printer, name: string, values: string[], doc: string): void {
  out.blank();
  out.doc(`${name}: ${doc === "" ? `one of ${values.join(", ")}.` : doc}`);
  out.line(`type ${name} string`);
  out.blank();
  out.doc(`Known values of ${name}. A server may send others.`);
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
    emitEnum(out, name, type.values, named.doc);
    return;
  }
  out.doc(typeDoc(name, named.doc));
  const plain = plainType(type, declared, "string");
  // An alias where Go has no type for it, so that any value of the kinds listed fits.
  out.line(plain === "any" ? `type ${name} = any` : `type ${name} ${plain}`);
}

function emitJson(out: Printer, structs: string[]): void {
  for (const name of structs) {
    out.blank();
    out.doc("UnmarshalJSON keeps integers exact and unknown keys in Extra.");
    out.line(`func (v *${name}) UnmarshalJSON(text []byte) error { return decodeJSON(text, v) }`);
    out.blank();
    out.doc("MarshalJSON writes the fields that are set, and Extra.");
    out.line(`func (v ${name}) MarshalJSON() ([]byte, error) { return encodeJSON(v) }`);
  }
}
