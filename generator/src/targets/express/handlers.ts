/** One interface for each tag with one typed method for each operation, and the few types its calls and replies share. */
import { TYPESCRIPT } from "../../dialects.js";
import type { Api, Operation } from "../../model.js";
import { pascal, splitWords } from "../../names.js";
import { Printer } from "../../printer.js";
import { type CallShape, callShape } from "./call-shape.js";

const SHARED = `type Id = keyof Operations;
type BodyOf<O extends Id> = Operations[O] extends { body: infer Body } ? Body : never;

/** An answer that is bytes already: relayed as they are, whatever the status. */
export interface BytesReply {
  readonly status: number;
  /** Lower-case names; a repeated header is an array. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: Uint8Array;
}

/** An answer declared in the spec, as a value still to be written as JSON. */
export type JsonReply<O extends Id> = {
  [Status in keyof Operations[O]["replies"]]: {
    readonly status: Status & number;
    readonly headers?: Readonly<Record<string, string>>;
    readonly json: Operations[O]["replies"][Status];
  };
}[keyof Operations[O]["replies"]];

export type Reply<O extends Id> = BytesReply | JsonReply<O>;

/** A call whose parameters have passed the spec. */
export interface CheckedCall<O extends Id, Context> {
  readonly path: Operations[O]["path"];
  readonly query: Operations[O]["query"];
  readonly context: Context;
}

/** A call whose parameters and body have passed the spec. */
export interface CheckedBodyCall<O extends Id, Context> extends CheckedCall<O, Context> {
  readonly body: BodyOf<O>;
  /** The body as it was sent, after decompression: for numbers that must keep their exact text. */
  readonly bytes: Uint8Array;
}

/** A call whose query and body are not the gateway's to judge: both as they were sent. */
export interface RawCall<O extends Id, Context> {
  readonly path: Operations[O]["path"];
  /** After decompression; empty when there was none. */
  readonly bytes: Uint8Array;
  readonly context: Context;
}`;

const CALL_TYPES: Readonly<Record<CallShape, string>> = {
  checked: "CheckedCall",
  "checked-body": "CheckedBodyCall",
  raw: "RawCall",
};

export function emitHandlers(api: Api): string {
  const out = new Printer(TYPESCRIPT);
  out.import({ from: "./types.js", name: "Operations", typeOnly: true });
  out.line(SHARED).blank();
  for (const tag of api.tags) {
    const operations = api.operations.filter((operation) => operation.tag === tag.name);
    if (operations.length === 0) continue;
    out.doc(tag.doc);
    out.block(
      `export interface ${interfaceName(tag.name)}<Context> {`,
      () => {
        for (const operation of operations) emitMethod(out, operation);
      },
      "}",
    );
    out.blank();
  }
  out.doc("Everything the server must implement, by tag.");
  out.block(
    "export interface Handlers<Context> {",
    () => {
      for (const tag of usedTags(api)) out.line(`readonly ${tag}: ${interfaceName(tag)}<Context>;`);
    },
    "}",
  );
  return out.toString();
}

function emitMethod(out: Printer, operation: Operation): void {
  const scope = operation.access === "none" ? "open to everyone" : `scope ${operation.access}`;
  out.doc(`${operation.summary}: \`${operation.method} ${operation.path}\`, ${scope}.`);
  const name = JSON.stringify(operation.id);
  const call = `${CALL_TYPES[callShape(operation)]}<${name}, Context>`;
  out.line(`${operation.id}(call: ${call}): Promise<Reply<${name}>>;`);
}

/** Tags that have operations, in the spec's order. */
function usedTags(api: Api): string[] {
  return api.tags.map((tag) => tag.name).filter((tag) => api.operations.some((item) => item.tag === tag));
}

function interfaceName(tag: string): string {
  return `${pascal(splitWords(tag))}Handlers`;
}
