/**
 * The seam between the generated operations and the runtime: what an operation is, what a caller may set per call, what
 * comes back. Generated code knows this module, the type of a listing's pages and the filter types, and no other of ours.
 */
import type { PageInfo, Pages } from "./pages.js";
import type { LayerResponse } from "./perf.js";

/** What the runtime must know of an operation; one constant of the generated table. */
export interface OperationInfo {
  /** operationId. */
  readonly id: string;
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path template with `{wire_name}` parameters. */
  readonly path: string;
  /** Retry class: `read` and `idempotent` may be repeated, `once` only when it surely was not processed. */
  readonly safe: "read" | "idempotent" | "once";
  /**
   * Whether Turbopuffer may be asked directly when the gateway cannot be reached. `simple`: only for a vector query, which is
   * rewritten; `native`: only for a body that holds nothing of Layer's own.
   */
  readonly fallthrough: "yes" | "no" | "simple" | "native";
  /** Path there, when it differs. */
  readonly upstreamPath?: string;
  /** Query parameters that every call sends: what tells operations on one route apart. */
  readonly fixedQuery?: Readonly<Record<string, string>>;
  /** Option name to query parameter. */
  readonly query?: Readonly<Record<string, string>>;
  /** Option name to request header. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the request must have a body; absent when it need not or has none. */
  readonly body?: "required";
  /** What the body of a success is. */
  readonly result: "object" | "array" | "value" | "text" | "none";
  /** Response headers that become fields of the result; null when the header is absent. */
  readonly meta?: readonly MetaField[];
  readonly page?: PageInfo;
  readonly wait?: WaitInfo;
}

export interface MetaField {
  /** Lower-case name. */
  readonly header: string;
  readonly field: string;
  readonly type: "integer" | "number" | "boolean" | "string";
}

/** What every call takes. `P` is the type of `withPerf`, which decides what the call returns. */
export interface CallOptions<P extends boolean = boolean> {
  /** Ends the call within 50 ms: connecting, reading, waiting between tries, paging. */
  signal?: AbortSignal | undefined;
  /** Milliseconds an attempt may take, body included. Default the client's. */
  timeout?: number | undefined;
  /** Milliseconds the call may take, all attempts and pauses included. Default the client's. */
  totalTimeout?: number | undefined;
  /** Tries after the first, at most 100. Default the client's. */
  maxRetries?: number | undefined;
  /** Request headers beside the client's own; null removes one. */
  headers?: Readonly<Record<string, string | null>> | undefined;
  /** Query parameters that the operation does not declare. */
  extraQuery?: Readonly<Record<string, QueryValue | undefined>> | undefined;
  /** Return `{ data, perf }` instead of the data alone. Default false. */
  withPerf?: P | undefined;
}

/** How an answer says that a job has ended. */
export interface WaitInfo {
  /** Field that holds the state. */
  readonly state: string;
  /** States of a job that has ended well. */
  readonly done: readonly string[];
  readonly failed: readonly string[];
  /** Field that holds how far the job is, from 0 to 1. */
  readonly progress: string;
}

/** Options of a wait. Those of every call apply to each of its requests, but for those below. */
export interface WaitOptions<Job> extends Omit<CallOptions<false>, "withPerf"> {
  /** Milliseconds the whole wait may take. Default 600,000. */
  totalTimeout?: number | undefined;
  /** Retries within one request. Default 0: after a failure that may pass the wait goes on and asks again. */
  maxRetries?: number | undefined;
  /** Milliseconds between the first two requests. Default 250. */
  firstDelay?: number | undefined;
  /** By how much each further pause is longer, at least 1. Default 1.5. */
  delayFactor?: number | undefined;
  /** The longest pause in milliseconds, unless the server asks for a longer one. Default 5,000. */
  maxDelay?: number | undefined;
  /**
   * Called with the job after every answer, and waited for where it is async: `signal` ends that too, `totalTimeout` does
   * not. What it throws ends the wait.
   */
  onProgress?: ((job: Job) => unknown) | undefined;
}

export type QueryValue = string | number | bigint | boolean | readonly (string | number | bigint | boolean)[];

/** The data, or the data with its performance, as `withPerf` says. */
export type Result<T, P extends boolean> = P extends true ? LayerResponse<T> : T;

/** Path arguments by wire name. */
export type PathArguments = Readonly<Record<string, string | number | bigint>>;

/** What generated operations call. */
export interface Caller {
  call<T, P extends boolean>(
    operation: OperationInfo,
    path: PathArguments,
    body: unknown,
    options: CallOptions<P> | undefined,
  ): Promise<Result<T, P>>;

  pages<Page, Item>(
    operation: OperationInfo,
    path: PathArguments,
    options: CallOptions<false> | undefined,
  ): Pages<Page, Item>;

  wait<Job>(
    operation: OperationInfo & { readonly wait: WaitInfo },
    path: PathArguments,
    options: WaitOptions<Job> | undefined,
  ): Promise<Job>;
}
