/**
 * The neutral model every emitter reads: what the API is, with no language in it.
 *
 * `load.ts` builds it from `openapi.yaml`. References stay names (never inlined), `allOf` is merged, and null lives in
 * `nullable` alone, so an emitter meets one spelling of every construct. Names are split into words once, here, and
 * each language joins them its own way (`names.ts`).
 */

/** A value's type. `nullable` says that JSON null is a legal value beside the type's own. */
export type Type = { nullable: boolean } & (
  | { kind: "any" }
  | { kind: "string"; format?: string }
  | { kind: "integer"; format?: string }
  | { kind: "number" }
  | { kind: "boolean" }
  /** A closed set in requests; clients treat it as open in responses. */
  | { kind: "enum"; values: string[] }
  | { kind: "const"; value: string | number | boolean }
  /** A named schema of `components.schemas`, found in `Api.types`. */
  | { kind: "ref"; name: string }
  | { kind: "array"; items: Type }
  /** An object with arbitrary keys and no declared fields. */
  | { kind: "map"; values: Type }
  /** `rest` types the items after the fixed ones; absent when there are none. */
  | { kind: "tuple"; items: Type[]; rest?: Type }
  | { kind: "union"; variants: Type[] }
  /** An anonymous or top-level object; `open` keeps keys beyond `fields`, typed `extra`. */
  | { kind: "object"; fields: Field[]; open: boolean; extra?: Type }
);

export interface Field {
  /** The name on the wire, exactly. */
  wire: string;
  /** The wire name in lower-case words: `$dist` → ["dist"], `x-layer-cache` → ["x","layer","cache"]. */
  words: string[];
  type: Type;
  required: boolean;
  doc: string;
  default?: unknown;
}

/** A named schema. */
export interface NamedType {
  name: string;
  words: string[];
  doc: string;
  type: Type;
  /** Reachable from a request body or parameter. */
  request: boolean;
  /** Reachable from a response body. */
  response: boolean;
  /** `x-hev-ts-type`: the hand-written TypeScript alias that stands for this schema (recursive tuples). */
  tsType?: string;
  example?: unknown;
}

export interface Param extends Field {
  in: "path" | "query" | "header";
  example?: unknown;
}

export interface Body {
  required: boolean;
  /** Always a `ref` for JSON bodies, so that every language has a name for it. */
  type: Type;
  /** `x-hev-body-validation`: how much the server checks before the handler. */
  validation: "full" | "shallow" | "none";
  doc: string;
  examples: Example[];
}

export interface Example {
  name: string;
  summary: string;
  value: unknown;
}

export interface ResponseHeader {
  wire: string;
  type: Type;
  doc: string;
}

export interface SuccessResponse {
  /** Ascending, for example [200] or [202]. */
  statuses: number[];
  /** Absent when the answer has no body. */
  type?: Type;
  contentType: string;
  headers: ResponseHeader[];
  doc: string;
  examples: Example[];
}

export interface ErrorResponse {
  status: number;
  doc: string;
}

/** `x-hev-page`: how a listing continues. `none` stands for a listing without pages. */
export type Page =
  | "none"
  | {
      /** Query parameter that takes the cursor. */
      cursor: string;
      /** Field of the body that holds the items; absent when the body is a bare array. */
      items?: string;
      /** Field of the body, or field of the last item, that holds the next cursor. */
      next: { field: string } | { lastItem: string };
    };

/** `x-hev-wait`: how the job that an operation reads is waited for. Fields are those of the answer, by wire name. */
export interface Wait {
  /** Field that says how the job stands. */
  state: string;
  /** Its values once the job has ended well; failed; and before that. Clients take a value unknown to them for running. */
  done: string[];
  failed: string[];
  running: string[];
  /** Field that says how far the job is, a number from 0 to 1. */
  progress: string;
}

/** `x-hev-meta`: a response header that clients lift into the decoded model as `field`. */
export interface MetaHeader {
  header: string;
  field: string;
  words: string[];
  type: Type;
  doc: string;
}

/** A query parameter that the client sets and the caller does not see. */
export interface FixedParam {
  wire: string;
  value: string;
}

export interface Operation {
  /** operationId, camelCase; also the TypeScript method name. */
  id: string;
  words: string[];
  tag: string;
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Template as in the spec: `/v2/namespaces/{namespace}/documents/{doc_id}`. */
  path: string;
  /** Query parameters that every call sends with these values, in order; only overloads have any. */
  fixedQuery: FixedParam[];
  /**
   * The operation whose method and path this one shares (`x-hev-overloads`). To a client an overload is an operation like
   * any other; a server has one route and tells them apart by the body.
   */
  overloadOf?: string;
  summary: string;
  doc: string;
  pathParams: Param[];
  queryParams: Param[];
  headerParams: Param[];
  body?: Body;
  success: SuccessResponse;
  errors: ErrorResponse[];
  /** `x-hev-access`: the scope a caller needs; `none` needs no bearer. */
  access: "read" | "write" | "admin" | "none";
  /**
   * `x-hev-kind`: `passthrough` relays upstream's own answer, `upstream` is upstream's wire with Layer behaviour around
   * it, `layer` exists only here. Go and Python give passthrough bodies as open maps.
   */
  kind: "passthrough" | "upstream" | "layer";
  /**
   * `x-hev-fallthrough`: may a client go to upstream directly when the gateway cannot be reached. `simple`: only with a plain
   * vector query, which is rewritten to upstream's own form; `native`: only with a body that holds nothing of Layer's own,
   * at the top or in an item of `queries`.
   */
  fallthrough: "yes" | "no" | "simple" | "native";
  /** Path upstream when it differs from `path` (only meaningful with fallthrough). */
  upstreamPath: string;
  /** `x-hev-safe`: retry class. */
  safe: "read" | "idempotent" | "once";
  page?: Page;
  wait?: Wait;
  meta: MetaHeader[];
  deprecated: boolean;
}

/** One row of the closed catalogue of error codes. */
export interface ErrorCode {
  code: string;
  words: string[];
  status: number;
  retryable: boolean;
  doc: string;
}

export interface Tag {
  name: string;
  doc: string;
}

export interface Api {
  title: string;
  version: string;
  doc: string;
  tags: Tag[];
  operations: Operation[];
  types: NamedType[];
  errorCodes: ErrorCode[];
}

/** A file an emitter produces: path relative to the repository root, and its text. The harness formats it afterwards. */
export interface EmittedFile {
  path: string;
  text: string;
}

/**
 * A target of the harness. `owned` are the glob-free path prefixes under which files that carry our marker and are no
 * longer emitted count as stale; written files beside them are never touched.
 */
export interface Target {
  name: string;
  doc: string;
  owned: string[];
  emit(api: Api, context: EmitContext): Promise<EmittedFile[]>;
}

export interface EmitContext {
  /** Absolute path of the spec, for engines that read it themselves. */
  specPath: string;
  /** The parsed spec document. */
  document: unknown;
}
