/**
 * `models.py`: read-only models for what is received, TypedDicts for what is sent, aliases for everything else.
 *
 * Aliases stand last and in the order of their needs, because Python evaluates them at import; annotations inside
 * classes stay text until they are asked for.
 */
import { innerTypes } from "../../build/reach.js";
import { PYTHON } from "../../dialects.js";
import type { Api, Field, MetaHeader, NamedType } from "../../model.js";
import { Printer } from "../../printer.js";
import { Annotations, objectForm, pythonName, pythonString, pythonTypeName } from "./annotations.js";
import { type Reach, reachOf, type Side } from "./reach.js";

const PREAMBLE = '"""Bodies of requests and responses."""';

export function emitModels(api: Api): string {
  const out = new Printer(PYTHON).preamble(PREAMBLE);
  out.import({ from: "__future__", name: "annotations" });
  const emitter = new ModelEmitter(out, api);
  const names = [...emitter.emitAll()].sort((left, right) => (left < right ? -1 : 1));
  out.blank().line(`__all__ = [${names.map(pythonString).join(", ")}]`);
  return out.toString();
}

class ModelEmitter {
  readonly #out: Printer;
  readonly #types: Annotations;
  readonly #reach: Reach;
  readonly #api: Api;
  readonly #defined: string[] = [];

  constructor(out: Printer, api: Api) {
    this.#out = out;
    this.#api = api;
    this.#reach = reachOf(api);
    this.#types = new Annotations(out, this.#reach);
  }

  /** Prints every type and returns the names it defined. */
  emitAll(): string[] {
    const aliases: NamedType[] = [];
    for (const named of this.#api.types) {
      const { type } = named;
      for (const side of this.#sidesOf(named)) {
        const form = type.kind === "object" ? objectForm(type, side) : "mapping";
        if (type.kind === "object" && form === "model") this.#emitModel(named, type.fields);
        else if (type.kind === "object" && form === "typed-dict") this.#emitTypedDict(named, type.fields);
        else if (!aliases.includes(named)) aliases.push(named);
      }
    }
    for (const alias of inOrderOfNeed(aliases)) this.#emitAlias(alias);
    return this.#defined;
  }

  #sidesOf(named: NamedType): Side[] {
    const sides: Side[] = [];
    if (this.#reach.request.has(named.name)) sides.push("request");
    if (this.#reach.response.has(named.name)) sides.push("response");
    return sides;
  }

  #define(named: NamedType, side: Side): string {
    const name = pythonTypeName(this.#reach, named.name, side);
    this.#defined.push(name);
    this.#out.blank().blank();
    return name;
  }

  #emitModel(named: NamedType, fields: readonly Field[]): void {
    const name = this.#define(named, "response");
    const taken = new Set(["to_dict"]);
    this.#out.block(`class ${name}(${this.#types.runtime("Model")}):`, () => {
      this.#out.doc(named.doc).blank().line("__slots__ = ()").blank();
      for (const field of fields) {
        const optional = field.required || field.type.nullable ? "" : " | None";
        const annotation = this.#types.of(field.type, "response") + optional;
        this.#emitField(field.words, field.wire, annotation, this.#fieldDoc(field), taken);
      }
      for (const meta of this.#metaOf(named)) {
        const hint = `${this.#types.of(meta.type, "response")} | None, FromHeader(${pythonString(meta.header)})`;
        this.#types.runtime("FromHeader");
        this.#out.line(`${pythonName(meta.words)}: ${this.#types.standard("Annotated")}[${hint}]`);
        this.#out.doc(meta.doc);
      }
    });
  }

  #emitField(
    words: readonly string[],
    wire: string,
    annotation: string,
    doc: string,
    taken: Set<string>,
  ): void {
    let name = pythonName(words);
    while (taken.has(name)) name += "_";
    taken.add(name);
    const spelled =
      name === wire
        ? annotation
        : `${this.#types.standard("Annotated")}[${annotation}, ${this.#types.runtime("Wire")}(${pythonString(wire)})]`;
    this.#out.line(`${name}: ${spelled}`).doc(doc);
  }

  /** Header fields of every operation that answers with this type. */
  #metaOf(named: NamedType): MetaHeader[] {
    const found = new Map<string, MetaHeader>();
    for (const operation of this.#api.operations) {
      const { type } = operation.success;
      if (operation.kind === "passthrough" || type?.kind !== "ref" || type.name !== named.name) continue;
      for (const meta of operation.meta) found.set(meta.field, meta);
    }
    return [...found.values()];
  }

  #emitTypedDict(named: NamedType, fields: readonly Field[]): void {
    const name = this.#define(named, "request");
    const typedDict = this.#types.standard("TypedDict");
    const allRequired = fields.every((field) => field.required);
    const total = allRequired ? "" : ", total=False";
    const annotate = (field: Field) => {
      const annotation = this.#types.of(field.type, "request");
      return field.required && !allRequired
        ? `${this.#types.standard("Required")}[${annotation}]`
        : annotation;
    };
    if (fields.every((field) => isAttributeName(field.wire))) {
      this.#out.block(`class ${name}(${typedDict}${total}):`, () => {
        this.#out.doc(named.doc).blank();
        for (const field of fields)
          this.#out.line(`${field.wire}: ${annotate(field)}`).doc(this.#fieldDoc(field));
      });
      return;
    }
    // Keys that are no identifiers need the functional form, whose values are evaluated at import: quoted.
    const entries = fields.map((field) => `${pythonString(field.wire)}: ${pythonString(annotate(field))}`);
    this.#out.line(`${name} = ${typedDict}(${pythonString(name)}, {${entries.join(", ")}}${total})`);
    this.#out.doc(named.doc);
  }

  #emitAlias(named: NamedType): void {
    // The looser spelling serves both sides where a type is both written and read; enums stay open if ever read.
    const written = this.#reach.request.has(named.name) && named.type.kind !== "enum";
    const side = written ? "request" : this.#sidesOf(named).includes("response") ? "response" : "request";
    const name = this.#define(named, side);
    const annotation = this.#types.of(named.type, side);
    const recursive = [...innerTypes(named.type)].some(
      (inner) => inner.kind === "ref" && inner.name === named.name,
    );
    this.#out.line(
      `${name}: ${this.#types.standard("TypeAlias")} = ${recursive ? pythonString(annotation) : annotation}`,
    );
    this.#out.doc(named.doc);
  }

  /** The field's own words, else those of the type it refers to. */
  #fieldDoc(field: Field): string {
    if (field.doc !== "" || field.type.kind !== "ref") return field.doc;
    return this.#reach.named.get(field.type.name)?.doc ?? "";
  }
}

/** Whether a TypedDict class can carry the key as an attribute: an identifier that is no keyword. */
function isAttributeName(wire: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(wire) && pythonName([wire]) === wire && !wire.startsWith("__");
}

/** Aliases so that each stands after those it mentions. */
function inOrderOfNeed(aliases: readonly NamedType[]): NamedType[] {
  const byName = new Map(aliases.map((alias) => [alias.name, alias]));
  const ordered = new Set<NamedType>();
  const visiting = new Set<NamedType>();
  const visit = (alias: NamedType): void => {
    if (ordered.has(alias) || visiting.has(alias)) return;
    visiting.add(alias);
    for (const inner of innerTypes(alias.type)) {
      const needed = inner.kind === "ref" ? byName.get(inner.name) : undefined;
      if (needed) visit(needed);
    }
    ordered.add(alias);
  };
  for (const alias of aliases) visit(alias);
  return [...ordered];
}
