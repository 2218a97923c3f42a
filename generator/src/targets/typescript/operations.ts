/**
 * `operations.ts` of the client: the class with one method for each operation, their options, and the table that tells
 * the runtime how each goes over the wire.
 */
import { TYPESCRIPT } from "../../dialects.js";
import type { Api, Operation, Page, Param, Type } from "../../model.js";
import {
  camel,
  iterWords,
  pascal,
  safeIdentifier,
  splitWords,
  typescriptKey,
  waitWords,
} from "../../names.js";
import { Printer } from "../../printer.js";
import { routeText } from "../../route-text.js";
import { typeText } from "../../type-text.js";
import { callExample } from "./example.js";

/** Options that every call takes (`CallOptions` in `call.ts`); an operation's own must not hide them. */
const CALL_OPTIONS = new Set([
  "signal",
  "timeout",
  "totalTimeout",
  "maxRetries",
  "headers",
  "extraQuery",
  "withPerf",
]);

interface Emission {
  printer: Printer;
  api: Api;
  /** Imports a name of `call.ts`. */
  call(name: string): string;
  /** Imports a name of `types.ts`. */
  type(name: string): string;
}

export function emitOperations(api: Api): string {
  const printer = new Printer(TYPESCRIPT);
  const emission: Emission = {
    printer,
    api,
    call: (name) => printer.import({ from: "../call.js", name, typeOnly: true }),
    type: (name) => printer.import({ from: "./types.js", name, typeOnly: true }),
  };
  emission.call("OperationInfo");
  for (const operation of api.operations) {
    emitOptions(emission, operation);
    emitResult(emission, operation);
  }
  printer.blank().doc("The gateway's operations. The client extends it.");
  printer.block("export class Operations {", () => emitMembers(emission), "}");
  emitTable(emission);
  return printer.toString();
}

function emitMembers(emission: Emission): void {
  const { printer, api } = emission;
  emission.call("Caller");
  emission.call("Result");
  printer.line("readonly #caller: Caller;").blank();
  printer.block("constructor(caller: Caller) {", () => printer.line("this.#caller = caller;"), "}");
  for (const operation of api.operations) {
    emitMethod(emission, operation);
    if (isPaged(operation.page)) emitIterator(emission, operation, operation.page);
    if (operation.wait) emitWaiter(emission, operation);
  }
}

type PagedHint = Exclude<Page, "none">;

function isPaged(page: Page | undefined): page is PagedHint {
  return page !== undefined && page !== "none";
}

/** Parameters that travel as options, with the option's name: query parameters, and headers without their prefix. */
function optionParams(operation: Operation): { name: string; param: Param }[] {
  const named = [...operation.queryParams, ...operation.headerParams].map((param) => {
    const words =
      param.words[0] === "x" && param.words[1] === "hevlayer" ? param.words.slice(2) : param.words;
    return { name: camel(words), param };
  });
  for (const { name, param } of named) {
    if (CALL_OPTIONS.has(name))
      throw new Error(
        `operation ${operation.id}: parameter ${param.wire} would hide the call option ${name}`,
      );
  }
  return named;
}

/** The type of the options argument, and whether it must be given. */
function optionsOf(emission: Emission, operation: Operation): { options: string; required: boolean } {
  return {
    options: optionsName(operation) ?? emission.call("CallOptions"),
    required: optionParams(operation).some(({ param }) => param.required),
  };
}

function optionsName(operation: Operation): string | undefined {
  return optionParams(operation).length > 0 ? `${pascal(operation.words)}Options` : undefined;
}

function emitOptions(emission: Emission, operation: Operation): void {
  const name = optionsName(operation);
  if (name === undefined) return;
  const { printer } = emission;
  printer.blank().doc(`Options of \`${operation.id}\`.`);
  printer.block(
    `export interface ${name}<P extends boolean = boolean> extends ${emission.call("CallOptions")}<P> {`,
    () => {
      for (const option of optionParams(operation)) {
        const type = typeText(option.param.type, (used) => emission.type(used));
        printer.doc(option.param.doc);
        printer.line(
          option.param.required ? `${option.name}: ${type};` : `${option.name}?: ${type} | undefined;`,
        );
      }
    },
    "}",
  );
}

/** The name of what the method returns: the body's own, or a type that adds the fields lifted from headers. */
function resultName(emission: Emission, operation: Operation): string {
  const { type } = operation.success;
  if (!type) return "void";
  if (operation.meta.length > 0) return `${pascal(operation.words)}Result`;
  return typeText(type, (used) => emission.type(used));
}

function emitResult(emission: Emission, operation: Operation): void {
  const { type } = operation.success;
  if (!type || operation.meta.length === 0) return;
  const { printer } = emission;
  printer.blank().doc(`What \`${operation.id}\` returns: the body, with fields from the answer's headers.`);
  printer.block(
    `export type ${resultName(emission, operation)} = ${typeText(type, (used) => emission.type(used))} & {`,
    () => {
      for (const { field, type: fieldType, doc } of operation.meta) {
        printer.doc(doc).line(`${typescriptKey(field)}: ${typeText(fieldType, () => {})} | null;`);
      }
    },
    "};",
  );
}

interface Signature {
  parameters: string[];
  /** The path arguments as an object literal by wire name. */
  path: string;
  body: string;
}

function signature(emission: Emission, operation: Operation): Signature {
  const parameters = operation.pathParams.map((param) => `${argumentName(param)}: string`);
  const path = operation.pathParams.map((param) => {
    const name = argumentName(param);
    const key = typescriptKey(param.wire);
    return key === name ? key : `${key}: ${name}`;
  });
  const { body } = operation;
  if (body) {
    const optional = body.required ? "" : "?";
    parameters.push(`body${optional}: ${typeText(body.type, (used) => emission.type(used))}`);
  }
  return {
    parameters,
    path: path.length > 0 ? `{ ${path.join(", ")} }` : "{}",
    body: body ? "body" : "undefined",
  };
}

function argumentName(param: Param): string {
  return safeIdentifier("typescript", camel(param.words));
}

function emitMethod(emission: Emission, operation: Operation): void {
  const { printer } = emission;
  const { parameters, path, body } = signature(emission, operation);
  const { options, required } = optionsOf(emission, operation);
  const result = resultName(emission, operation);
  printer.blank().doc(methodDoc(operation));
  printer.block(
    `${operation.id}<P extends boolean = false>(${[...parameters, `options${required ? "" : "?"}: ${options}<P>`].join(", ")}): Promise<Result<${result}, P>> {`,
    () => printer.line(`return this.#caller.call(OPERATIONS.${operation.id}, ${path}, ${body}, options);`),
    "}",
  );
}

function methodDoc(operation: Operation): string {
  const parts = [`${operation.summary}. \`${routeText(operation)}\``, operation.doc];
  const params = operation.pathParams.filter((param) => param.doc !== "");
  const tags = params.map((param) => `@param ${argumentName(param)} ${param.doc}`);
  if (operation.body?.doc) tags.push(`@param body ${operation.body.doc}`);
  if (tags.length > 0) parts.push(tags.join("\n"));
  const example = callExample(operation, optionParams(operation));
  if (example !== undefined) parts.push(`@example\n${example}`);
  if (operation.deprecated) parts.push("@deprecated");
  return parts.filter((part) => part !== "").join("\n\n");
}

function emitIterator(emission: Emission, operation: Operation, page: PagedHint): void {
  const { printer } = emission;
  const { parameters, path } = signature(emission, operation);
  const pageType = resultName(emission, operation);
  const item = typeText(itemType(emission.api, operation, page), (used) => emission.type(used));
  const pages = printer.import({ from: "../pages.js", name: "Pages", typeOnly: true });
  const { options, required } = optionsOf(emission, operation);
  printer
    .blank()
    .doc(
      `Walks \`${operation.id}\` across its pages: \`for await\` gives the items, \`.pages()\` whole pages. Options apply to every page.`,
    );
  printer.block(
    `${camel(iterWords(operation.words))}(${[...parameters, `options${required ? "" : "?"}: ${options}<false>`].join(", ")}): ${pages}<${pageType}, ${item}> {`,
    () => printer.line(`return this.#caller.pages(OPERATIONS.${operation.id}, ${path}, options);`),
    "}",
  );
}

/** The method beside one that reads a job: it asks until the job has ended. */
function emitWaiter(emission: Emission, operation: Operation): void {
  const { printer } = emission;
  const { parameters, path } = signature(emission, operation);
  const job = resultName(emission, operation);
  const options = emission.call("WaitOptions");
  const name = camel(waitWords(operation.words));
  const tags = operation.pathParams.map((param) => `@param ${argumentName(param)} ${param.doc}`);
  const names = operation.pathParams.map((param) => JSON.stringify(param.wire));
  const example = `@example\n\`\`\`ts\nawait client.${name}(${names.join(", ")});\n\`\`\``;
  const text = [
    `Waits for a job to end: asks \`${operation.id}\` until then, and gives the job as it ended. Options apply to every request.`,
    `@throws JobFailedError when the job failed, WaitTimeoutError when it runs on; both carry the job.`,
  ];
  printer.blank().doc([text[0], [...tags, text[1]].join("\n"), example].join("\n\n"));
  printer.block(
    `${name}(${[...parameters, `options?: ${options}<${job}>`].join(", ")}): Promise<${job}> {`,
    () => printer.line(`return this.#caller.wait(OPERATIONS.${operation.id}, ${path}, options);`),
    "}",
  );
}

/** The type of one item of a listing. */
function itemType(api: Api, operation: Operation, page: PagedHint): Type {
  let type = resolve(api, operation.success.type);
  if (page.items !== undefined) {
    const field =
      type?.kind === "object" ? type.fields.find((candidate) => candidate.wire === page.items) : undefined;
    type = resolve(api, field?.type);
  }
  if (type?.kind !== "array") throw new Error(`operation ${operation.id}: x-hev-page.items is not a list`);
  return type.items;
}

function resolve(api: Api, type: Type | undefined): Type | undefined {
  if (type?.kind !== "ref") return type;
  return resolve(api, api.types.find((named) => named.name === type.name)?.type);
}

function emitTable(emission: Emission): void {
  const { printer, api } = emission;
  printer.blank().comment("How each operation goes over the wire.");
  printer.block(
    "const OPERATIONS = {",
    () => {
      for (const operation of api.operations) {
        printer.block(`${operation.id}: {`, () => emitInfo(emission, operation), "},");
      }
    },
    "} as const satisfies Record<string, OperationInfo>;",
  );
}

function emitInfo({ printer, api }: Emission, operation: Operation): void {
  const text = (value: string) => JSON.stringify(value);
  printer.line(
    `id: ${text(operation.id)},`,
    `method: ${text(operation.method)},`,
    `path: ${text(operation.path)},`,
  );
  printer.line(`safe: ${text(operation.safe)},`, `fallthrough: ${text(operation.fallthrough)},`);
  if (operation.upstreamPath !== operation.path)
    printer.line(`upstreamPath: ${text(operation.upstreamPath)},`);
  if (operation.fixedQuery.length > 0) {
    const entries = operation.fixedQuery.map(({ wire, value }) => `${typescriptKey(wire)}: ${text(value)}`);
    printer.line(`fixedQuery: { ${entries.join(", ")} },`);
  }
  for (const place of ["query", "header"] as const) {
    const entries = optionParams(operation)
      .filter(({ param }) => param.in === place)
      .map(({ name, param }) => `${name}: ${text(param.wire)}`);
    if (entries.length > 0)
      printer.line(`${place === "query" ? "query" : "headers"}: { ${entries.join(", ")} },`);
  }
  if (operation.body?.required) printer.line(`body: "required",`);
  printer.line(`result: ${text(resultKind(api, operation))},`);
  if (operation.meta.length > 0) {
    const fields = operation.meta.map(
      ({ header, field, type }) =>
        `{ header: ${text(header.toLowerCase())}, field: ${text(field)}, type: ${text(metaKind(type))} }`,
    );
    printer.line(`meta: [${fields.join(", ")}],`);
  }
  if (isPaged(operation.page)) {
    const { cursor, items, next } = operation.page;
    const where = "field" in next ? `field: ${text(next.field)}` : `lastItem: ${text(next.lastItem)}`;
    const itemsText = items === undefined ? "" : `items: ${text(items)}, `;
    printer.line(`page: { cursor: ${text(camel(splitWords(cursor)))}, ${itemsText}next: { ${where} } },`);
  }
  if (operation.wait) {
    // What is neither done nor failed is running, also in a release that knows more states.
    const { state, done, failed, progress } = operation.wait;
    const ends = `done: ${JSON.stringify(done)}, failed: ${JSON.stringify(failed)}`;
    printer.line(`wait: { state: ${text(state)}, ${ends}, progress: ${text(progress)} },`);
  }
}

function resultKind(api: Api, operation: Operation): string {
  if (!operation.success.type) return "none";
  if (operation.success.contentType !== "application/json") return "text";
  const kind = resolve(api, operation.success.type)?.kind;
  return kind === "object" || kind === "map" ? "object" : kind === "array" ? "array" : "value";
}

function metaKind(type: Type): string {
  return type.kind === "integer" || type.kind === "number" || type.kind === "boolean" ? type.kind : "string";
}
