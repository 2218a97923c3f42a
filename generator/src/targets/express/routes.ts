/**
 * The route table, and the function that mounts one handler for each row. Authorisation, validation and body reading are
 * driven by the table's data; they are written once in the server and passed in as `adapt`.
 */
import { TYPESCRIPT } from "../../dialects.js";
import type { Api, Operation } from "../../model.js";
import { Printer } from "../../printer.js";
import { callShape, mountOrder } from "./call-shape.js";

const SHARED = `/** What the server has to know of an operation before its handler runs. */
export interface Route {
  readonly operationId: string;
  readonly tag: string;
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path template of the spec. */
  readonly template: string;
  /** The same for Express. */
  readonly path: string;
  /** Scope that the caller needs; \`none\` needs no bearer. */
  readonly access: "read" | "write" | "admin" | "none";
  /**
   * \`passthrough\` relays Turbopuffer's request and answer, \`upstream\` is Turbopuffer's wire with Layer behaviour around
   * it, \`layer\` exists only here.
   */
  readonly kind: "passthrough" | "upstream" | "layer";
  readonly body: "required" | "optional" | "none";
  /** Whether parameters and body are checked against the spec and arrive typed, or arrive as they were sent. */
  readonly call: "checked" | "checked-body" | "raw";
  /** How deep a checked body is checked. */
  readonly bodyValidation: "full" | "shallow" | "none";
}`;

const ADAPT = `/**
 * Turns a handler into a request handler of Express. It must build the call that the route's \`call\` promises before it
 * invokes the handler.
 */
export type Adapt = <Call, R extends BytesReply | { readonly status: number; readonly json: unknown }>(
  route: Route,
  invoke: (call: Call) => Promise<R>,
) => RequestHandler;`;

export function emitRoutes(api: Api): string {
  const out = new Printer(TYPESCRIPT);
  const operations = mountOrder(api.operations);
  out.import({ from: "express", name: "IRouter", typeOnly: true });
  out.import({ from: "express", name: "RequestHandler", typeOnly: true });
  out.import({ from: "./handlers.js", name: "BytesReply", typeOnly: true });
  out.import({ from: "./handlers.js", name: "Handlers", typeOnly: true });
  out.line(SHARED).blank();
  out.doc("Every route that is served, in the order it is mounted.");
  out.block(
    "export const routes = {",
    () => {
      for (const operation of operations) emitRow(out, operation);
    },
    "} as const satisfies Record<string, Route>;",
  );
  out.blank().line(ADAPT).blank();
  out.doc("Mounts every operation on `router`.");
  out.block(
    "export function mountRoutes<Context>(router: IRouter, handlers: Handlers<Context>, adapt: Adapt): void {",
    () => {
      out.line(`const { ${usedTags(operations).join(", ")} } = handlers;`);
      for (const operation of operations) emitMount(out, operation);
    },
    "}",
  );
  return out.toString();
}

function emitRow(out: Printer, operation: Operation): void {
  const body = !operation.body ? "none" : operation.body.required ? "required" : "optional";
  const row: Route = {
    operationId: operation.id,
    tag: operation.tag,
    method: operation.method,
    template: operation.path,
    path: expressPath(operation.path),
    access: operation.access,
    kind: operation.kind,
    body,
    call: callShape(operation),
    bodyValidation: operation.body?.validation ?? "none",
  };
  const fields = Object.entries(row).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  out.line(`${operation.id}: { ${fields.join(", ")} },`);
}

function emitMount(out: Printer, operation: Operation): void {
  const method = operation.method.toLowerCase();
  out.line(
    `router.${method}(routes.${operation.id}.path, adapt(routes.${operation.id}, ${operation.tag}.${operation.id}));`,
  );
}

/** `/a/{b}` → `/a/:b`. */
function expressPath(template: string): string {
  return template.replaceAll(/\{([^}]+)\}/g, ":$1");
}

function usedTags(operations: readonly Operation[]): string[] {
  return [...new Set(operations.map((operation) => operation.tag))].sort();
}

type Route = Record<string, string>;
